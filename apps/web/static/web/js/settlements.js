// The settlement page: what is due, what fails and since when, and what a person has to decide.
import { get, Poll, post } from "./api.js";
import { byId, el, list, mark, say } from "./dom.js";
import { News } from "./news.js";
import { amount, clock, count, duration, moment, plural, since } from "./format.js";

const config = JSON.parse(byId("config").textContent);
const EVERY_MS = 2000; // while no news come
const EVERY_LIVE_MS = 15000; // what time alone changes: ages, the hour
const BREATH_MS = 500; // in a busy second the page asks twice
const MINUTES = 60;
const STATES = ["settled", "confirmed", "instructed", "instructing", "retrying", "validating", "awaiting_date", "compensating", "failed", "manual", "compensation_failed", "compensated", "cancelled"];
const FINAL = new Set(["settled", "compensated", "cancelled"]);
const word = (state) => state.replaceAll("_", " ");
let last = null, isLive = false, breath = null;

function show(board) {
  last = board.at;
  tellState();
  byId("banner").hidden = true;
  byId("board").classList.remove("stale");
  showTiles(board);
  showMinutes(board);
  showBreakers(board);
  showAges(board);
  showDays(board);
  showPeople(board);
}

function tellState() {
  mark(byId("feed"), "state", isLive ? "live" : "polling");
  say(byId("feed-word"), isLive ? "Live" : "Every 2 s");
}

function tile(name, value, more, tone) {
  const strong = byId(`tile-${name}`);
  say(strong, value);
  say(byId(`tile-${name}-more`), more);
  mark(strong.parentElement, "tone", tone);
}

const sum = (rows, counts) => rows.filter(counts).reduce((total, one) => total + one.count, 0);

function showTiles(board) {
  const today = board.at.slice(0, 10);
  const due = board.by_day.filter((one) => one.due === today);
  const open = sum(due, (one) => !FINAL.has(one.state));
  tile("due", count(sum(due, () => true)), open ? `${count(open)} still open` : "nothing open");
  const settled = board.per_minute.reduce((total, one) => total + one.settled, 0);
  tile("settled", count(settled), `${(settled / MINUTES).toFixed(1)} a minute`);
  const failing = sum(board.by_day, (one) => one.state === "failed");
  tile("failing", count(failing), board.reasons.filter((one) => one.code).map((one) => `${one.code} ${one.count}`).join(" · ") || "no reason told", failing ? "warn" : "ok");
  const people = sum(board.by_day, (one) => ["failed", "manual", "compensation_failed"].includes(one.state));
  tile("person", count(people), people ? "the oldest first" : "nothing waits", people ? "bad" : "ok");
  tile("suspended", count(board.suspended), board.suspended ? "they fit nothing we know" : "every notice fits", board.suspended ? "bad" : "ok");
}

function showMinutes({ at, per_minute: minutes }) {
  const known = new Map(minutes.map((one) => [one.at.slice(0, 16), one]));
  const end = Date.parse(at);
  const shown = Array.from({ length: MINUTES }, (_, back) => {
    const key = new Date(end - (MINUTES - 1 - back) * 60000).toISOString().slice(0, 16);
    return { key, settled: known.get(key)?.settled ?? 0, p95: known.get(key)?.p95_seconds };
  });
  const top = Math.max(...shown.map((one) => one.settled), 1);
  list(byId("minutes"), shown, (one) => one.key, (one) => bar(one.settled, top, `${one.key.slice(11)} UTC: ${plural(one.settled, "settlement")}` + (one.p95 == null ? "" : `, p95 ${duration(one.p95)}`)));
  const total = shown.reduce((all, one) => all + one.settled, 0);
  byId("minutes").setAttribute("aria-label", `Settled per minute in the last hour: ${count(total)} in all, at most ${count(top)} in a minute.`);
  const recent = minutes.at(-1);
  say(byId("p95"), recent ? duration(recent.p95_seconds) : "–");
}

function bar(value, top, title, { label, late } = {}) {
  const fill = el("i");
  fill.style.height = `${(100 * value) / top}%`;
  return el("div", { title, "data-empty": !value, "data-late": late }, label && value ? el("b", {}, count(value)) : null, fill);
}

