// Everything on the board but the chart and the strips: words, tiles, lists and tables.
import { byId, el, list, mark, say } from "./dom.js";
import { amount, clock, count, duration, moment, period, plural, rate, shortened, since } from "./format.js";

const WORDS = { healthy: "Healthy", catching_up: "Catching up", degraded: "Degraded" };

const PARTS = {
  Handlers: ["stopped", "failing", "late", "behind", "parked"],
  Books: ["ledger_unbalanced"],
  Workers: ["unserved"],
  Redis: ["redis"],
  Database: ["old_snapshot"],
  Clock: ["clock_failed", "clock_late"],
};

const tone = (reasons) => (reasons.some((one) => one.state === "degraded") ? "bad" : reasons.length ? "warn" : "ok");

export function showStatus(board) {
  const { status } = board;
  mark(byId("status"), "state", status.state);
  say(byId("status-word"), WORDS[status.state]);
  say(byId("status-sentence"), status.sentence);
  list(byId("reasons"), status.reasons, (one) => one.code + one.detail.split(/\d/)[0], (one) => el("li", { "data-state": one.state }, el("span", {}, one.detail)));
  list(byId("parts"), Object.entries(PARTS).map(([name, codes]) => ({ name, tone: tone(status.reasons.filter((one) => codes.includes(one.code))) })), (one) => one.name, (one) => el("li", { "data-tone": one.tone }, one.name, el("span", { class: "hidden" }, { ok: ": fine", warn: ": catching up", bad: ": needs attention" }[one.tone])));
  const asOf = byId("as-of");
  asOf.setAttribute("datetime", board.at);
  say(asOf, clock(board.at));
}

export function showFlow({ flow }) {
  say(byId("flow-rate"), rate(flow.rate));
  say(byId("flow-more"), `over ten seconds · peak ${count(flow.peak)} · ${count(flow.total)} in two minutes`);
  const until = Date.parse(flow.until);
  const tens = [];
  for (let end = flow.per_second.length; end > 0; end -= 10) {
    const trades = flow.per_second.slice(Math.max(end - 10, 0), end).reduce((sum, one) => sum + one, 0);
    tens.push({ at: new Date(until - (flow.per_second.length - end) * 1000).toISOString(), trades });
  }
  list(byId("flow-rows"), tens, (one) => one.at, (one) => el("tr", {}, el("td", {}, clock(one.at)), el("td", { class: "n" }, count(one.trades))));
}

export function showTalks({ conversations: { flow, ...now } }) {
  say(byId("messages-rate"), rate(flow.rate));
  say(byId("messages-more"), `over ten seconds · peak ${count(flow.peak)} · ${count(flow.total)} in two minutes`);
  const figures = [["Open", now.open], ["With the bot", now.with_bot], ["With a person", now.with_agents], ["Waiting", now.waiting]];
  for (const [name, value] of figures) {
    const shown = byId(`talks-${name.toLowerCase().replaceAll(" ", "-")}`);
    say(shown, count(value));
  }
  say(byId("talks-longest"), now.waiting ? `the longest for ${duration(now.longest_wait_seconds)}` : "nobody waits");
  mark(byId("talks-waiting").parentElement, "tone", now.longest_wait_seconds > 120 ? "bad" : now.waiting ? "warn" : null);
}

export function showAgents({ agents, conversations }) {
  const tidy = (number) => String(Math.round(number * 10) / 10);
  say(byId("agents-online"), count(agents.online));
  say(byId("agents-online-more"), agents.signed_on ? `of ${count(agents.signed_on)} signed on` : "nobody is signed on");
  mark(byId("agents-online").parentElement, "tone", conversations.waiting && !agents.online ? "bad" : null);
  say(byId("agents-load"), agents.capacity ? `${Math.round((100 * agents.load) / agents.capacity)} %` : "–");
  say(byId("agents-load-more"), agents.capacity ? `${tidy(agents.load)} of ${tidy(agents.capacity)}` : "");
}

