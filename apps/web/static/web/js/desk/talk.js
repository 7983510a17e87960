// The conversation in the middle: its head, its transcript, what may be done with it.
import { byId, el, mark, say } from "../dom.js";
import { newId } from "../lockstep-chat.js";
import { Transcript } from "../transcript.js";
import { toast } from "./alerts.js";
import { isOpen } from "./store.js";
import { Composer } from "./composer.js";
import { CHANNELS, nameOf, STATES, STATUSES } from "./words.js";

const WHO = { bot: "Bot", agent: "Agent" };

export class Talk {
  constructor({ store, chat, role, onChange }) {
    Object.assign(this, { store, chat, role, onChange, id: null, talk: null });
    this.transcript = new Transcript(byId("transcript"), {
      mine: "agent",
      nameOf: (message) => this.speaker(message),
      onRetry: (id) => this.talk.retry(id),
      onDiscard: (id) => this.talk.discard(id),
    });
    this.composer = new Composer({
      onSend: (mode, text) => this.send(mode, text),
      onTyping: (isTyping) => this.talk?.typing(isTyping),
      onFile: (file) => this.attach(file),
      canned: async () => (await store.canned().catch(() => ({ results: [] }))).results.map((one) => ({ name: one.shortcut, title: one.title, body: one.body })),
    });
    byId("transcript").addEventListener("scroll", () => this.scrolled(), { passive: true });
    byId("talk-acts").addEventListener("click", ({ target }) => {
      const act = target.closest("[data-act]")?.dataset.act;
      if (act) this.act(act);
    });
    for (const name of ["transfer", "closing"]) byId(name).addEventListener("close", () => this.answered(name));
    addEventListener("focus", () => this.markRead());
    store.addEventListener("change", () => this.show());
  }

  get row() {
    return this.store.rows.get(this.id) ?? null;
  }

  speaker({ sender, sender_id: id }) {
    if (sender === "customer") return this.row ? nameOf(this.row) : "Customer";
    return (sender === "agent" && this.store.nameOf(id)) || WHO[sender] || sender;
  }

  choose(id) {
    this.id = id;
    this.talk = id ? this.chat.open(id) : null;
    byId("talk-none").hidden = Boolean(id);
    byId("talk-head").hidden = byId("transcript").hidden = !id;
    this.transcript.reset(this.talk);
    this.show();
    this.showTyping();
    this.markRead();
  }

  show() {
    const row = this.row;
    if (!row) return void this.composer.choose(null, []);
    const isMine = this.store.isMine(row);
    say(byId("talk-name"), nameOf(row));
    const owner = row.owner === "agent" || row.agent ? (isMine ? "yours" : this.store.nameOf(row.agent) || "another agent") : "";
    byId("talk-facts").replaceChildren(
      el("span", { class: "chip", "data-state": row.state }, STATES[row.state]?.[0] ?? row.state),
      ...[CHANNELS[row.channel] ?? row.channel, row.language, owner].filter(Boolean).map((word) => el("span", {}, word)));
    this.allow(row, isMine);
  }

  allow(row, isMine) {
    const isOver = row.state === "closed";
    const may = {
      take: !isMine && !isOver && (this.role.supervises || row.state === "queued"),
      hold: isMine && ["active", "on_hold"].includes(row.state),
      transfer: (isMine || this.role.supervises) && ["active", "on_hold"].includes(row.state),
      close: (isMine || this.role.supervises) && !isOver,
    };
    for (const button of byId("talk-acts").querySelectorAll("[data-act]")) button.hidden = !may[button.dataset.act];
    const hold = byId("talk-acts").querySelector("[data-act=hold]");
    say(hold, row.state === "on_hold" ? "Resume" : "Hold");
    this.composer.choose(this.id, [...(this.mayReply(row, isMine) ? ["reply"] : []), ...(this.role.supervises && !isMine && row.agent ? ["whisper"] : []), ...(this.role.writes ? ["note"] : [])]);
  }

  /** The agent who has it; a supervisor may step in wherever the customer can still write. */
  mayReply(row, isMine) {
    return isMine ? ["active", "on_hold", "wrap_up"].includes(row.state) : this.role.supervises && isOpen(row);
  }

  // --- the socket tells -----------------------------------------------------------------------------
  heard(talk, what, fresh) {
    if (talk !== this.talk) return;
    if (what === "messages") {
      this.transcript.append(fresh);
      this.markRead();
    } else if (what === "reset") this.transcript.reset(talk);
    else if (what === "older") this.transcript.redraw();
    else if (what === "outbox") this.transcript.showOutbox();
    else if (what === "receipt" || what === "ready") this.transcript.showStatus();
    this.showTyping();
  }

