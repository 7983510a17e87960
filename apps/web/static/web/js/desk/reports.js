// Reports on the floor: a chart, and the table that says the same in figures.
import { address, get } from "../api.js";
import { byId, el, svg } from "../dom.js";
import { count, duration, moment, plural } from "../format.js";
import { toast } from "./alerts.js";

const HOUR_MS = 3_600_000, DAY_MS = 86_400_000;
const share = (value) => `${Math.round(100 * value)} %`;
const HANDLING = [["taken", "Taken", count], ["declined", "Declined", count], ["missed", "Missed", count], ["transferred", "Transferred", count],
  ["first_response", "First response", duration], ["average_response", "Average response", duration], ["response_level", "Answered in time", share], ["handle_time", "Handle time", duration]];
const AGENT = [["name", "Agent"], ...HANDLING, ["online", "Online", (seconds) => (seconds ? duration(seconds) : "–")], ["utilisation", "Utilisation", share]];
const AGENT_SKILL = [["name", "Agent"], ["skill", "Skill", (skill) => skill || "any"], ...HANDLING];
const LINE = (word) => [["group", word], ["queued", "Queued", count], ["matched", "Served", count], ["average_wait", "Average wait", duration], ["business_wait", "In business hours", duration], ["wait_p90", "9 of 10 within", duration],
  ["first_response", "First response", duration], ["average_response", "Average response", duration], ["handle_time", "Handle time", duration], ["abandonment", "Abandoned", share], ["service_level", "Served in time", share]];

/** Of a line's row: who was served in time, who later, who left, and who still waits. */
const fate = (one) => [
  { tone: "ok", word: "served in time", value: one.matched_in_target },
  { tone: "late", word: "served later", value: one.matched - one.matched_in_target },
  { tone: "gone", word: "abandoned", value: one.abandoned },
  { tone: "open", word: "not served", value: Math.max(0, one.queued - one.matched - one.abandoned) },
];
const FATES = fate({ queued: 0, matched: 0, matched_in_target: 0, abandoned: 0 });
const REPORTS = {
  agent: {
    path: "agents", columns: AGENT, rows: (found) => found.results, legend: [{ tone: "ok", word: "time with a conversation" }, { tone: "open", word: "time online without" }],
    chart: (rows) => bars(rows.filter((one) => one.online).map((one) => ({
      name: one.name, text: one.utilisation == null ? "" : share(one.utilisation),
      parts: [{ tone: "ok", value: Math.min(one.busy, one.online) }, { tone: "open", value: Math.max(0, one.online - one.busy) }] })), "Time online of each agent, and how much of it with a conversation"),
  },
  agent_skill: {
    path: "skills", columns: AGENT_SKILL, rows: (found) => found.results, legend: [{ tone: "ok", word: "conversations taken" }],
    chart: (rows) => bars(rows.map((one) => ({ name: `${one.name} · ${one.skill || "any"}`, text: count(one.taken), parts: [{ tone: "ok", value: one.taken }] })), "Conversations of each agent by skill"),
  },
  skill: {
    path: "queue", columns: LINE("Skill"), rows: (found) => [{ ...found.total, group: "all" }, ...found.skills.map((one) => ({ ...one, group: one.group || "any" }))], legend: FATES,
    chart: (rows) => bars(rows.map((one) => ({ name: one.group, text: plural(one.queued, "conversation"), parts: fate(one) })), "What became of those who waited, by skill"),
  },
  hour: {
    path: "hours", columns: LINE("Hour (UTC)"), rows: (found) => found.results, shown: (one) => ({ ...one, group: moment(one.group) }), legend: FATES,
    chart: (rows, since) => columns(rows, since),
  },
};

const LABEL = 170, TEXT = 120, ROW = 26, TALL = 190;
const wide = () => Math.max(260, byId("report-chart").clientWidth);
const text = (attributes, words) => {
  const node = svg("text", attributes);
  node.textContent = words;
  return node;
};
const picture = (label, height, ...children) => svg("svg", { role: "img", "aria-label": `${label}. The table below says the same.`, viewBox: `0 0 ${wide()} ${height}`, width: wide(), height }, ...children);

