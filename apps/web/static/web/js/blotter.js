// The blotter: what was dealt, and what one account holds. Asked of the API every second or two.
import { address, get, Poll, Problem } from "./api.js";
import { byId, el, list, mark, say } from "./dom.js";
import { amount, clock, count, money, plural, signOf, total } from "./format.js";

const config = JSON.parse(byId("config").textContent);
const SETTLEMENTS_MS = 3000, TRADES_MS = 1500, POSITIONS_MS = 1000, BALANCES_MS = 4000;
const PAGE = 60;

const asked = new URLSearchParams(location.search);
const chosen = { account: asked.get("account") ?? "", instrument: asked.get("instrument") ?? "", only: asked.has("only") };
let limit = PAGE;
let paused = false;
let last = null;
const silent = new Set();

// --- trades ---------------------------------------------------------------------------------------
let dealsSeen = false;

/** A page of trades; none where the filter names what does not exist. */
async function orNone(path) {
  try {
    return await get(path);
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return { results: [], next: null };
    throw error;
  }
}

const trades = new Poll(
  () => orNone(address(config.trades, { limit, instrument: chosen.instrument, account: chosen.only ? chosen.account : "" })),
  { every: TRADES_MS, onAnswer: (page) => (answered("trades"), paused || showTrades(page)), onSilence: (error) => unanswered("trades", error) });

function showTrades({ results, next }) {
  byId("deals-empty").hidden = results.length > 0;
  byId("deals").parentElement.hidden = !results.length;
  byId("older").hidden = !next || limit >= 1000;
  if (!results.length) {
    const filtered = chosen.instrument || (chosen.only && chosen.account);
    say(byId("deals-empty-title"), filtered ? "No trade fits" : "No trades yet");
    say(byId("deals-empty-text"), filtered ? "Clear the filter to see all of them." : "They appear here within moments of being accepted.");
  }
  const fresh = list(byId("deals"), results.map((one) => ({ ...one, settlement: settling.get(one.id) ?? null })), (one) => one.id, dealRow);
  if (dealsSeen && fresh.length <= 8) fresh.forEach(glow);
  dealsSeen = true;
  if (!chosen.account && results.length) choose(results[0].account);
}

function glow(row) {
  row.classList.add("fresh");
  setTimeout(() => row.classList.remove("fresh"), 1700);
}

function dealRow(one) {
  return el("tr", { "data-state": one.state },
    el("td", {}, el("time", { datetime: one.executed_at, title: `${one.executed_at} (UTC)` }, clock(one.executed_at))),
    el("td", { class: "wide" }, one.account),
    el("td", {}, one.instrument, el("small", { class: "narrow" }, one.account)),
    el("td", {}, el("span", { class: "side", "data-side": one.side }, one.side === "buy" ? "Buy" : "Sell")),
    el("td", { class: "n" }, amount(one.quantity), el("small", { class: "narrow" }, "@ ", amount(one.price))),
    el("td", { class: "n wide" }, amount(one.price)),
    el("td", { class: "n wide" }, money(one.notional), " ", el("small", {}, one.currency)),
    el("td", { class: "wide" }, settlement(one)));
}

function settlement(one) {
  if (one.state === "cancelled") return el("span", { class: "chip" }, "cancelled");
  const due = one.settles_on ? `due ${one.settles_on}` : "no date";
  if (!one.settlement) return el("span", { class: "chip", title: "Settlement date" }, due);
  const { state, isStuck, detail } = one.settlement;
  const tone = isStuck ? "bad" : state === "settled" ? "ok" : null;
  return el("span", { class: "chip", "data-tone": tone, title: detail || due }, state === "settled" ? "✓ settled" : isStuck ? `${state}: a person is needed` : `${state.replaceAll("_", " ")} · ${due}`);
}

// The newest settlements, by their trade: what is older than these has its settlement date alone.
const settling = new Map();
const settlements = new Poll(() => get(address(config.settlements, { limit: 200 })), {
  every: SETTLEMENTS_MS,
  onAnswer: ({ results }) => {
    for (const one of results) {
      if (one.kind === "settlement") settling.set(one.trade, { state: one.state, isStuck: Boolean(one.needs_person_since), detail: one.detail });
    }
  },
});