function showBreakers({ breakers, at }) {
  const words = { closed: "takes instructions", open: "closed to us", half_open: "is being tried" };
  list(byId("breakers"), breakers.map((one) => ({ ...one, age: one.since ? since(one.since, at) : "" })), (one) => one.code, (one) => el("li", {},
    el("div", { class: "entry-head" },
      el("strong", { class: "state", "data-tone": { closed: "ok", open: "bad", half_open: "warn" }[one.state] }, one.code),
      el("span", {}, words[one.state] ?? one.state)),
    el("p", {}, one.state === "closed" ? (one.failures ? `${plural(one.failures, "failure")} in a row` : "no failures") : `breaker ${word(one.state)} for ${one.age}` + (one.retry_at ? `, next try ${clock(one.retry_at)} UTC` : ""))));
}

function showAges({ ages }) {
  const known = new Map(ages.map((one) => [one.days, one.count]));
  const shown = [1, 2, 3, 4, 5, 6].map((days) => ({ days, count: known.get(days) ?? 0 }));
  const top = Math.max(...shown.map((one) => one.count), 1);
  const none = !ages.length;
  byId("ages").hidden = none;
  byId("ages-empty").hidden = !none;
  list(byId("ages"), shown, (one) => one.days, (one) => {
    const name = one.days === 6 ? "6 days or more" : plural(one.days, "day");
    const made = bar(one.count, top, `${name} late: ${count(one.count)}`, { label: true, late: one.days >= 4 });
    made.append(el("span", {}, one.days === 6 ? "6+" : `${one.days} d`));
    return made;
  });
  byId("ages").setAttribute("aria-label", `Overdue by days: ${shown.map((one) => `${one.days === 6 ? "6 or more" : one.days}: ${one.count}`).join(", ")}.`);
}

function showDays({ at, by_day: rows }) {
  const days = new Map();
  for (const { due, state, count: number } of rows) {
    const day = days.get(due ?? "no date") ?? { due: due ?? "no date", states: {} };
    day.states[state] = number;
    days.set(day.due, day);
  }
  const shown = [...days.values()].sort((one, other) => (one.due < other.due ? -1 : 1));
  byId("days-empty").hidden = shown.length > 0;
  byId("days").parentElement.hidden = !shown.length;
  const today = at.slice(0, 10);
  list(byId("days"), shown.map((one) => ({ ...one, today: one.due === today })), (one) => one.due, dayRow);
  const used = STATES.filter((state) => rows.some((one) => one.state === state));
  list(byId("legend"), used, (state) => state, (state) => el("li", {}, el("i", { class: "swatch", "data-state": state }), word(state)));
}

function dayRow({ due, states, today }) {
  const all = Object.values(states).reduce((total, one) => total + one, 0);
  const settled = states.settled ?? 0;
  const open = Object.entries(states).reduce((total, [state, one]) => total + (FINAL.has(state) ? 0 : one), 0);
  const said = STATES.filter((state) => states[state]).map((state) => `${count(states[state])} ${word(state)}`).join(", ");
  const parts = STATES.filter((state) => states[state]).map((state) => {
    const part = el("i", { "data-state": state, title: `${count(states[state])} ${word(state)}` });
    part.style.flexGrow = states[state] / all;
    return part;
  });
  return el("tr", { class: today ? "today" : null },
    el("th", { scope: "row" }, today ? "today" : due),
    el("td", {}, el("div", { class: "stack", role: "img", "aria-label": said }, ...parts)),
    el("td", { class: "n" }, count(open)),
    el("td", { class: "n" }, count(settled)));
}

function showPeople({ attention }) {
  byId("people-empty").hidden = attention.length > 0;
  say(byId("attention-more"), attention.length ? plural(attention.length, "settlement") : "");
  // A reason that is being typed stays, also where something else about its settlement changes.
  const rows = byId("people");
  const typed = new Map([...rows.children].map((row) => [row.dataset.key, reasonIn(row)?.value]));
  const at = document.activeElement?.name === "reason" ? document.activeElement.closest("li").dataset.key : null;
  list(rows, attention, (one) => one.id, personRow);
  for (const row of rows.children) {
    const field = reasonIn(row);
    if (!field) continue;
    field.value ||= typed.get(row.dataset.key) ?? "";
    if (row.dataset.key === at) field.focus();
  }
}

