// The reports' page: one report of the catalogue as chart and table, and the files that are made.
import { address, call, get, Poll, post, Problem } from "./api.js";
import { byId, el, list, mark, say } from "./dom.js";
import { amount, count, moment, plural, shortened, signOf } from "./format.js";
import { Plot } from "./plot.js";

const config = JSON.parse(byId("config").textContent);
const FILES_MS = 15000, PAGE = 200, MS = 30000;
const DATES = new Set(["since", "until", "day", "first_day", "last_day"]);
const NUMBERS = new Set(["amount", "count", "share"]);
const WORDS = { "": "any", asset: "kind of asset", tenant: "all together", position: "position" };
const plot = new Plot(byId("plot"));
let reports = [], report = null, shown = [], next = null, turn = 0;

// --- which report, and what is asked ----------------------------------------------------------------
async function begin() {
  try {
    ({ results: reports } = await get(config.reports));
    byId("choice").replaceChildren(...reports.map((one) => el("li", {}, el("a", { href: `?report=${one.name}`, "data-report": one.name }, one.title))));
    choose(new URLSearchParams(location.search));
    suggest();
  } catch (error) {
    silent(error);
  }
}

function choose(asked) {
  report = reports.find((one) => one.name === asked.get("report")) ?? reports[0];
  for (const link of byId("choice").querySelectorAll("a")) {
    if (link.dataset.report === report.name) {
      link.setAttribute("aria-current", "page");
      link.closest("ul").scrollLeft = link.offsetLeft - 60; // on a phone the others are beside the screen
    } else link.removeAttribute("aria-current");
  }
  say(byId("title"), report.title);
  say(byId("about"), report.about);
  document.title = `${report.title} · Lockstep`;
  byId("fields").replaceChildren(...report.parameters.map((one) => field(one, asked.get(one.name) ?? usual(one))));
  clear();
  if (report.parameters.every((one) => !one.is_required || asked.get(one.name))) show();
  else empty("Say of which account.");
}

/** What is asked where nothing was said: the last week, so that there is something to see. */
function usual(parameter) {
  const days = { since: -6, first_day: -29, until: 0, last_day: 0 }[parameter.ask];
  return days === undefined ? "" : new Date(Date.now() + days * 86400000).toISOString().slice(0, 10);
}

function field(parameter, value) {
  const name = parameter.name;
  const about = { title: parameter.about || null, name, id: `ask-${name}` };
  const input = parameter.ask === "choice"
    ? el("select", about, ...parameter.choices.map((one) => el("option", { value: one, selected: one === value }, WORDS[one] ?? one)))
    : el("input", { ...about, value: parameter.ask === "moment" ? value.slice(0, 16) : value, required: parameter.is_required, autocomplete: "off", spellcheck: "false", ...kind(parameter.ask) });
  return el("label", {}, parameter.ask === "moment" ? `${parameter.title} (UTC)` : parameter.title, input);
}

const kind = (ask) =>
  DATES.has(ask) ? { type: "date" } : ask === "moment" ? { type: "datetime-local" } : ask === "account" ? { list: "accounts", placeholder: "every account" } : { placeholder: "every instrument" };

function asked() {
  const told = {};
  for (const parameter of report.parameters) {
    const value = byId(`ask-${parameter.name}`).value.trim();
    if (value) told[parameter.name] = parameter.ask === "moment" ? `${value}Z` : value;
  }
  return told;
}

