// Supervision: the whole floor at a glance, and a hand in it. The socket says that something changed,
// the API says what; asked every few seconds in any case.
import { address, get, Poll, post, put } from "../api.js";
import { byId, el, list, mark, say } from "../dom.js";
import { count, duration, plural } from "../format.js";
import { LockstepChat } from "../lockstep-chat.js";
import { toast } from "./alerts.js";
import { startReports } from "./reports.js";
import { ago, CHANNELS, nameOf, STATES, STATUSES } from "./words.js";

const config = JSON.parse(byId("config").textContent);
const EVERY_MS = 4000, SOON_MS = 250, LATE_SECONDS = 120;
const TELLING = new Set(["conversation", "status", "assigned", "released", "offer", "offer.closed", "queue", "closed"]);
const path = (id, more) => `${config.conversations}/${id}/${more}`;
let floor = { agents: [], queue: { results: [], waiting: 0 }, open: [] };
let giving = null;

const poll = new Poll(
  async () => {
    const [agents, queue, open] = await Promise.all([
      get(address(config.agents, { limit: 200 })), get(address(config.queue, { limit: 100 })), get(address(config.conversations, { state: "open", limit: 200 }))]);
    return { agents: agents.results, queue, open: open.results };
  },
  { every: EVERY_MS, onAnswer: show, onSilence: (error) => banner(`No answer from the server: ${error.message} This page keeps trying.`) });

function banner(text) {
  byId("banner").hidden = !text;
  say(byId("banner"), text);
}

function show(found) {
  floor = found;
  banner("");
  showTiles();
  showAgents();
  showQueue();
  showOpen();
}

// --- figures --------------------------------------------------------------------------------------
const agentName = (id) => floor.agents.find((one) => one.id === id)?.name ?? "";
const tidy = (number) => String(Math.round(number * 10) / 10);

function tile(name, value, more, tone = null) {
  say(byId(`tile-${name}`), value);
  say(byId(`tile-${name}-more`), more);
  mark(byId(`tile-${name}`).parentElement, "tone", tone);
}

function showTiles() {
  const online = floor.agents.filter((one) => one.status === "online");
  const load = online.reduce((sum, one) => sum + one.load / 1000, 0);
  const capacity = online.reduce((sum, one) => sum + one.capacity, 0);
  const waiting = floor.queue.waiting ?? floor.queue.results.length;
  const longest = floor.queue.longest_wait_seconds ?? 0;
  const withPeople = floor.open.filter((one) => one.agent);
  const withBot = floor.open.filter((one) => one.state === "bot");
  tile("online", count(online.length), `of ${plural(floor.agents.length, "agent")}`, online.length ? "ok" : waiting ? "bad" : null);
  tile("load", capacity ? `${Math.round((100 * load) / capacity)} %` : "–", capacity ? `${tidy(load)} of ${tidy(capacity)} conversations` : "nobody is online", capacity && load >= capacity ? "warn" : null);
  tile("waiting", count(waiting), waiting ? `the longest for ${duration(longest)}` : "nobody waits", longest > LATE_SECONDS ? "bad" : waiting ? "warn" : "ok");
  tile("active", count(withPeople.length), plural(withPeople.filter((one) => one.state === "on_hold").length, "conversation") + " on hold");
  tile("bot", count(withBot.length), "the bot answers them");
}

function showAgents() {
  const rank = { online: 0, busy: 1, wrap_up: 1, away: 2, offline: 3 };
  const rows = [...floor.agents].sort((one, other) => (rank[one.status] ?? 9) - (rank[other.status] ?? 9) || one.name.localeCompare(other.name));
  byId("agents-empty").hidden = rows.length > 0;
  say(byId("agents-more"), rows.length ? plural(rows.filter((one) => one.status !== "offline").length, "person", "people") + " signed on" : "");
  const faces = rows.map((one) => ({
    id: one.id, name: one.name, status: one.status, load: one.load / 1000, capacity: one.capacity, since: ago(one.status_since), reason: one.status_reason, skills: one.skills,
    has: floor.open.filter((talk) => talk.agent === one.id).map((talk) => [talk.id, nameOf(talk)]),
  }));
  list(byId("agents"), faces, (one) => one.id, agentLine);
}

function agentLine(one) {
  const skills = (one.skills ?? []).map(({ skill, level }) => `${skill} ${level}`).join(", ");
  return el("li", {},
    el("strong", {}, one.name), el("span", { class: "status-chip", "data-status": one.status, title: one.reason || null }, STATUSES[one.status] ?? one.status, one.since && one.since !== "now" ? ` for ${one.since}` : ""),
    el("div", { class: "bar" }, el("meter", { min: 0, max: Math.max(one.capacity, 1), value: one.load, "aria-label": `Load of ${one.name}` }), `${tidy(one.load)} of ${tidy(one.capacity)}`),
    one.has.length || skills ? el("div", { class: "has" }, ...one.has.map(([id, name]) => el("a", { class: "chip", href: `${config.desk}#${id}`, title: "Follow" }, name)), el("span", { class: "since" }, skills)) : null);
}

