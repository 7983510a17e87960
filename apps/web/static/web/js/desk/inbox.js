// The inbox: four lists of conversations, the newest or the longest waiting first.
import { byId, el, list, say } from "../dom.js";
import { ago, nameOf, STATES } from "./words.js";

const SAYS = { bot: "Bot: ", agent: "Agent: " };
const TABS = ["mine", "queue", "open", "closed"];
const EMPTY = {
  mine: ["Nothing on your desk", "Conversations appear here when you accept an offer or take one over."],
  queue: ["Nobody is waiting", "Customers who ask for a person wait here, the most urgent first."],
  open: ["No open conversations", "Everything is answered and closed."],
  closed: ["Nothing closed yet", "Closed conversations of the last days are listed here."],
};

export class Inbox {
  constructor(store, { onChoose }) {
    Object.assign(this, { store, onChoose, tab: "mine", chosen: null });
    store.addEventListener("change", () => this.show());
    for (const name of TABS) byId(`tab-${name}`).addEventListener("click", () => this.turn(name));
    document.querySelector(".tabs").addEventListener("keydown", (event) => this.arrows(event));
    byId("talks").addEventListener("click", (event) => {
      const row = event.target.closest("button");
      if (row) this.onChoose(row.parentElement.dataset.key);
    });
    setInterval(() => this.show(), 30000); // "3 min" becomes "4 min"
  }

  turn(name) {
    this.tab = name;
    for (const one of TABS) {
      const isIt = one === name;
      byId(`tab-${one}`).setAttribute("aria-selected", String(isIt));
      byId(`tab-${one}`).tabIndex = isIt ? 0 : -1;
    }
    byId("list").setAttribute("aria-labelledby", `tab-${name}`);
    if (name === "closed") this.store.more({ state: "closed" }).catch(() => {});
    this.show();
  }

  arrows(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = TABS[(TABS.indexOf(this.tab) + step + TABS.length) % TABS.length];
    this.turn(next);
    byId(`tab-${next}`).focus();
  }

  choose(id) {
    this.chosen = id;
    this.show();
  }

  /** The conversation `step` places further down the list. */
  neighbour(step) {
    const rows = this.store.of(this.tab);
    const at = rows.findIndex((one) => one.id === this.chosen);
    return rows[Math.min(Math.max(at + step, 0), rows.length - 1)]?.id ?? null;
  }

  show() {
    const rows = this.store.of(this.tab);
    const focused = document.activeElement?.closest("#talks li")?.dataset.key;
    list(byId("talks"), rows.map((row) => this.face(row)), (one) => one.id, (one) => this.line(one));
    if (focused) [...byId("talks").children].find((one) => one.dataset.key === focused)?.firstElementChild.focus();
    byId("talks-empty").hidden = rows.length > 0;
    const [title, text] = this.store.isLoaded ? EMPTY[this.tab] : ["Loading …", ""];
    say(byId("talks-empty-title"), title);
    say(byId("talks-empty-text"), text);
    say(byId("count-mine"), number(this.store.of("mine").length));
    say(byId("count-queue"), number(this.store.of("queue").length));
  }

  /** What a line shows: it is drawn anew only when this differs. */
  face(row) {
    const last = row.last_message;
    return {
      id: row.id, name: nameOf(row), state: row.state, unread: this.store.unread.get(row.id) ?? 0, isChosen: row.id === this.chosen,
      snippet: last ? `${last.sender === "agent" && this.store.isMine(row) ? "You: " : SAYS[last.sender] ?? ""}${last.body || "Attachment"}` : "No messages yet",
      when: ago(this.tab === "queue" ? row.queued_at : last?.sent_at ?? row.opened_at), isQueue: this.tab === "queue", priority: row.priority ?? 0,
    };
  }

  line(one) {
    const [word] = STATES[one.state] ?? [one.state];
    const mark = one.unread
      ? el("span", { class: "badge" }, String(one.unread), el("span", { class: "hidden" }, one.unread === 1 ? " unread message" : " unread messages"))
      : this.tab === "mine" && one.state === "active" ? null : el("span", { class: "chip", "data-state": one.state }, one.isQueue && one.priority ? `priority ${one.priority}` : word);
    return el("li", {}, el("button", { type: "button", "aria-current": String(one.isChosen), "data-unread": String(one.unread > 0) },
      el("strong", {}, one.name), el("span", { class: "when" }, one.when), el("span", { class: "snippet" }, one.snippet), mark));
  }
}

const number = (count) => (count ? String(count) : "");