/** What is to move, where a split made other units of those that were dealt. */
const inUnitsOfToday = (one) => one.open_units === one.open_quantity ? null : ` · ${amount(one.open_units)} to move since a split`;

const reasonIn = (row) => row.querySelector("[name=reason]");

function personRow(one) {
  const reason = [one.code, one.detail].filter(Boolean).join(" · ") || "no reason was told";
  return el("li", {},
    el("div", { class: "entry-head" },
      el("strong", { class: "state", "data-tone": one.state === "failed" ? "warn" : "bad" }, `${one.movement} ${amount(one.quantity)} ${one.instrument}`, inUnitsOfToday(one)),
      el("span", {}, `${word(one.state)} since ${moment(one.needs_person_since)}`)),
    el("p", {}, `${one.account} · due ${one.due ?? "never"} · ${one.assigned_to ? `with ${one.assigned_to}` : "nobody's yet"}`,
      config.admin ? " · " : null, config.admin ? el("a", { href: `${config.admin}${one.id}/change/` }, "what was done") : null),
    el("p", { class: "error" }, reason),
    proposed(one.proposal),
    config.decides ? decisions(one) : null);
}

function proposed(proposal) {
  if (!proposal) return null;
  const who = proposal.is_yours ? "You say" : `${proposal.by} says`;
  const next = proposal.is_yours ? " A second person decides." : "";
  return el("p", { class: "proposed" }, `${who} that it has settled outside: “${proposal.reason}”.${next}`);
}

function decisions(one) {
  const why = el("input", { name: "reason", placeholder: "Reason", "aria-label": `Reason for ${one.id}`, required: true, minlength: 3, maxlength: 1000 });
  const answer = el("output", { class: "answer" });
  const button = (text, verb, body = {}) => {
    const made = el("button", { class: "quiet", type: "button" }, text);
    made.addEventListener("click", async () => {
      if (!why.reportValidity()) return;
      made.disabled = true;
      try {
        await post(`${config.list}/${one.id}/${verb}`, { reason: why.value, ...body });
        say(answer, "");
        why.value = "";
        polling.now();
      } catch (error) {
        say(answer, error.message);
      } finally {
        made.disabled = false;
      }
    });
    return made;
  };
  return el("form", { class: "decide" }, why, ...byHand(one.proposal, button),
    button("Retry", "retry"), button("Cancel and compensate", "compensation"), answer);
}

/** What settling by hand takes next: a proposal, or a second person's word about somebody's. */
function byHand(proposal, button) {
  if (!proposal) return [button("Settled by hand", "manual-settlement", { decision: "propose" })];
  if (proposal.is_yours) return [];
  return [
    button("Yes, it has settled", "manual-settlement", { decision: "approve" }),
    button("No, it has not", "manual-settlement", { decision: "refuse" }),
  ];
}

function silent(error) {
  mark(byId("feed"), "state", "offline");
  say(byId("feed-word"), "No answer");
  const banner = byId("banner");
  banner.hidden = false;
  mark(banner, "state", "offline");
  say(banner, `No answer from the server since ${last ? clock(last) : "–"} UTC (${error.message}). This page keeps trying.`);
  byId("board").classList.add("stale");
}

const polling = new Poll(() => get(config.board), { every: EVERY_MS, onAnswer: show, onSilence: silent });
polling.now();

function refresh() {
  breath ??= setTimeout(() => {
    breath = null;
    polling.now();
  }, BREATH_MS);
}

new News({
  ticket: config.ticket, what: "settlements", onNews: refresh,
  onLive: (live) => {
    isLive = live;
    polling.every = live ? EVERY_LIVE_MS : EVERY_MS;
    if (!live) refresh();
  },
}).start();