// --- its rows ---------------------------------------------------------------------------------------
async function show(after = null) {
  const mine = ++turn;
  const told = asked();
  const path = `${config.reports}/${report.name}`;
  byId("csv").href = address(path, { ...told, format: "csv" });
  byId("csv").hidden = false;
  byId("pdf").hidden = report.name !== "statement" || !told.account;
  byId("pdf").href = address(config.statement, { owner: told.account, from: told.from, to: told.to, format: "pdf" });
  if (!after) history.replaceState(null, "", address(location.pathname, { report: report.name, ...told }));
  mark(byId("feed"), "state", "polling");
  say(byId("feed-word"), "Asking");
  try {
    const paging = report.is_paged ? { limit: PAGE, after } : {};
    const found = await get(address(path, { ...told, ...paging }), { ms: MS });
    if (mine !== turn) return;
    shown = after ? [...shown, ...found.results] : found.results;
    next = found.next;
    answered(found.asked_at);
    draw();
  } catch (error) {
    if (mine === turn) refused(error);
  }
}

function clear() {
  shown = [];
  next = null;
  for (const id of ["picture", "rows-scroll", "older", "rows-empty", "faults", "csv", "pdf"]) byId(id).hidden = true;
  say(byId("rows-more"), "");
}

function answered(at) {
  byId("banner").hidden = true;
  byId("faults").hidden = true;
  for (const input of byId("fields").querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  mark(byId("feed"), "state", "live");
  say(byId("feed-word"), `As of ${moment(at)} UTC`);
}

function refused(error) {
  if (!(error instanceof Problem) || error.status >= 500) return silent(error);
  clear();
  mark(byId("feed"), "state", "polling");
  say(byId("feed-word"), "Refused");
  faults(byId("faults"), error);
  for (const one of error.body.errors ?? []) byId(`ask-${one.field}`)?.setAttribute("aria-invalid", "true");
}

function faults(host, error) {
  const told = error.body?.errors?.length ? error.body.errors.map((one) => `${one.field ? `${one.field}: ` : ""}${one.detail}`) : [error.message];
  host.replaceChildren(...told.map((one) => el("li", {}, one)));
  host.hidden = false;
}

function silent(error) {
  mark(byId("feed"), "state", "offline");
  say(byId("feed-word"), "No answer");
  const banner = byId("banner");
  banner.hidden = false;
  mark(banner, "state", "offline");
  say(banner, `No answer from the server (${error.message}). Show asks again.`);
}

function empty(text) {
  byId("rows-scroll").hidden = true;
  byId("picture").hidden = true;
  byId("rows-empty").hidden = false;
  say(byId("rows-empty-text"), text);
}

function draw() {
  byId("older").hidden = !next;
  if (!shown.length) return empty("Nothing happened that this report is about. Ask for a longer time, or for everybody.");
  byId("rows-empty").hidden = true;
  byId("rows-scroll").hidden = false;
  say(byId("rows-more"), `${plural(shown.length, "row")}${next ? ", and more" : ""}`);
  say(byId("caption"), report.about);
  const used = report.columns.filter((one) => shown.some((row) => row[one.name] !== "" && row[one.name] != null));
  byId("head").replaceChildren(...used.map((one) => el("th", { scope: "col", class: NUMBERS.has(one.kind) ? "n" : null, title: one.about || null }, one.title)));
  byId("rows").replaceChildren(...shown.map((row) => el("tr", {}, ...used.map((one) => cell(one, row[one.name])))));
  splits();
}

const IDS = new Set(["trade", "entry"]);

function cell(column, value) {
  if (value == null || value === "") return el("td", { class: NUMBERS.has(column.kind) ? "n" : null }, "–");
  if (column.kind === "amount") return el("td", { class: "n", "data-sign": signOf(value), title: amount(value) }, shortened(value));
  if (column.kind === "share") return el("td", { class: "n" }, percent(value));
  if (column.kind === "count") return el("td", { class: "n" }, count(value));
  if (column.kind === "time") return el("td", {}, el("time", { datetime: value, title: `${value} (UTC)` }, moment(value)));
  if (IDS.has(column.name)) return el("td", { title: value }, el("span", { class: "id" }, `…${value.slice(-8)}`));
  return el("td", {}, String(value));
}

const percent = (share) => `${(Number(share) * 100).toFixed(1)} %`;

// --- its picture ------------------------------------------------------------------------------------
function splits() {
  const chart = report.chart;
  byId("picture").hidden = !chart || report.is_paged;
  if (byId("picture").hidden) return;
  const values = chart.split ? [...new Set(shown.map((row) => row[chart.split]))] : [];
  byId("split-label").hidden = values.length < 2;
  const column = report.columns.find((one) => one.name === chart.split);
  say(byId("split-name"), column?.title ?? "");
  const select = byId("split"), chosen = select.value;
  select.replaceChildren(...values.map((one) => el("option", { value: one }, one || "none")));
  // The one with the most rows, unless somebody chose.
  const most = values.reduce((best, one) => (rowsOf(one).length > rowsOf(best).length ? one : best), values[0]);
  select.value = values.includes(chosen) && chosen !== "" ? chosen : most ?? "";
  picture();
}

const rowsOf = (value) => (report.chart.split ? shown.filter((row) => row[report.chart.split] === value) : shown);

function picture() {
  const { shape, x, y, split } = report.chart;
  const columns = Object.fromEntries(report.columns.map((one) => [one.name, one]));
  const value = split ? byId("split").value : "";
  const isMoney = columns[y[0]].kind === "amount";
  const unit = isMoney ? value : "";
  const points = rowsOf(value).map((row) => {
    const name = x.map((one) => (columns[one].kind === "time" ? moment(row[one]) : row[one])).filter(Boolean).join(" ") || "all";
    return { name, title: value && !isMoney ? `${name} ${value}` : name, values: y.map((one) => String(row[one] ?? 0)) };
  });
  const series = y.map((one) => ({ name: one, title: columns[one].title }));
  byId("legend").replaceChildren(...series.map((one, index) => el("li", { "data-series": index }, el("span", { class: "swatch" }), one.title)));
  say(byId("picture-title"), value ? `${report.title}, ${value}` : report.title);
  const left = plot.show({ shape, series, isMoney, unit }, points);
  say(byId("plot-more"), left > 0 ? `The ${points.length - left} largest; ${plural(left, "other")} in the table only.` : "");
}

// --- files and schedules ----------------------------------------------------------------------------
const files = new Poll(
  () => Promise.all([get(address(config.files, { limit: 30 })), get(address(config.schedules, { limit: 200 }))]),
  { every: FILES_MS, onAnswer: ([made, planned]) => (showFiles(made.results), showSchedules(planned.results)) });

function showFiles(rows) {
  byId("files-empty").hidden = rows.length > 0;
  byId("file-rows").closest(".scroll").hidden = !rows.length;
  list(byId("file-rows"), rows, (one) => one.id, (one) => el("tr", {},
    el("th", { scope: "row" }, one.schedule_name, el("small", {}, one.title)),
    el("td", {}, moment(one.period_start), el("small", {}, `to ${moment(one.period_end)}`)),
    el("td", {}, ...stateOf(one)),
    el("td", { class: "n" }, one.state === "ready" ? count(one.rows) : "–"),
    el("td", { class: "n" }, one.state === "ready" ? bytes(one.size) : "–"),
    el("td", { class: "wide", title: one.sha256 || null }, one.sha256 ? el("code", {}, `${one.sha256.slice(0, 12)}…`) : "–"),
    el("td", {}, one.state === "ready" ? el("a", { href: `${config.files}/${one.id}/content`, download: one.name, "aria-label": `Download ${one.name}` }, "Download") : again(one))));
}

function stateOf(one) {
  const tone = { ready: "ok", failed: "bad", making: "warn" }[one.state];
  const more = one.state === "failed" ? [el("small", { class: "error" }, one.error), el("small", {}, one.retry_at ? `tried again at ${moment(one.retry_at)} UTC` : `given up after ${plural(one.attempts, "try", "tries")}`)] : [];
  return [el("strong", { "data-tone": tone }, one.state), ...more];
}

function again(one) {
  if (one.state !== "failed" || one.retry_at || !config.writes) return "–";
  const button = el("button", { class: "quiet", type: "button" }, "Try again");
  button.addEventListener("click", () => act(button, () => post(`${config.files}/${one.id}/retry`)));
  return button;
}

function showSchedules(rows) {
  byId("schedules-empty").hidden = rows.length > 0;
  list(byId("schedule-rows"), rows, (one) => one.id, (one) => {
    const title = reports.find((found) => found.name === one.report)?.title ?? one.report;
    const told = Object.entries(one.parameters).map(([name, value]) => `${name} ${value}`).join(", ");
    const when = one.every === "day" ? `every day of ${one.zone}, made at ${one.at.slice(0, 5)}` : `every hour of ${one.zone}`;
    return el("li", {},
      el("div", {}, el("strong", {}, one.name), el("p", {}, [title, told, when, `kept ${plural(one.keep_days, "day")}`].filter(Boolean).join(" · ")),
        el("p", {}, one.state === "active" ? `next at ${moment(one.next_at)} UTC` : "paused")),
      config.writes ? turner(one) : null);
  });
}

function turner(one) {
  const isActive = one.state === "active";
  const button = el("button", { class: "quiet", type: "button", "aria-label": `${isActive ? "Pause" : "Resume"} ${one.name}` }, isActive ? "Pause" : "Resume");
  button.addEventListener("click", () => act(button, () => call("PATCH", `${config.schedules}/${one.id}`, { state: isActive ? "paused" : "active" })));
  return button;
}

async function act(button, what) {
  button.disabled = true;
  try {
    await what();
    await files.now();
  } catch (error) {
    silent(error);
  }
  button.disabled = false;
}

const bytes = (size) => (size < 1000 ? `${size} B` : size < 1e6 ? `${(size / 1000).toFixed(1)} kB` : `${(size / 1e6).toFixed(1)} MB`);

// --- what people do ---------------------------------------------------------------------------------
byId("choice").addEventListener("click", (event) => {
  const link = event.target.closest("a[data-report]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  history.pushState(null, "", link.href);
  choose(new URLSearchParams(location.search));
});
addEventListener("popstate", () => reports.length && choose(new URLSearchParams(location.search)));
byId("asked").addEventListener("submit", (event) => {
  event.preventDefault();
  clear();
  show();
});
byId("split").addEventListener("change", picture);
byId("older").addEventListener("click", () => show(next));

if (config.writes) {
  const plan = byId("plan");
  byId("schedule").addEventListener("click", () => {
    const told = terms();
    say(byId("plan-about"), `${report.title}${Object.keys(told).length ? `: ${Object.entries(told).map(([name, value]) => `${name} ${value}`).join(", ")}` : ""}. Times are the period's own.`);
    byId("plan-name").value = `${report.title}${told.account ? ` ${told.account}` : ""}`;
    byId("plan-faults").hidden = true;
    plan.showModal();
  });
  byId("plan-cancel").addEventListener("click", () => plan.close());
  byId("plan-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const body = { name: byId("plan-name").value, report: report.name, parameters: terms(), every: byId("plan-every").value, zone: byId("plan-zone").value, at: byId("plan-at").value, keep_days: Number(byId("plan-keep").value) };
    try {
      await post(config.schedules, body);
      plan.close();
      files.now();
    } catch (error) {
      faults(byId("plan-faults"), error);
    }
  });
}

/** What is asked, without the times that a period says. */
function terms() {
  const timeless = new Set(report.parameters.filter((one) => ["choice", "account", "instrument"].includes(one.ask)).map((one) => one.name));
  return Object.fromEntries(Object.entries(asked()).filter(([name]) => timeless.has(name)));
}

async function suggest() {
  try {
    const { results } = await get(address(config.accounts, { limit: 1000 }));
    byId("accounts").replaceChildren(...results.map((one) => el("option", { value: one.number }, one.name)));
  } catch {
    // Only suggestions: a number can still be typed.
  }
}

begin().then(() => files.now());
