// Offers: who asks, what for, and how many seconds are left to say yes.
import { byId, el, say } from "../dom.js";
import { chime, toast } from "./alerts.js";
import { CHANNELS, left, nameOf } from "./words.js";

export class Offers {
  /** `answer(offer, isYes)` sends the answer. */
  constructor(store, { answer }) {
    Object.assign(this, { store, answer, open: new Map(), heard: new Map(), turn: 0 });
    setInterval(() => this.tick(), 250);
  }

  async hear(offer) {
    const id = offer.conversation ?? offer.work;
    this.heard.set(id, ++this.turn);
    if (this.open.has(id) || left(offer) <= 0) return;
    const card = this.card({ ...offer, conversation: id });
    this.open.set(id, card);
    byId("offers").append(card.node);
    chime(659, 880);
    if (!this.store.rows.has(id)) await this.store.refresh(id);
    this.describe(card, this.store.rows.get(id));
  }

  /** It was taken, declined, or its time is over. */
  end(id, reason = "") {
    this.heard.set(id, ++this.turn);
    const card = this.open.get(id);
    if (!card) return;
    this.open.delete(id);
    card.node.remove();
    if (["timed_out", "expired"].includes(reason)) toast("An offer ended: it was not answered in time.");
    if (reason === "withdrawn") toast("An offer was withdrawn: the customer is served.");
  }

  /** Those that `ask()` finds are offered, and no others; but what was told since it was asked is newer. */
  async renew(ask) {
    const asked = this.turn;
    const found = new Map((await ask()).map((one) => [one.conversation ?? one.work, one]));
    const isNewer = (id) => (this.heard.get(id) ?? 0) > asked;
    for (const id of this.open.keys()) if (!found.has(id) && !isNewer(id)) this.end(id);
    for (const [id, offer] of found) if (!isNewer(id)) this.hear(offer);
  }

  first() {
    return this.open.values().next().value ?? null;
  }

  say(card, isYes) {
    card.node.querySelectorAll("button").forEach((one) => (one.disabled = true));
    this.answer(card.offer, isYes);
  }

  /** The answer was refused: let the person see why, and try again if time is left. */
  refused(id, detail) {
    toast(detail);
    this.open.get(id)?.node.querySelectorAll("button").forEach((one) => (one.disabled = false));
  }

  card(offer) {
    const name = el("strong", {}, "A customer");
    const more = el("p", {}, CHANNELS[offer.channel] ?? offer.channel ?? "");
    const rest = el("span", { class: "left" });
    const bar = el("progress", { max: 1, value: 1, "aria-hidden": "true" });
    const yes = el("button", { type: "button", class: "primary small" }, "Accept");
    const no = el("button", { type: "button", class: "quiet small" }, "Decline");
    const node = el("li", { class: "offer" }, el("header", {}, name, rest), more, el("div", { class: "offer-acts" }, yes, no), bar);
    const seconds = left(offer);
    const card = { offer, node, name, more, rest, bar, seconds: Math.max(seconds, 1), ends: performance.now() + 1000 * seconds };
    yes.addEventListener("click", () => this.say(card, true));
    no.addEventListener("click", () => this.say(card, false));
    return card;
  }

  describe(card, row) {
    if (!row) return;
    say(card.name, nameOf(row));
    const skills = Array.isArray(row.skills) ? row.skills : Object.keys(row.skills ?? {});
    const words = [CHANNELS[row.channel] ?? row.channel, ...skills, row.priority ? `priority ${row.priority}` : ""].filter(Boolean).join(" · ");
    say(card.more, row.last_message?.body ? `${words}: “${row.last_message.body.slice(0, 120)}”` : words);
  }

  tick() {
    for (const [id, card] of this.open) {
      const seconds = Math.max(0, (card.ends - performance.now()) / 1000);
      say(card.rest, `${Math.ceil(seconds)} s`);
      card.bar.value = seconds / card.seconds;
      if (seconds <= 0) this.end(id, "expired");
    }
  }
}