// --- one account ----------------------------------------------------------------------------------
const accountPath = (more = "") => `${config.accounts}/${encodeURIComponent(chosen.account)}${more}`;

const positions = new Poll(() => get(accountPath("/positions")),
  { every: POSITIONS_MS, onAnswer: (found) => (answered("positions"), showPositions(found)), onSilence: (error) => unanswered("positions", error) });
const balances = new Poll(() => get(address(config.balances, { owner: chosen.account })),
  { every: BALANCES_MS, onAnswer: (found) => (answered("balances"), showBalances(found)), onSilence: (error) => unanswered("balances", error) });

async function choose(number) {
  chosen.account = number;
  byId("account").value = number;
  remember();
  byId("positions").replaceChildren();
  byId("balances").replaceChildren();
  positions.stop();
  balances.stop();
  if (!number) return;
  try {
    const account = await get(accountPath());
    if (chosen.account !== number) return; // another one was chosen meanwhile
    byId("account").setAttribute("aria-invalid", "false");
    say(byId("holder"), `${account.name} · ${account.number} · base currency ${account.base_currency}${account.status === "open" ? "" : ` · ${account.status}`}`);
    links();
    positions.now();
    balances.now();
    if (chosen.only) trades.now();
  } catch (error) {
    if (chosen.account !== number) return;
    const unknown = error instanceof Problem && error.status === 404;
    byId("account").setAttribute("aria-invalid", String(unknown));
    say(byId("holder"), unknown ? `There is no account ${number}.` : error.message);
    byId("sums").replaceChildren();
  }
}

function links() {
  const statement = (format) => address(config.statement, { owner: chosen.account, format });
  byId("links").replaceChildren(
    el("a", { href: address(config.statement, { owner: chosen.account }) }, "Statement"),
    el("a", { href: statement("csv"), download: true }, "as CSV"),
    el("a", { href: statement("pdf"), download: true }, "as PDF"));
}

function showPositions({ results }) {
  const flats = results.filter((one) => signOf(one.quantity) === "flat");
  const shown = byId("flats").checked ? results : results.filter((one) => signOf(one.quantity) !== "flat");
  byId("positions-empty").hidden = shown.length > 0;
  byId("positions").closest(".scroll").hidden = !shown.length;
  say(byId("positions-empty-title"), results.length ? "Everything is flat" : "No positions");
  say(byId("positions-empty-text"), results.length ? `What was earned on ${plural(flats.length, "closed position")} is in the sums above.` : "This account has not traded yet.");
  say(byId("flats-count"), flats.length ? `(${count(flats.length)})` : "");
  showSums(results);
  const rows = byId("positions");
  const known = new Map([...rows.children].map((row) => [row.dataset.key, row]));
  const kept = shown.map((one) => update(known.get(one.instrument) ?? positionRow(one), one));
  kept.forEach((row, index) => rows.children[index] !== row && rows.insertBefore(row, rows.children[index] ?? null));
  while (rows.children.length > kept.length) rows.lastElementChild.remove();
}

function positionRow(one) {
  const cell = (name, more = "") => el("td", { class: `n ${more}`, "data-cell": name });
  const row = el("tr", {}, el("th", { scope: "row" }, one.instrument), cell("quantity"), cell("average_cost", "wide"), cell("last_price", "wide"), cell("unrealised_pnl"), cell("realised_pnl", "wide"));
  row.dataset.key = one.instrument;
  return row;
}

function update(row, one) {
  mark(row, "flat", String(signOf(one.quantity) === "flat"));
  for (const cell of row.querySelectorAll("[data-cell]")) {
    const name = cell.dataset.cell;
    const value = one[name];
    const isProfit = name.endsWith("_pnl");
    if (cell.value !== undefined && cell.value !== value && value != null) flash(cell, Number(value) - Number(cell.value));
    cell.value = value;
    cell.title = value == null ? "" : amount(value);
    say(cell, value == null ? "–" : isProfit ? money(value) : amount(cut(value)));
    if (isProfit && value != null) mark(cell, "sign", signOf(value));
  }
  return row;
}

