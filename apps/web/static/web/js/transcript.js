// A conversation on the screen, for the desk and for the widget: bubbles in order, what is on its way
// below them, days, names, ticks. Only what changed is touched; text is always text.
import { el, say } from "./dom.js";

const TICKS = { sending: "…", sent: "✓", delivered: "✓✓", read: "✓✓", refused: "!" };
const WORDS = { sending: "On its way", sent: "Sent", delivered: "Delivered", read: "Read", refused: "Not sent" };
const LINK = /\bhttps?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]]/g;
const NEAR_MS = 4 * 60_000; // messages of one sender within this time stand together

export class Transcript {
  /** `mine`: the sender whose bubbles stand on the right. `nameOf(message)`, `fileOf(attachment)` → address. */
  constructor(host, { mine, talk = null, nameOf = () => "", fileOf = async (one) => one.url, onRetry = () => {}, onDiscard = () => {} }) {
    Object.assign(this, { host, mine, talk, nameOf, fileOf, onRetry, onDiscard });
    this.body = el("ol", { class: "lines" });
    this.pending = el("ol", { class: "lines pending" });
    host.replaceChildren(this.body, this.pending);
  }

  /** Show another conversation, or the same from the beginning. */
  reset(talk = this.talk) {
    this.talk = talk;
    this.body.replaceChildren();
    this.pending.replaceChildren();
    this.last = null;
    if (!talk) return;
    this.append(talk.messages, { jump: true });
    this.showOutbox();
  }

  get isAtEnd() {
    return this.host.scrollHeight - this.host.scrollTop - this.host.clientHeight < 60;
  }

  toEnd() {
    this.host.scrollTop = this.host.scrollHeight;
  }

  append(messages, { jump = false } = {}) {
    const follow = jump || this.isAtEnd || messages.some((one) => one.sender === this.mine);
    for (const one of messages) {
      this.body.append(...this.dayBefore(one, this.last), this.line(one, this.last));
      this.last = one;
    }
    this.showOutbox();
    if (follow) this.toEnd();
    return follow;
  }

  /** A line that is no message: nobody else sees it, and it is not kept. */
  aside(text) {
    this.body.append(el("li", { class: "aside-line whisper" }, text));
    this.toEnd();
  }

  /** All lines anew, keeping what is looked at in its place: older messages came in front. */
  redraw() {
    const below = this.host.scrollHeight - this.host.scrollTop;
    this.reset();
    this.host.scrollTop = this.host.scrollHeight - below;
  }

  showOutbox() {
    const follow = this.isAtEnd;
    const entries = this.talk?.outbox.entries ?? [];
    const known = new Map([...this.pending.children].map((one) => [one.dataset.key, one]));
    const lines = entries.map((entry) => {
      const face = entry.state === "refused" ? `refused ${entry.detail}` : "sending";
      const kept = known.get(entry.client_id);
      if (kept?.face === face) return kept;
      const made = this.line({ ...entry, kind: entry.kind ?? "text", sender: this.mine, sent_at: new Date(entry.at).toISOString() }, null);
      made.dataset.key = entry.client_id;
      made.face = face;
      return made;
    });
    if (lines.length !== this.pending.children.length || lines.some((one, index) => one !== this.pending.children[index])) this.pending.replaceChildren(...lines);
    if (follow && lines.length) this.toEnd();
  }

  /** Receipts moved: the ticks of what is not read yet. */
  showStatus() {
    for (const line of [...this.body.querySelectorAll(".line.mine:not([data-status=read])")].reverse()) this.tick(line, line.message);
  }

  tick(line, message) {
    const status = this.talk.statusOf(message);
    if (line.dataset.status === status) return;
    line.dataset.status = status;
    const tick = line.querySelector(".tick");
    say(tick.firstChild, TICKS[status]);
    say(tick.lastChild, WORDS[status]);
    tick.title = WORDS[status];
  }

  dayBefore(message, previous) {
    const day = dayOf(message.sent_at);
    if (previous && dayOf(previous.sent_at) === day) return [];
    return [el("li", { class: "day" }, el("span", {}, dayWord(message.sent_at)))];
  }

  line(message, previous) {
    if (message.kind === "event" || message.sender === "system") return el("li", { class: "aside-line" }, message.body);
    const isMine = message.sender === this.mine;
    const joins = previous && previous.sender === message.sender && previous.sender_id === message.sender_id && previous.kind !== "event"
      && Date.parse(message.sent_at) - Date.parse(previous.sent_at) < NEAR_MS;
    const line = el("li", { class: `line ${isMine ? "mine" : "theirs"}${joins ? " joins" : ""}`, "data-sender": message.sender });
    line.message = message;
    const name = isMine ? "" : this.nameOf(message);
    if (name && !joins) line.append(el("span", { class: "who" }, name));
    else line.append(el("span", { class: "hidden" }, isMine ? "You: " : `${name}: `));
    const foot = el("span", { class: "foot" }, el("time", { datetime: message.sent_at, title: new Date(message.sent_at).toLocaleString() }, timeOf(message.sent_at)));
    if (isMine) foot.append(el("span", { class: "tick" }, el("span", { "aria-hidden": "true" }), el("span", { class: "hidden" })));
    line.append(el("div", { class: "bubble" }, ...this.content(message), foot));
    if (isMine) this.tick(line, message);
    if (message.state === "refused") line.append(this.repair(message));
    return line;
  }

  repair(entry) {
    const again = el("button", { type: "button", class: "link" }, "Try again");
    const away = el("button", { type: "button", class: "link" }, "Discard");
    again.addEventListener("click", () => this.onRetry(entry.client_id));
    away.addEventListener("click", () => this.onDiscard(entry.client_id));
    return el("p", { class: "repair", role: "alert" }, `Not sent. ${entry.detail ?? ""} `, again, " ", away);
  }

  content(message) {
    const file = message.attachment;
    if (!file) return [el("p", {}, ...linked(message.body ?? ""))];
    const label = el("span", {}, file.name, " ", el("small", {}, sizeOf(file.size)));
    const link = el("a", { class: "file", target: "_blank", rel: "noopener noreferrer", download: file.content_type?.startsWith("image/") ? null : file.name }, label);
    this.fileOf(file, message).then((address) => {
      link.href = address;
      if (file.content_type?.startsWith("image/")) link.prepend(el("img", { src: address, alt: file.name, loading: "lazy" }));
    }, () => link.append(" (not available)"));
    return message.body && message.body !== file.name ? [link, el("p", {}, ...linked(message.body))] : [link];
  }
}

/** Text with its addresses as links; everything else stays the text that it is. */
export function linked(text) {
  const parts = [];
  let at = 0;
  for (const found of text.matchAll(LINK)) {
    parts.push(text.slice(at, found.index), el("a", { href: found[0], target: "_blank", rel: "noopener noreferrer nofollow" }, found[0]));
    at = found.index + found[0].length;
  }
  return [...parts, text.slice(at)];
}

export const timeOf = (iso) => new Date(iso).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
const dayOf = (iso) => new Date(iso).toDateString();
const sizeOf = (bytes) => (bytes == null ? "" : bytes < 1024 ? `${bytes} B` : bytes < 1048576 ? `${Math.round(bytes / 1024)} kB` : `${(bytes / 1048576).toFixed(1)} MB`);

function dayWord(iso) {
  const days = Math.round((new Date(new Date().toDateString()) - new Date(dayOf(iso))) / 86_400_000);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  return new Date(iso).toLocaleDateString([], { weekday: "long", day: "numeric", month: "long" });
}
