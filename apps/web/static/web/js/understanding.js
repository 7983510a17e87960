// The page of language understanding: how providers do, and what became of the newest turns.
import { address, get, Poll } from "./api.js";
import { byId, el, list, mark, say } from "./dom.js";
import { amount, clock, count, plural, since, total } from "./format.js";

const config = JSON.parse(byId("config").textContent);
const EVERY_MS = 5000;
const KINDS = { watson: "Watson Assistant", dialogflow_es: "Dialogflow ES", dialogflow_cx: "Dialogflow CX", openai: "chat model" };
const QUIET = new Set(["cancelled", "open", "quota"]); // nobody's failure, or not even tried
const tone = (outcome) => (outcome === "ok" ? "ok" : QUIET.has(outcome) ? "warn" : "bad");
const word = (name) => name.replaceAll("_", " ");
const ms = (value) => (value == null ? "–" : value < 1000 ? `${value < 10 ? value.toFixed(1) : Math.round(value)} ms` : `${(value / 1000).toFixed(2)} s`);
const share = (part, all) => (all ? `${((100 * part) / all).toFixed(1)} %` : "–");
let last = null;

function show(found) {
  last = found.at;
  mark(byId("feed"), "state", "live");
  say(byId("feed-word"), "Live");
  byId("banner").hidden = true;
  byId("board").classList.remove("stale");
  showTiles(found);
  showProviders(found);
  showChoice(found.providers);
  showTurns(found.turns);
}

function tile(name, value, more, tone) {
  const strong = byId(`tile-${name}`);
  say(strong, value);
  say(byId(`tile-${name}-more`), more);
  mark(strong.parentElement, "tone", tone);
}

function showTiles({ answers, latency_ms: took, providers, saved_calls: saved }) {
  const all = Object.values(answers).reduce((sum, one) => sum + one, 0);
  const degraded = answers.degraded ?? 0;
  const calls = providers.reduce((sum, one) => sum + one.calls, 0);
  const hedges = providers.reduce((sum, one) => sum + (one.roles.hedge ?? 0), 0);
  const wins = providers.reduce((sum, one) => sum + one.hedge_wins, 0);
  tile("questions", count(all), Object.entries(answers).map(([kind, one]) => `${count(one)} ${kind}`).join(" · ") || "nobody asked");
  tile("latency", ms(took.p95), `p95 · p50 ${ms(took.p50)} · p99 ${ms(took.p99)}`);
  tile("saved", count(saved), `${count(answers.cache ?? 0)} cached, ${count(answers.shared ?? 0)} shared`);
  tile("degraded", share(degraded, all), degraded ? `${plural(degraded, "answer")} of second choice` : "none", degraded ? "warn" : "ok");
  tile("cost", amount(total(providers.map((one) => one.cost))), `${plural(calls, "call")}, ${plural(hedges, "hedge")}, ${count(wins)} won`);
}

function showProviders({ at, providers }) {
  byId("providers-empty").hidden = providers.length > 0;
  byId("providers").parentElement.hidden = !providers.length;
  const shown = providers.map(({ breaker, ...one }) => ({ ...one, breaker: breaker && { state: breaker.state, failures: breaker.failures, age: breaker.since ? since(breaker.since, at) : "", retry: breaker.retry_at } }));
  list(byId("providers"), shown, (one) => one.name, providerRow);
}

function providerRow(one) {
  const { p50, p95, p99 } = one.latency_ms;
  const state = !one.kind ? "not in the registry" : one.enabled ? KINDS[one.kind] ?? one.kind : `${KINDS[one.kind] ?? one.kind}, switched off`;
  return el("tr", {},
    el("th", { scope: "row" }, one.name, el("small", {}, state)),
    el("td", {}, ...breakerOf(one.breaker)),
    el("td", { class: "n" }, count(one.calls)),
    el("td", {}, outcomes(one)),
    ...[p50, p95, p99].map((value) => el("td", { class: "n" }, ms(value))),
    el("td", { class: "n" }, `${count(one.hedge_wins)} of ${count(one.roles.hedge ?? 0)}`),
    el("td", { class: "n" }, amount(one.cost)));
}

function breakerOf(breaker) {
  if (!breaker) return ["–"];
  const said = { closed: "closed", open: "open", half_open: "being tried" }[breaker.state];
  const more = breaker.state === "closed"
    ? (breaker.failures ? `${plural(breaker.failures, "failure")} in a row` : "")
    : `for ${breaker.age}` + (breaker.retry ? `, next try ${clock(breaker.retry)} UTC` : "");
  return [el("strong", { "data-tone": { closed: "ok", open: "bad", half_open: "warn" }[breaker.state] }, said), el("small", {}, more)];
}

function outcomes({ outcomes: found, calls }) {
  const rows = Object.entries(found).sort(([, one], [, other]) => other - one);
  if (!rows.length) return "none";
  return el("ul", { class: "outcomes" }, ...rows.map(([name, number]) =>
    el("li", { "data-tone": tone(name), title: share(number, calls) }, `${count(number)} ${word(name)}`)));
}

/** What was chosen stays chosen, whatever the registry says meanwhile. */
function showChoice(providers) {
  const select = byId("provider");
  const names = new Set([...providers.map((one) => one.name), select.value].filter(Boolean));
  if ([...select.options].slice(1).map((one) => one.value).join() === [...names].join()) return;
  const chosen = select.value;
  select.replaceChildren(select.options[0], ...[...names].map((name) => el("option", { value: name }, name)));
  select.value = chosen;
}

function showTurns(turns) {
  byId("turns-empty").hidden = turns.length > 0;
  byId("turns").parentElement.hidden = !turns.length;
  list(byId("turns"), turns, (one) => one.id, turnRow);
}

function turnRow(one) {
  const how = [one.cached && "from the cache", one.shared && "along with another", one.degraded && "degraded"].filter(Boolean).join(", ");
  return el("tr", {},
    el("td", { title: one.conversation ? `conversation ${one.conversation}` : null }, clock(one.at)),
    el("th", { scope: "row" }, one.intent === "oos" ? "none of ours" : one.intent),
    el("td", { class: "n" }, one.confidence.toFixed(2)),
    el("td", {}, one.provider || "nobody", how ? el("small", { "data-tone": one.degraded ? "warn" : null }, how) : null),
    el("td", { class: "n" }, ms(one.latency_ms)),
    el("td", {}, one.attempts.length ? el("ul", { class: "calls" }, ...one.attempts.map(attempt)) : "none"),
    el("td", {}, one.language),
    el("td", { class: "n" }, count(one.length)));
}

function attempt(one) {
  return el("li", { "data-tone": tone(one.outcome) },
    `${one.role} ${one.provider}: ${word(one.outcome)}, ${ms(one.took_ms)} from ${ms(one.began_ms)}${one.won ? ", used" : ""}`);
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

const ask = () => get(address(config.figures, { window: byId("window").value, provider: byId("provider").value }));
const polling = new Poll(ask, { every: EVERY_MS, onAnswer: show, onSilence: silent });
for (const name of ["window", "provider"]) byId(name).addEventListener("change", () => polling.now());
polling.now();
