// About the customer: facts, tags, internal notes, earlier conversations.
import { byId, el, list, say } from "../dom.js";
import { moment } from "../format.js";
import { toast } from "./alerts.js";
import { ago, CHANNELS, nameOf, STATES } from "./words.js";

export class Customer {
  constructor(store, { onChoose }) {
    Object.assign(this, { store, onChoose, id: null, turn: 0 });
    store.addEventListener("change", () => this.show());
    byId("tag-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const field = byId("tag");
      const tag = field.value.trim();
      if (tag) this.tag([...new Set([...(this.row.tags ?? []), tag])]);
      field.value = "";
    });
    byId("tags").addEventListener("click", ({ target }) => {
      const tag = target.closest("button")?.dataset.tag;
      if (tag) this.tag(this.row.tags.filter((one) => one !== tag));
    });
    byId("earlier").addEventListener("click", ({ target }) => {
      const id = target.closest("li")?.dataset.key;
      if (id) this.onChoose(id);
    });
  }

  get row() {
    return this.store.rows.get(this.id) ?? {};
  }

  async choose(id) {
    this.id = id;
    byId("customer").hidden = !id;
    byId("notes").replaceChildren();
    byId("earlier").replaceChildren();
    if (!id) return;
    this.show();
    await Promise.all([this.showNotes(id), this.showEarlier(id)]);
  }

  show() {
    const row = this.row;
    if (!row.id) return;
    say(byId("customer-name"), nameOf(row));
    const skills = Array.isArray(row.skills) ? row.skills : Object.entries(row.skills ?? {}).map(([name, level]) => (level > 1 ? `${name} ${level}` : name));
    const facts = [["Id", row.customer?.external_id], ["Channel", CHANNELS[row.channel] ?? row.channel], ["Language", row.language], ["Skills", skills.join(", ")],
      ["Priority", row.priority ? String(row.priority) : ""], ["Opened", row.opened_at && `${moment(row.opened_at)} UTC`], ["Agent", this.store.nameOf(row.agent)]];
    byId("facts").replaceChildren(...facts.filter(([, value]) => value).flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
    list(byId("tags"), row.tags ?? [], (one) => one, (one) => el("li", {}, one, el("button", { type: "button", "data-tag": one, "aria-label": `Remove the tag ${one}` }, "×")));
  }

  async tag(tags) {
    const id = this.id; // another one may be chosen meanwhile
    try {
      await this.store.tags(id, tags);
      Object.assign(this.store.rows.get(id) ?? {}, { tags });
      this.show();
    } catch (error) {
      toast(error.message);
    }
  }

  async showNotes(id = this.id) {
    const turn = ++this.turn;
    const found = await this.store.notes(id).catch(() => null); // then those stay that are shown
    if (!found || turn !== this.turn || id !== this.id) return;
    const { results } = found;
    byId("notes-empty").hidden = results.length > 0;
    list(byId("notes"), results, (one) => one.id, (one) => el("li", {}, one.body, el("small", {}, `${this.writer(one.author)} · ${ago(one.written_at)}`)));
  }

  writer(author) {
    return author === this.store.config.client ? "you" : this.store.nameOf(author.replace("agent:", "")) || "a colleague";
  }

  async showEarlier(id) {
    const customer = this.row.customer?.id;
    if (!customer) return;
    const { results } = await this.store.history(customer).catch(() => ({ results: [] }));
    if (id !== this.id) return;
    const others = results.filter((one) => one.id !== id);
    others.forEach((one) => this.store.put(one));
    byId("earlier-empty").hidden = others.length > 0;
    list(byId("earlier"), others, (one) => one.id, (one) => el("li", {}, el("button", { type: "button" },
      el("span", {}, `${moment(one.opened_at).slice(0, 10)} · ${CHANNELS[one.channel] ?? one.channel} · ${STATES[one.state]?.[0] ?? one.state}`),
      el("small", {}, one.last_message?.body ?? ""))));
  }
}