export function showTiles(board) {
  const worst = board.handlers.reduce((found, one) => (one.worst_seconds > (found?.worst_seconds ?? 0) ? one : found), null);
  const behind = board.handlers.reduce((sum, one) => sum + one.behind, 0);
  tile("lag", duration(worst?.worst_seconds ?? 0), worst ? `p${worst.worst_partition} of ${worst.handler}` : "every handler is up to date", !worst || worst.worst_seconds < 2 ? "ok" : worst.worst_seconds < 30 ? "warn" : "bad");
  tile("behind", count(behind), behind ? `in ${plural(board.handlers.filter((one) => one.behind).length, "handler")}` : "nothing waits");
  tile("parked", count(board.parked.count), board.parked.count ? "someone has to look" : "nothing is held back", board.parked.count ? "bad" : "ok");
  const { assets, off } = board.trial_balance;
  tile("books", off ? "Off" : assets ? "Balanced" : "Empty", off ? `${plural(off, "asset")} of ${count(assets)}` : plural(assets, "asset"), off ? "bad" : "ok");
  const online = board.workers.filter((one) => one.online).length;
  const away = !board.queues.length;
  const unserved = board.queues.filter((one) => !one.served).length;
  tile("workers", away ? "?" : `${online}`, away ? "unknown while Redis is away" : unserved ? `${plural(unserved, "queue")} without a worker` : "every queue is served", away || unserved ? "bad" : "ok");
}

function tile(name, value, more, tone) {
  const strong = byId(`tile-${name}`);
  say(strong, value);
  say(byId(`tile-${name}-more`), more);
  mark(strong.parentElement, "tone", tone);
}

let tradesSeen = false;

export function showTrades({ trades }) {
  byId("trades-empty").hidden = trades.length > 0;
  byId("trades").parentElement.hidden = !trades.length;
  const fresh = list(byId("trades"), trades, (one) => one.id, tradeRow);
  // A few new rows catch the eye; a table that is all new would only flicker.
  if (tradesSeen && fresh.length <= 6) fresh.forEach(glow);
  tradesSeen = true;
}

function glow(row) {
  row.classList.add("fresh");
  setTimeout(() => row.classList.remove("fresh"), 1700);
}

function tradeRow(one) {
  const price = [amount(one.price), " ", el("small", {}, one.currency)];
  return el("tr", {},
    el("td", {}, el("time", { datetime: one.at, title: `${one.at} (UTC)` }, clock(one.at))),
    el("td", { class: "wide" }, one.account),
    el("td", {}, one.instrument, el("small", { class: "narrow" }, one.account)),
    el("td", {}, el("span", { class: "side", "data-side": one.side }, one.side === "buy" ? "Buy" : "Sell")),
    el("td", { class: "n" }, amount(one.quantity), el("small", { class: "narrow" }, "@ ", amount(one.price))),
    el("td", { class: "n wide" }, ...price),
    el("td", { class: "c" }, el("span", { class: "booked", "data-booked": String(one.booked), title: one.booked ? "The ledger has it" : "On its way to the ledger" }, one.booked ? "✓" : "…", el("span", { class: "hidden" }, one.booked ? " booked" : " on its way"))));
}

export function showBooks({ trial_balance: { assets, off, rows } }) {
  byId("trial-empty").hidden = assets > 0;
  byId("trial").closest(".scroll").hidden = !assets;
  const verdict = byId("books-verdict");
  say(verdict, !assets ? "" : off ? `${plural(off, "asset")} off balance` : "✓ Debits equal credits");
  mark(verdict, "tone", off ? "bad" : "ok");
  list(byId("trial"), rows, (one) => one.asset, (one) => el("tr", {},
    el("th", { scope: "row" }, one.asset),
    el("td", { class: "n", title: one.debit }, shortened(one.debit), el("small", { class: "narrow" }, "credit ", shortened(one.credit))),
    el("td", { class: "n wide", title: one.credit }, shortened(one.credit)),
    el("td", { class: one.difference === "0" ? "n" : "n off" }, amount(one.difference))));
}