function showQueue() {
  const rows = floor.queue.results.map((one) => {
    const talk = floor.open.find((row) => row.id === one.conversation);
    const seconds = (Date.now() - Date.parse(one.queued_at)) / 1000;
    return { id: one.conversation, name: talk ? nameOf(talk) : "Customer", waits: ago(one.queued_at), isLate: seconds > LATE_SECONDS, priority: one.priority, state: one.state, skills: (one.skills ?? []).map(({ skill, level }) => (level > 1 ? `${skill} ${level}` : skill)).join(", ") };
  });
  byId("queue-empty").hidden = rows.length > 0;
  byId("queue").closest(".scroll").hidden = !rows.length;
  keepFocus(() => list(byId("queue"), rows, (one) => one.id, queueRow));
}

function queueRow(one) {
  const values = [...new Set([0, 10, 25, 50, 75, 100, one.priority])].sort((a, b) => a - b);
  const priority = el("select", { "aria-label": `Priority of ${one.name}`, "data-act": "priority", "data-id": one.id }, ...values.map((value) => el("option", { value, selected: value === one.priority }, String(value))));
  return el("tr", {}, el("th", { scope: "row" }, one.name), el("td", { class: one.isLate ? "late" : "" }, one.waits), el("td", {}, priority), el("td", { class: "wide" }, one.skills || "any"), acts(one, ["follow", "take", "give"]));
}

function showOpen() {
  const rows = floor.open.filter((one) => !["queued", "offered"].includes(one.state)).map((one) => ({
    id: one.id, name: nameOf(one), channel: CHANNELS[one.channel] ?? one.channel, agent: one.agent ? agentName(one.agent) || "an agent" : "the bot", state: one.state,
    last: one.last_message?.body ?? "", since: ago(one.opened_at), may: one.agent ? ["follow", "take", "give"] : ["follow", "take"],
  }));
  byId("open-empty").hidden = rows.length > 0;
  byId("open").closest(".scroll").hidden = !rows.length;
  say(byId("talks-more"), rows.length ? `${count(rows.length)} open` : "");
  keepFocus(() => list(byId("open"), rows, (one) => one.id, (one) => el("tr", {},
    el("th", { scope: "row" }, one.name), el("td", {}, one.agent), el("td", { class: "wide" }, el("span", { class: "chip" }, STATES[one.state]?.[0] ?? one.state)),
    el("td", { class: "wide" }, el("div", { class: "snippet" }, one.last)), el("td", { class: "n wide" }, one.since), acts(one, one.may))));
}

const WORDS = { follow: "Follow", take: "Take over", give: "Reassign" };
function acts(one, names) {
  return el("td", {}, el("div", { class: "acts" }, ...names.map((name) => (name === "follow"
    ? el("a", { href: `${config.desk}#${one.id}`, "aria-label": `Follow ${one.name}` }, "Follow")
    : el("button", { type: "button", "data-act": name, "data-id": one.id, "aria-label": `${WORDS[name]}: ${one.name}` }, WORDS[name])))));
}

/** Rows are drawn anew while somebody's finger is on them: the same control keeps the focus. */
function keepFocus(draw) {
  const { act, id } = document.activeElement?.dataset ?? {};
  draw();
  if (act && id && !document.activeElement.dataset.act) document.querySelector(`[data-act="${act}"][data-id="${id}"]`)?.focus();
}

// --- the hand in it -------------------------------------------------------------------------------
async function perform(act, word) {
  try {
    await act();
    toast(word);
    poll.now();
    return "";
  } catch (error) {
    toast(error.message);
    return error.message;
  }
}

byId("floor").addEventListener("click", ({ target }) => {
  const { act, id } = target.closest("button[data-act]")?.dataset ?? {};
  if (act === "take") perform(() => post(path(id, "takeover")), "It is yours now; it is on your desk.");
  if (act === "give") ask(id);
});
byId("floor").addEventListener("change", ({ target }) => {
  if (target.dataset.act === "priority") perform(() => put(path(target.dataset.id, "priority"), { priority: Number(target.value) }), "The priority was changed.");
});

function ask(id) {
  giving = id;
  byId("give-agent").replaceChildren(...floor.agents.filter((one) => one.status !== "offline").map((one) => el("option", { value: one.id }, `${one.name} · ${STATUSES[one.status] ?? one.status} · ${tidy(one.load / 1000)} of ${tidy(one.capacity)}`)));
  byId("give-fault").hidden = true;
  byId("give").returnValue = "";
  byId("give").showModal();
}

byId("give").addEventListener("close", async () => {
  if (byId("give").returnValue !== "go" || !byId("give-agent").value) return;
  const fault = await perform(() => post(path(giving, "assignment"), { agent: byId("give-agent").value }), "It was given.");
  if (!fault) return;
  say(byId("give-fault"), fault);
  byId("give-fault").hidden = false;
  byId("give").showModal();
});

// --- live -----------------------------------------------------------------------------------------
const chat = new LockstepChat({ door: "desk", scope: config.person, ticket: () => post(config.ticket, {}), pull: async () => [] });
let soon = null;
chat.addEventListener("frame", ({ detail: { type } }) => {
  if (!TELLING.has(type) || soon) return;
  soon = setTimeout(() => {
    soon = null;
    poll.now();
  }, SOON_MS);
});
chat.addEventListener("connection", ({ detail: { state } }) => {
  mark(byId("feed"), "state", { live: "live", stopped: "polling", waiting: "polling" }[state] ?? "connecting");
  say(byId("feed-word"), { live: "Live", connecting: "Joining", waiting: "Every 4 s", stopped: "Every 4 s" }[state]);
  if (state === "live") poll.now();
});
chat.start();
poll.now();
startReports(config.reports);
