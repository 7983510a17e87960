// The widget: one visitor, one conversation, on somebody else's page.
import { el, say } from "../dom.js";
import { LockstepChat, newId } from "../lockstep-chat.js";
import { Transcript } from "../transcript.js";
import { Visitor } from "./api.js";
import { build, dress, inkOn } from "./view.js";

const NAMES = { bot: "Assistant", agent: "Agent", system: "" };
const WAITING = ["queued", "offered"];
const STATES = {
  bot: "The assistant answers", queued: "Waiting for a person", offered: "Waiting for a person", active: "You are talking to a person", on_hold: "On hold for a moment",
};

export async function mount(script) {
  const { key, server } = script.dataset;
  if (!key) return console.warn("Lockstep's chat needs data-key.");
  const visitor = new Visitor(server ?? new URL(script.src).origin, key, keep());
  const look = await visitor.look().catch(() => ({})); // not there: it still opens, and says what is wrong
  const words = { title: look.title || "Chat with us", greeting: look.greeting || "Hello! How can we help?" };
  const { accent, theme, side, title, greeting } = { accent: "#0b7565", theme: "auto", side: "right", ...look, ...words, ...script.dataset };
  const host = document.body.appendChild(el("lockstep-chat", { "data-theme": theme, "data-side": side }));
  host.style.setProperty("--lockstep-accent", accent);
  host.style.setProperty("--lockstep-accent-ink", inkOn(accent));
  const root = host.attachShadow({ mode: "open" });
  await dress(root, new URL("./", script.src));
  const widget = new Widget(build(root, { title, greeting }), visitor, script.dataset, look.hours);
  Object.assign(window.Lockstep, { open: () => widget.open(), close: () => widget.close(), toggle: () => widget.toggle() });
  host.dispatchEvent(new Event("ready"));
  if (script.dataset.open !== undefined || widget.wasOpen) widget.open({ focus: false });
  else if (widget.visitor.isKnown) widget.join();
}

class Widget {
  constructor(parts, visitor, given, hours = { is_open: true }) {
    Object.assign(this, { parts, visitor, given, hours, chat: null, talk: null, files: new Map(), isOpen: false });
    this.transcript = new Transcript(parts.log, {
      mine: "customer", nameOf: (one) => NAMES[one.sender] ?? "", fileOf: (file) => this.fileOf(file),
      onRetry: (id) => this.talk.retry(id), onDiscard: (id) => this.talk.discard(id),
    });
    parts.launcher.addEventListener("click", () => this.toggle());
    parts.away.addEventListener("click", () => this.close());
    parts.panel.addEventListener("keydown", (event) => event.key === "Escape" && this.close());
    parts.form.addEventListener("submit", (event) => (event.preventDefault(), this.send()));
    parts.text.addEventListener("keydown", (event) => {
      event.stopPropagation(); // the site's short cuts are not meant
      if (event.key === "Escape") this.close();
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.send();
    });
    parts.text.addEventListener("input", () => (this.grow(), parts.text.value && this.talk?.typing()));
    parts.contact.addEventListener("submit", (event) => (event.preventDefault(), this.leaveContact()));
    parts.file.addEventListener("change", () => this.attach());
    parts.log.addEventListener("scroll", () => this.scrolled(), { passive: true });
    addEventListener("focus", () => this.markRead());
    document.addEventListener("visibilitychange", () => this.markRead());
    parts.text.value = session("lockstep.draft") ?? "";
    this.showState();
  }

  get wasOpen() {
    return session("lockstep.open") === "yes";
  }

  // --- open and closed ------------------------------------------------------------------------------
  toggle() {
    if (this.isOpen) this.close();
    else this.open();
  }

  open({ focus = true } = {}) {
    this.isOpen = true;
    this.parts.panel.hidden = false;
    this.parts.launcher.setAttribute("aria-expanded", "true");
    session("lockstep.open", "yes");
    this.join();
    this.grow();
    this.transcript.toEnd();
    this.markRead();
    if (focus) this.parts.text.focus();
  }

  close() {
    this.isOpen = false;
    this.parts.panel.hidden = true;
    this.parts.launcher.setAttribute("aria-expanded", "false");
    session("lockstep.open", "no");
    this.showUnread();
    this.parts.launcher.focus();
  }