  /** A supervisor's word to the agent: beside the transcript, and gone with the page. */
  whispered({ conversation, sender_id: by, body }) {
    const name = this.store.nameOf(by) || "Supervisor";
    toast(`${name}: ${body}`);
    if (conversation === this.id) this.transcript.aside(`${name} whispers: ${body}`);
  }

  showTyping() {
    const typists = [...(this.talk?.typists.keys() ?? [])].filter((one) => one !== "agent");
    say(byId("typing"), typists.length ? `${typists.map((sender) => this.speaker({ sender })).join(", ")} is typing …` : "");
  }

  /** Read is what stands on a screen that somebody looks at. */
  markRead() {
    if (!this.talk || document.visibilityState !== "visible" || !document.hasFocus() || !this.transcript.isAtEnd) return;
    // What a supervisor looks at while an agent has it was not read by who has to answer.
    if (this.row && (this.store.isMine(this.row) || (!this.row.agent && this.mayReply(this.row, false)))) this.talk.read();
    if (this.store.unread.delete(this.id)) this.onChange();
  }

  async scrolled() {
    this.markRead();
    if (this.transcript.host.scrollTop > 80 || !this.talk?.timeline.start || this.reading) return;
    this.reading = true;
    await this.talk.older().catch(() => {});
    this.reading = false;
  }

  // --- the person acts ------------------------------------------------------------------------------
  async send(mode, text) {
    if (mode === "reply") return void this.talk.send(text);
    try {
      await (mode === "note" ? this.store.note(this.id, text) : this.store.whisper(this.id, text));
      this.onChange("notes");
    } catch (error) {
      this.composer.text.value = text;
      this.composer.keep();
      toast(error.message);
    }
  }

  async attach(file) {
    toast(`Sending ${file.name} …`);
    try {
      await this.store.attach(this.id, file, newId());
      toast("");
    } catch (error) {
      toast(`${file.name}: ${error.message}`);
    }
  }

  async act(name) {
    if (!this.row || byId("talk-acts").querySelector(`[data-act=${name}]`).hidden) return;
    if (name === "transfer") return this.ask("transfer", () => this.offerAgents());
    if (name === "close") return this.ask("closing");
    await this.perform(() => (name === "take" ? this.store.take(this.id) : this.row.state === "on_hold" ? this.store.resume(this.id) : this.store.hold(this.id)));
  }

  ask(name, prepare = () => {}) {
    prepare();
    byId(`${name}-fault`).hidden = true;
    byId(name).returnValue = "";
    byId(name).showModal();
  }

  offerAgents() {
    const others = [...this.store.agents.values()].filter((one) => one.id !== this.store.me?.id);
    const teams = [...new Set([...this.store.agents.values()].map((one) => one.team).filter(Boolean))].sort();
    byId("to-agent").replaceChildren(el("option", { value: "" }, "anyone who can"),
      el("optgroup", { label: "People", hidden: !others.length }, ...others.map((one) => el("option", { value: one.id, "data-kind": "agent" }, `${one.name} · ${STATUSES[one.status] ?? one.status}`))),
      el("optgroup", { label: "Teams", hidden: !teams.length }, ...teams.map((name) => el("option", { value: name, "data-kind": "team" }, name))));
  }

  async answered(name) {
    if (byId(name).returnValue !== "go") return;
    const done = await this.perform(() => (name === "transfer"
      ? this.store.transfer(this.id, this.whereto())
      : this.store.close(this.id, byId("reason").value)), `${name}-fault`);
    if (!done) byId(name).showModal();
  }

  whereto() {
    const chosen = byId("to-agent").selectedOptions[0];
    return { ...(chosen?.dataset.kind && { [chosen.dataset.kind]: chosen.value }), skill: byId("to-skill").value.trim() };
  }

  async perform(act, fault) {
    const id = this.id; // another one may be chosen meanwhile
    try {
      await act();
      await this.store.refresh(id);
      return true;
    } catch (error) {
      if (!fault) toast(error.message);
      else {
        say(byId(fault), error.message);
        byId(fault).hidden = false;
      }
      return false;
    }
  }
}

/** Which parts of the narrow desk show. */
export const turnTo = (part) => mark(byId("desk"), "shows", part);
