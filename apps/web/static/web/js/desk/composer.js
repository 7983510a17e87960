// Writing: a reply, an internal note or a whisper; canned replies after a slash; drafts that stay.
import { byId, el, say } from "../dom.js";

const MODES = {
  reply: ["Reply", "Reply. Type / for canned replies", "Send"],
  note: ["Internal note", "A note for colleagues; customers never see it", "Keep note"],
  whisper: ["Whisper", "Only the agent of this conversation reads this", "Whisper"],
};

export class Composer {
  /** `onSend(mode, text)`, `onTyping(isTyping)`, `onFile(file)`; `canned()` → [{name, body}]. */
  constructor({ onSend, onTyping, onFile, canned }) {
    Object.assign(this, { onSend, onTyping, onFile, canned, id: null, replies: [], at: 0, isChosen: false });
    this.form = byId("composer");
    this.text = byId("text");
    this.form.addEventListener("submit", (event) => (event.preventDefault(), this.send()));
    this.form.addEventListener("change", ({ target }) => target.name === "mode" && this.pick(target.value));
    this.text.addEventListener("input", () => this.input());
    this.text.addEventListener("keydown", (event) => this.key(event));
    this.text.addEventListener("blur", () => setTimeout(() => this.fold(), 150));
    byId("canned").addEventListener("pointerdown", (event) => {
      const line = event.target.closest("li");
      if (!line) return;
      event.preventDefault();
      this.insert(this.shown[[...line.parentElement.children].indexOf(line)]);
    });
    byId("file").addEventListener("change", ({ target }) => {
      for (const file of target.files) this.onFile(file);
      target.value = "";
    });
    this.text.addEventListener("paste", ({ clipboardData }) => [...clipboardData.files].forEach((file) => this.onFile(file)));
  }

  get mode() {
    return this.form.elements.mode.value;
  }

  get shown() {
    const wanted = this.text.value.slice(1).toLowerCase();
    return this.replies.filter((one) => `${one.name} ${one.title ?? ""} ${one.body}`.toLowerCase().includes(wanted)).slice(0, 8);
  }

  /** Another conversation: its draft, and what may be written in it. */
  choose(id, allowed) {
    if (this.id !== id) {
      this.keep();
      this.id = id;
      this.isChosen = false;
      this.text.value = (id && read(id)) || "";
      this.fold();
    }
    this.form.hidden = !id || !allowed.length;
    for (const radio of this.form.elements.mode) {
      radio.disabled = !allowed.includes(radio.value);
      radio.closest("label").hidden = !allowed.includes(radio.value) && radio.value !== "reply";
    }
    // What is half written stays what it is; else a reply comes first, unless somebody chose a note.
    const stays = allowed.includes(this.mode) && (this.isChosen || this.text.value);
    this.turn(stays || !allowed.length ? this.mode : allowed[0]);
    byId("file").disabled = !allowed.includes("reply");
  }

  pick(mode) {
    this.isChosen = true;
    this.turn(mode);
  }

  turn(mode) {
    this.form.elements.mode.value = mode;
    this.form.dataset.mode = mode;
    const [label, hint, button] = MODES[mode];
    say(byId("text-label"), label);
    this.text.placeholder = hint;
    say(byId("send"), button);
  }

  focus(mode) {
    if (mode && !this.form.querySelector(`[value=${mode}]`).disabled) this.pick(mode);
    this.text.focus();
  }

  keep() {
    if (this.id) write(this.id, this.text.value);
  }

  send() {
    const text = this.text.value.trim();
    if (!text) return;
    this.text.value = "";
    this.keep();
    this.fold();
    if (this.mode === "reply") this.onTyping(false);
    this.onSend(this.mode, text);
  }

  async input() {
    this.keep();
    if (this.mode === "reply" && this.text.value) this.onTyping(true);
    if (!this.text.value.startsWith("/")) return this.fold();
    if (!this.replies.length) this.replies = await this.canned();
    this.at = 0;
    this.unfold();
  }

  unfold() {
    const box = byId("canned");
    const shown = this.shown;
    box.hidden = !shown.length || !this.text.value.startsWith("/");
    box.replaceChildren(...shown.map((one, index) => el("li", { role: "option", id: `canned-${index}`, "aria-selected": String(index === this.at) }, el("strong", {}, `/${one.name} `, el("small", {}, one.title ?? "")), el("span", {}, one.body))));
    if (box.hidden) this.text.removeAttribute("aria-activedescendant");
    else this.text.setAttribute("aria-activedescendant", `canned-${this.at}`);
    box.children[this.at]?.scrollIntoView({ block: "nearest" });
  }

  fold() {
    byId("canned").hidden = true;
    this.text.removeAttribute("aria-activedescendant");
  }

  insert(reply) {
    if (!reply) return;
    this.text.value = reply.body;
    this.fold();
    this.keep();
    this.text.focus();
  }

  key(event) {
    const isOpen = !byId("canned").hidden;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (isOpen && step) {
      event.preventDefault();
      this.at = (this.at + step + this.shown.length) % this.shown.length;
      this.unfold();
    } else if (isOpen && (event.key === "Tab" || event.key === "Enter")) {
      event.preventDefault();
      this.insert(this.shown[this.at]);
    } else if (event.key === "Escape") {
      if (isOpen) this.fold();
      else this.text.blur();
    } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.send();
    }
  }
}

function read(id) {
  try {
    return sessionStorage.getItem(`lockstep.draft:${id}`);
  } catch {
    return null;
  }
}

function write(id, text) {
  try {
    if (text) sessionStorage.setItem(`lockstep.draft:${id}`, text);
    else sessionStorage.removeItem(`lockstep.draft:${id}`);
  } catch {
    // a draft that cannot be kept lasts as long as the page
  }
}