const cut = (text) => {
  const dot = text.indexOf(".");
  return dot < 0 ? text : text.slice(0, dot + 7);
};

function flash(cell, change) {
  cell.classList.remove("up", "down");
  void cell.offsetWidth; // so that the animation starts again
  cell.classList.add(change > 0 ? "up" : "down");
}

function showSums(results) {
  const currencies = [...new Set(results.map((one) => one.currency))].sort();
  const sums = currencies.flatMap((currency) => {
    const own = results.filter((one) => one.currency === currency);
    const unrealised = total(own.map((one) => one.unrealised_pnl ?? "0"));
    const realised = total(own.map((one) => one.realised_pnl));
    const fees = total(own.map((one) => one.fees));
    return [[`Unrealised ${currency}`, unrealised], [`Realised ${currency}`, realised], [`Fees ${currency}`, fees]]
      .map(([name, value]) => ({ name, value, isFee: name.startsWith("Fees") }));
  });
  list(byId("sums"), sums, (one) => one.name, (one) => el("div", {},
    el("dt", {}, one.name), el("dd", { "data-sign": one.isFee ? "flat" : signOf(one.value), title: amount(one.value) }, money(one.value))));
}

function showBalances({ results }) {
  byId("balances-empty").hidden = results.length > 0;
  byId("balances").parentElement.hidden = !results.length;
  list(byId("balances"), results, (one) => `${one.account} ${one.asset}`, (one) => el("tr", {},
    el("th", { scope: "row" }, one.account.replaceAll("_", " ")), el("td", {}, one.asset), el("td", { class: "n" }, amount(one.amount))));
}

// --- how fresh it is ------------------------------------------------------------------------------
function answered(name) {
  silent.delete(name);
  last = new Date().toISOString();
  tell();
}

function unanswered(name, error) {
  if (error instanceof Problem && error.status < 500 && error.status !== 429) say(byId("holder"), error.message);
  else silent.add(name);
  tell();
}

function tell() {
  const away = silent.has("trades");
  const state = away ? "offline" : paused ? "polling" : "live";
  mark(byId("feed"), "state", state);
  say(byId("feed-word"), away ? "No answer" : paused ? "Paused" : "Live");
  byId("banner").hidden = !away;
  mark(byId("banner"), "state", "offline");
  say(byId("banner"), away ? `No answer from the server since ${last ? clock(last) : "–"} UTC. What you see is from then; this page keeps trying.` : "");
  byId("blotter").classList.toggle("stale", away);
}

function remember() {
  const told = { account: chosen.account, instrument: chosen.instrument, only: chosen.only ? "1" : "" };
  history.replaceState(null, "", address(location.pathname, told));
}

byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("chooser").addEventListener("submit", (event) => event.preventDefault());
byId("instrument").addEventListener("change", (event) => {
  chosen.instrument = event.target.value.trim();
  limit = PAGE;
  dealsSeen = false;
  remember();
  trades.now();
});
byId("only").addEventListener("change", (event) => {
  chosen.only = event.target.checked;
  dealsSeen = false;
  remember();
  trades.now();
});
byId("account").addEventListener("change", (event) => choose(event.target.value.trim()));
byId("flats").addEventListener("change", () => positions.now());
byId("older").addEventListener("click", () => {
  limit = Math.min(limit * 3, 1000);
  trades.now();
});
byId("pause").addEventListener("click", ({ target }) => {
  paused = !paused;
  target.setAttribute("aria-pressed", String(paused));
  if (!paused) trades.now();
  tell();
});

async function suggest() {
  try {
    const { results } = await get(address(config.accounts, { limit: 1000 }));
    byId("accounts").replaceChildren(...results.map((one) => el("option", { value: one.number }, one.name)));
    if (!chosen.account && results.length) choose(results[0].number);
  } catch {
    // Only suggestions: a number can still be typed.
  }
}

byId("instrument").value = chosen.instrument;
byId("only").checked = chosen.only;
if (chosen.account) choose(chosen.account);
settlements.now();
trades.now();
suggest();