/** A line for each row: its name, its parts one after the other, and what they come to. */
function bars(rows, label) {
  const most = Math.max(...rows.map((one) => sum(one.parts)), 1);
  const begin = Math.min(LABEL, wide() * 0.32), room = wide() - begin - Math.min(TEXT, wide() * 0.28);
  return rows.length && picture(label, rows.length * ROW, ...rows.flatMap((one, row) => {
    let x = begin;
    const rects = one.parts.filter(({ value }) => value > 0).map(({ tone, value }) => {
      const rect = svg("rect", { "data-tone": tone, x, y: row * ROW + 5, width: (value / most) * room, height: ROW - 10 });
      x += (value / most) * room;
      return rect;
    });
    const middle = row * ROW + ROW / 2 + 4;
    return [text({ x: 0, y: middle, class: "name" }, one.name.length > 22 ? `${one.name.slice(0, 21)}…` : one.name), ...rects, text({ x: x + 8, y: middle }, one.text)];
  }));
}

/** A column for each hour; for each day where hours were too many. */
function columns(rows, since) {
  const step = Date.now() - since > 3 * DAY_MS ? DAY_MS : HOUR_MS;
  const slots = new Map();
  for (let at = Math.floor(since / step) * step; at <= Date.now(); at += step) slots.set(at, FATES.map((one) => ({ ...one })));
  for (const one of rows) {
    const slot = slots.get(Math.floor(Date.parse(one.group) / step) * step);
    fate(one).forEach(({ value }, index) => slot && (slot[index].value += value));
  }
  const all = [...slots.entries()], most = Math.max(...all.map(([, parts]) => sum(parts)), 1);
  const width = (wide() - 34) / all.length, high = TALL - 34;
  const every = Math.ceil(all.length / Math.max(2, Math.floor(wide() / 90)));
  const what = step === DAY_MS ? "day" : "hour";
  return picture(`What became of those who waited, by the ${what} (UTC) in which they came`, TALL,
    text({ x: 26, y: 14, "text-anchor": "end" }, count(most)), text({ x: 26, y: high + 8, "text-anchor": "end" }, "0"),
    svg("line", { x1: 32, x2: wide(), y1: high + 8, y2: high + 8 }),
    ...all.flatMap(([at, parts], index) => {
      const x = 34 + index * width;
      let y = high + 8;
      const rects = parts.filter(({ value }) => value > 0).map(({ tone, value }) => {
        const height = (value / most) * high;
        y -= height;
        return svg("rect", { "data-tone": tone, x, y, width: Math.max(1, width - 2), height });
      });
      const iso = new Date(at).toISOString();
      return index % every ? rects : [...rects, text({ x, y: TALL - 8 }, step === DAY_MS ? iso.slice(5, 10) : iso.slice(11, 16))];
    }));
}

const sum = (parts) => parts.reduce((all, { value }) => all + value, 0);

export function startReports(base) {
  let shown = null; // draws the chart again when its room has changed
  async function report() {
    const { path, columns: heads, rows: rowsOf, shown: written = (one) => one, legend, chart } = REPORTS[byId("group").value];
    const since = Date.now() - DAY_MS * Number(byId("period").value);
    try {
      const rows = rowsOf(await get(address(`${base}/${path}`, { since: new Date(since).toISOString() })));
      byId("report-head").replaceChildren(...heads.map(([, word], index) => el("th", { scope: "col", class: index ? "n" : "" }, word)));
      byId("report-empty").hidden = rows.length > 0;
      byId("report-rows").replaceChildren(...rows.map(written).map((one) => el("tr", {}, ...heads.map(([key, , as = String], index) => (
        index ? el("td", { class: "n" }, one[key] == null ? "–" : as(one[key])) : el("th", { scope: "row" }, String(one[key])))))));
      byId("report-legend").replaceChildren(...legend.map(({ tone, word }) => el("li", { "data-tone": tone }, word)));
      shown = () => byId("report-chart").replaceChildren(...[rows.length && chart(rows, since)].filter(Boolean));
      byId("report-chart").hidden = byId("report-legend").hidden = !rows.length;
      shown();
    } catch (error) {
      toast(`The report could not be read: ${error.message}`);
    }
  }
  byId("report-form").addEventListener("change", report);
  byId("report-form").addEventListener("submit", (event) => event.preventDefault());
  new ResizeObserver(() => shown?.()).observe(byId("reports"));
  report();
}
