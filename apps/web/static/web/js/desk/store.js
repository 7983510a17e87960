// What the desk knows: conversations by id, the agents, myself. It asks the API and hears the socket.
import { address, call, get, post, put } from "../api.js";

const OPEN = new Set(["bot", "queued", "offered", "active", "on_hold"]);
const PAGE = 100;

export class Store extends EventTarget {
  constructor(config) {
    super();
    this.config = config;
    this.rows = new Map();
    this.agents = new Map();
    this.me = null;
    this.toldOfMe = {}; // by the socket, since the API was asked last
    this.isLoaded = false; // until then an empty list says nothing
    this.unread = new Map(); // conversation → messages that I have not read
  }

  path(id, more = "") {
    return `${this.config.conversations}/${id}${more ? `/${more}` : ""}`;
  }

  /** Everything from the start; again after a reconnection, when frames may have been missed. */
  async load() {
    const [me, agents] = await Promise.all([this.askMe(), get(address(this.config.agents, { limit: PAGE })).catch(none)]);
    for (const one of agents?.results ?? []) this.agents.set(one.id, one);
    const asked = [{ state: "queued" }, { state: "open" }];
    if (me) asked.push({ agent: me.id, state: "open" }, { agent: me.id, state: "wrap_up" });
    const pages = await Promise.all(asked.map((query) => get(address(this.config.conversations, { ...query, limit: PAGE }))));
    const found = pages.flatMap((page) => page.results);
    const known = new Set(found.map((one) => one.id));
    // What was open and is not among the open ones any more has been closed meanwhile.
    const gone = [...this.rows.values()].filter((one) => isOpen(one) && !known.has(one.id));
    found.forEach((one) => this.put(one));
    await Promise.all(gone.map((one) => this.refresh(one.id)));
    this.isLoaded = true;
    this.changed();
  }

  async more(query) {
    const page = await get(address(this.config.conversations, { limit: PAGE, ...query }));
    page.results.forEach((one) => this.put(one));
    this.changed();
    return page.results;
  }

  async refresh(id) {
    try {
      this.put(await get(this.path(id)));
    } catch (error) {
      if (error.status === 404 || error.status === 403) this.rows.delete(id); // else it is shown as it was
    }
    this.changed();
  }

  /** What I have and may still take. */
  async refreshMe() {
    if (this.me) await this.askMe();
    this.changed();
  }

  /** Myself, as the API knows me; what was told since it was asked is newer. */
  async askMe() {
    this.toldOfMe = {};
    const me = this.config.me ? await get(this.config.me) : null;
    this.me = me && { ...me, ...this.toldOfMe };
    return this.me;
  }

  /** A frame told of me. */
  hearMe(facts) {
    Object.assign(this.toldOfMe, facts);
    Object.assign(this.me, facts);
  }

  put(row) {
    const known = this.rows.get(row.id);
    if (known && (row.version ?? 0) < (known.version ?? 0)) return;
    this.rows.set(row.id, { ...known, ...row });
  }

  /** A `conversation` frame: a row's newest state, or a reason to ask for the whole row. */
  hear(frame) {
    const { type, conversation: id, ...facts } = frame;
    const known = this.rows.get(id);
    if (!known && !facts.customer) return void this.refresh(id);
    this.put({ ...facts, id });
    this.changed();
  }

  /** A message came: what the list shows of its conversation. */
  heard(id, message) {
    const row = this.rows.get(id);
    if (!row || (row.last_message?.seq ?? 0) >= message.seq) return;
    this.rows.set(id, { ...row, last_seq: message.seq, last_message: message });
    this.changed();
  }

  isMine(row) {
    return Boolean(this.me) && row.agent === this.me.id && (isOpen(row) || row.state === "wrap_up");
  }

  of(tab) {
    const rows = [...this.rows.values()];
    if (tab === "mine") return rows.filter((one) => this.isMine(one)).sort(byLast);
    if (tab === "queue") return rows.filter((one) => one.state === "queued" || one.state === "offered").sort(byWaiting);
    if (tab === "open") return rows.filter(isOpen).sort(byLast);
    return rows.filter((one) => one.state === "closed").sort((one, other) => (other.closed_at ?? "").localeCompare(one.closed_at ?? ""));
  }

  nameOf(agent) {
    return this.agents.get(agent)?.name ?? (agent && agent === this.me?.id ? this.me.name : "");
  }

  changed() {
    this.dispatchEvent(new Event("change"));
  }

  // --- what an agent does -------------------------------------------------------------------------
  setStatus(status) {
    return put(`${this.config.agents}/${this.me.id}/status`, { status });
  }

  hold(id) {
    return post(this.path(id, "hold"), { on: true });
  }

  resume(id) {
    return post(this.path(id, "hold"), { on: false });
  }

  transfer(id, { agent, team, skill }) {
    return post(this.path(id, "transfer"), { ...(agent && { agent }), ...(team && { team }), ...(skill && { skills: [skill] }) });
  }

  close(id, reason) {
    return post(this.path(id, "closure"), { reason, wrap_up: false });
  }

  take(id) {
    return post(this.path(id, "takeover"));
  }

  whisper(id, body) {
    return post(this.path(id, "whispers"), { body });
  }

  notes(id) {
    return get(this.path(id, "notes"));
  }

  note(id, body) {
    return post(this.path(id, "notes"), { body });
  }

  tags(id, tags) {
    return put(this.path(id, "tags"), { tags });
  }

  canned() {
    return get(this.config.canned);
  }

  history(customer) {
    return get(address(this.config.conversations, { customer, limit: 20 }));
  }

  attach(id, file, clientId) {
    const form = new FormData();
    form.append("file", file);
    form.append("client_id", clientId);
    form.append("sender", "agent"); // whoever sits at a desk answers, whatever their role
    return call("POST", this.path(id, "attachments"), form, { ms: 60000 });
  }

  async messages(id, { after, limit }) {
    return (await get(address(this.path(id, "messages"), { after_seq: after, limit }))).results;
  }
}

export const isOpen = (row) => OPEN.has(row.state);
const none = (error) => (error.status === 404 || error.status === 403 ? null : Promise.reject(error));
const byLast = (one, other) => lastOf(other).localeCompare(lastOf(one));
const lastOf = (row) => row.last_message?.sent_at ?? row.opened_at ?? "";
const byWaiting = (one, other) => (other.priority ?? 0) - (one.priority ?? 0) || (one.queued_at ?? "").localeCompare(other.queued_at ?? "");