  // --- the visitor ----------------------------------------------------------------------------------
  /** Who we are; once a page, again after a failure. */
  join() {
    this.joining ??= this.visitor.session().then((found) => this.joined(found), (error) => {
      this.joining = null;
      const isOurs = error.status && !error.isPassing;
      this.complain(isOurs ? `The chat is not available here. ${error.message}` : "The chat does not answer just now; it tries again.");
      if (isOurs) throw error;
      return new Promise((done) => setTimeout(done, (error.seconds ?? 4) * 1000)).then(() => this.join());
    });
    this.joining.catch(() => {});
    return this.joining;
  }

  joined({ title, greeting, conversation }) {
    this.complain("");
    if (title && !this.given.title) say(this.parts.name, title);
    if (greeting && !this.given.greeting) say(this.parts.hello, greeting);
    if (conversation) this.follow(conversation);
  }

  /** Join a conversation over the socket. */
  follow(conversation) {
    if (this.talk?.id === conversation.id) return;
    this.chat?.stop();
    this.files.forEach((address) => address.then((one) => URL.revokeObjectURL(one), () => {}));
    this.files.clear();
    this.chat = new LockstepChat({
      door: "chat", storage: keep(), scope: this.visitor.key,
      ticket: () => this.visitor.ticket(conversation.id),
      pull: (id, query) => this.visitor.messages(id, query),
    });
    this.chat.addEventListener("connection", ({ detail }) => this.connected(detail));
    this.chat.addEventListener("change", ({ detail }) => this.heard(detail));
    this.talk = this.chat.open(conversation.id);
    Object.assign(this.talk, { state: conversation.state, owner: conversation.owner });
    this.transcript.reset(this.talk);
    this.ended(conversation.state === "closed" ? {} : null);
    this.chat.start();
    this.showState();
  }

  /** The conversation that is open; a new one for the first message. */
  async begin() {
    await this.join();
    if (this.talk && !this.isOver) return this.talk;
    this.beginning ??= this.visitor.open({ ...(this.given.language && { language: this.given.language }) }).finally(() => (this.beginning = null));
    this.follow(await this.beginning);
    return this.talk;
  }

  // --- speaking -------------------------------------------------------------------------------------
  async send() {
    const text = this.parts.text.value.trim();
    if (!text) return;
    this.parts.text.value = "";
    session("lockstep.draft", "");
    this.grow();
    try {
      const talk = await this.begin();
      talk.send(text);
      talk.typing(false);
      this.complain("");
    } catch (error) {
      this.parts.text.value ||= text;
      session("lockstep.draft", this.parts.text.value);
      this.complain(error.status ? error.message : "There is no connection. Your message is still here; try again in a moment.");
    }
  }

  async attach() {
    const [file] = this.parts.file.files;
    this.parts.file.value = "";
    if (!file) return;
    this.complain("");
    say(this.parts.typing, `Sending ${file.name} …`);
    try {
      const talk = await this.begin();
      await this.visitor.attach(talk.id, file, newId());
    } catch (error) {
      this.complain(`${file.name} was not sent. ${error.message}`);
    }
    this.showTyping();
  }

  fileOf({ id }) {
    if (!this.files.has(id)) this.files.set(id, this.visitor.file(this.talk.id, id));
    return this.files.get(id);
  }

  /** Nobody is there: how the visitor can be reached. */
  async leaveContact() {
    const field = this.parts.contact.querySelector("input");
    try {
      await this.visitor.contact(this.talk.id, field.value.trim());
      session("lockstep.contact", this.talk.id);
      field.value = "";
      this.transcript.aside("Thank you. We will get back to you.");
      this.complain("");
    } catch (error) {
      this.complain(error.status ? error.message : "There is no connection. Try again in a moment.");
    }
    this.showState();
  }

  // --- hearing --------------------------------------------------------------------------------------
  heard({ conversation, what, fresh, frame }) {
    if (conversation !== this.talk) return;
    const closed = (fresh ?? []).findLast((one) => one.event?.name === "out_of_hours");
    if (closed) this.hours = { is_open: false, ...closed.event };
    if (what === "messages") this.transcript.append(fresh);
    else if (what === "reset") this.transcript.reset(conversation);
    else if (what === "older") this.transcript.redraw();
    else if (what === "outbox") this.transcript.showOutbox();
    else if (what === "receipt") this.transcript.showStatus();
    else if (what === "ready") this.begun(conversation);
    else if (what === "closed") this.ended(frame);
    else if (what === "conversation" && frame.state === "closed" && !this.isOver) this.ended(frame);
    if (what === "messages" || what === "reset") this.markRead();
    this.showTyping();
    this.showState();
  }

  begun(talk) {
    const own = [...talk.marks.values()].filter((one) => one.sender === "customer");
    talk.own.read = Math.max(talk.own.read, ...own.map((one) => one.read_seq));
    this.transcript.showStatus();
    this.markRead();
  }