export function showParked({ parked, at }, link) {
  byId("parked-empty").hidden = parked.count > 0;
  const more = parked.count - parked.keys.length;
  if (link && parked.count && !byId("parked-link").children.length) byId("parked-link").replaceChildren(el("a", { href: link }, "All in the back office"));
  if (!parked.count) byId("parked-link").replaceChildren();
  const shown = parked.keys.map((one) => ({ ...one, age: since(one.parked_at, at) }));
  list(byId("parked-keys"), more > 0 ? [...shown, { id: "more", more }] : shown, (one) => one.id, (one) => one.more
    ? el("li", {}, el("p", {}, `and ${count(one.more)} more`))
    : el("li", {},
        el("div", { class: "entry-head" }, el("strong", {}, link ? el("a", { href: `${link}${one.id}/change/` }, one.key) : one.key), el("span", {}, `for ${one.age}`)),
        el("p", {}, `${one.handler} · ${one.topic}, partition ${one.partition} · ${plural(one.attempts, "attempt")}`),
        el("p", { class: "error" }, one.error)));
}

export function showWorkers({ workers, queues }) {
  const away = !queues.length;
  const nobody = !workers.some((one) => one.online);
  byId("workers-empty").hidden = !away && !nobody;
  say(byId("workers-empty-title"), away ? "Unknown for the moment" : "No worker is online");
  say(byId("workers-empty-text"), away
    ? "Workers announce themselves in Redis, which is not answering. Events stay safe in the log."
    : "Events wait safely in the log. make run starts workers; or: celery -A config worker -P solo -Q positions.0,ledger.0,…");
  list(byId("worker-list"), workers.map((one) => ({ ...one, silent_seconds: one.online ? 0 : Math.round(one.silent_seconds) })), (one) => one.name, (one) => el("li", {},
    el("div", { class: "entry-head" },
      el("strong", { class: "state", "data-tone": one.online ? "ok" : "bad" }, one.name),
      el("span", {}, one.online ? "online" : `silent for ${duration(one.silent_seconds)}`)),
    el("p", {}, lanes(one.queues))));
  list(byId("queues"), queues, (one) => one.queue, (one) => el("li", { "data-served": String(one.served), title: one.served ? "wakes waiting" : "no worker serves this queue" }, one.queue, el("b", {}, count(one.waiting)), one.served ? null : el("span", {}, "no worker")));
}

/** "ledger.0, positions.0, …" → "shard 0 of ledger, positions" */
function lanes(queues) {
  const shards = new Map();
  for (const queue of queues) {
    const [lane, shard] = queue.split(".");
    shards.set(shard, [...(shards.get(shard) ?? []), lane]);
  }
  return [...shards].map(([shard, names]) => (shard ? `shard ${shard}: ` : "") + names.join(", ")).join(" · ");
}

export function showClock({ clock: runs, at }) {
  byId("clock-empty").hidden = runs.length > 0;
  const shown = runs.map((one) => ({ ...one, age: one.finished_at ? since(one.finished_at, at) : "" }));
  list(byId("clock-runs"), shown, (one) => one.job, (one) => {
    const tone = one.error ? "bad" : one.finished_at ? "ok" : "none";
    const word = one.error ? "failed" : one.finished_at ? `${one.age} ago` : one.period ? "running" : "not yet";
    return el("li", {},
      el("div", { class: "entry-head" }, el("strong", { class: "state", "data-tone": tone }, one.job), el("span", {}, word)),
      el("p", {}, `every ${period(one.every)}` + (one.period ? ` · period of ${moment(one.period)}` : " · runs when the clock ticks")),
      one.error ? el("p", { class: "error" }, one.error) : null);
  });
}