  connected({ state, why }) {
    const isAway = state === "waiting" && this.chat.failures > 1;
    this.complain(state === "stopped" && why ? why : isAway ? "No connection. What you write is kept and sent later." : "");
    this.showState();
  }

  markRead() {
    if (this.isOpen && this.talk && document.visibilityState === "visible" && document.hasFocus() && this.transcript.isAtEnd) this.talk.read();
    this.showUnread();
  }

  showUnread() {
    const unread = (this.talk?.messages ?? []).filter((one) => one.sender !== "customer" && one.seq > this.talk.own.read).length;
    this.parts.badge.hidden = !unread || this.isOpen;
    say(this.parts.badge, unread ? String(unread) : "");
    this.parts.launcher.setAttribute("aria-label", `${this.isOpen ? "Close" : "Open"} chat: ${this.parts.name.textContent}${unread ? `, ${unread} unread` : ""}`);
  }

  showTyping() {
    const others = [...(this.talk?.typists.keys() ?? [])].filter((one) => one !== "customer");
    say(this.parts.typing, others.length ? `${NAMES[others[0]] || "Somebody"} is typing …` : "");
  }

  showState() {
    const isShut = !this.hours.is_open && (!this.talk || WAITING.includes(this.talk.state));
    const shut = this.hours.opens_at ? `Closed until ${whenOf(this.hours.opens_at)}` : "Closed just now";
    const word = this.isOver ? "Ended" : this.chat && this.chat.state !== "live" ? "Connecting …" : isShut ? shut : STATES[this.talk?.state] ?? "";
    say(this.parts.state, word);
    this.parts.contact.hidden = !(isShut && this.talk && !this.isOver && this.hours.asks_contact && session("lockstep.contact") !== this.talk.id);
    this.parts.hello.hidden = Boolean(this.talk?.messages.length);
  }

  // --- the end --------------------------------------------------------------------------------------
  ended(frame) {
    this.isOver = Boolean(frame);
    this.parts.over.hidden = !frame;
    if (!frame) return;
    const stars = [1, 2, 3, 4, 5].map((score) => el("button", { type: "button", "data-score": score, "aria-label": `${score} of 5` }, String(score)));
    const scale = el("div", { class: "scale", role: "group", "aria-label": "How was it? 1 is bad, 5 is very good" }, ...stars);
    scale.addEventListener("click", ({ target }) => target.dataset.score && this.rate(Number(target.dataset.score)));
    this.parts.over.replaceChildren(el("p", {}, "This conversation has ended. How was it?"), scale, el("p", { class: "small" }, "Write again at any time to start a new one."));
  }

  async rate(score) {
    try {
      await this.visitor.rate(this.talk.id, score);
      this.parts.over.replaceChildren(el("p", {}, "Thank you!"), el("p", { class: "small" }, "Write again at any time to start a new one."));
    } catch (error) {
      this.complain(error.message);
    }
  }

  // --- small things ---------------------------------------------------------------------------------
  async scrolled() {
    this.markRead();
    if (this.parts.log.scrollTop > 60 || !this.talk?.timeline.start || this.reading) return;
    this.reading = true;
    await this.talk.older().catch(() => {});
    this.reading = false;
  }

  grow() {
    const { text } = this.parts;
    text.style.height = "auto";
    text.style.height = `${Math.min(text.scrollHeight + 2, 132)}px`;
    session("lockstep.draft", text.value);
  }

  complain(text) {
    say(this.parts.fault, text);
    this.parts.fault.hidden = !text;
  }
}

const whenOf = (iso) => new Date(iso).toLocaleString([], { weekday: "long", hour: "2-digit", minute: "2-digit" });

/** Storage that may be forbidden; then it lasts as long as the page. */
function keep() {
  try {
    localStorage.setItem("lockstep.probe", "1");
    localStorage.removeItem("lockstep.probe");
    return localStorage;
  } catch {
    const kept = (keep.kept ??= new Map());
    return {
      get length() { return kept.size; }, key: (index) => [...kept.keys()][index] ?? null, getItem: (name) => kept.get(name) ?? null,
      setItem: (name, value) => void kept.set(name, value), removeItem: (name) => void kept.delete(name),
    };
  }
}

/** Read or write what lasts as long as the tab. */
function session(name, value) {
  try {
    if (value === undefined) return sessionStorage.getItem(name);
    sessionStorage.setItem(name, value);
  } catch {
    // as above
  }
  return null;
}
