// Figures as bars that lie, or over time. The exact figures are in the table below; a picture is for
// the eye, and pointer and arrow keys read it.
import { svg } from "./dom.js";
import { count, money } from "./format.js";
import { hideTip, showTip } from "./tip.js";

const BARS_MOST = 24;
const RIGHT = 12, ROW = 11, GAP = 12, TOP = 8, BOTTOM = 26, NAME_MOST = 220, CHAR = 7.9, WIDE_MOST = 72;

/** A number for drawing only: what is shown is the text itself. */
const size = (text) => Number(text) || 0;

export class Plot {
  constructor(host) {
    Object.assign(this, { host, marks: [], picked: null });
    new ResizeObserver(() => this.wide() !== this.width && this.draw()).observe(host);
  }

  /** `chart` {shape, series: [{name, title}], isMoney}, `points` [{name, title, values: [text]}]. */
  show(chart, points) {
    Object.assign(this, { chart, all: points.length });
    this.points = chart.shape === "line" ? points : largest(points);
    this.picked = null;
    hideTip();
    this.draw();
    return this.all - this.points.length;
  }

  wide() {
    return Math.floor(this.host.getBoundingClientRect().width);
  }

  draw() {
    const width = (this.width = this.wide());
    if (!width || !this.points?.length) return this.host.replaceChildren();
    const drawn = this.chart.shape === "line" ? this.line(width) : this.bars(width);
    drawn.setAttribute("role", "img");
    drawn.setAttribute("tabindex", "0");
    drawn.setAttribute("aria-label", this.label());
    drawn.addEventListener("pointermove", (event) => this.pick(this.marks.findIndex((one) => one.hit(event))));
    for (const end of ["pointerleave", "blur"]) drawn.addEventListener(end, () => this.pick(-1));
    drawn.addEventListener("keydown", (event) => this.key(event));
    this.svg = drawn;
    this.host.replaceChildren(drawn);
  }

  label() {
    const names = this.chart.series.map((one) => one.title).join(" and ");
    return `${names}: ${this.points.length} of ${this.all} shown. Arrow keys read them; the table below has all of them.`;
  }

  bars(width) {
    const series = this.chart.series.length;
    const values = this.points.flatMap((one) => one.values.map(size));
    const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
    const left = Math.min(NAME_MOST, width * 0.34, Math.ceil(Math.max(...this.points.map((one) => one.name.length)) * CHAR) + 15);
    const x = (value) => left + ((value - low) / (high - low || 1)) * (width - left - RIGHT);
    const step = series * ROW + GAP;
    const height = TOP + this.points.length * step;
    const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height });
    root.append(svg("line", { class: "zero", x1: x(0), x2: x(0), y1: 0, y2: height }));
    this.marks = [];
    this.points.forEach((point, row) => {
      const y = TOP + row * step;
      root.append(text(cut(point.name, left), { class: "name", x: left - 8, y: y + (series * ROW) / 2 + 4, "text-anchor": "end" }));
      point.values.forEach((value, index) => {
        const [from, to] = [x(0), x(size(value))].sort((one, other) => one - other);
        const bar = svg("rect", { "data-series": index, x: from, y: y + index * ROW, width: Math.max(to - from, size(value) ? 1.5 : 0), height: ROW - 2, rx: 2 });
        root.append(bar);
        this.marks.push({ node: bar, point, index, hit: (event) => within(event, root, y + index * ROW, ROW) });
      });
    });
    return root;
  }

  line(width) {
    const height = 210, left = 44;
    const highest = niceMax(Math.max(1, ...this.points.flatMap((one) => one.values.map(size))));
    const x = (index) => left + (index + 0.5) * ((width - left - RIGHT) / this.points.length);
    const y = (value) => TOP + (1 - value / highest) * (height - TOP - BOTTOM);
    const wide = Math.min(Math.max(((width - left - RIGHT) / this.points.length) * 0.72, 1), WIDE_MOST);
    const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height });
    for (const value of [0, highest / 2, highest]) {
      root.append(svg("line", { class: "grid", x1: left, x2: width - RIGHT, y1: y(value), y2: y(value) }));
      root.append(text(count(value), { x: left - 8, y: y(value) + 4, "text-anchor": "end" }));
    }
    this.marks = this.points.map((point, index) => {
      const bar = svg("rect", { "data-series": 0, x: x(index) - wide / 2, y: y(size(point.values[0])), width: wide, height: y(0) - y(size(point.values[0])), rx: 1.5 });
      root.append(bar);
      return { node: bar, point, index: 0, hit: (event) => Math.abs(event.clientX - root.getBoundingClientRect().left - x(index)) <= (width - left - RIGHT) / this.points.length / 2 };
    });
    const places = this.points.length < 3 ? [0, this.points.length - 1] : [0, Math.floor((this.points.length - 1) / 2), this.points.length - 1];
    [...new Set(places)].forEach((index, place, kept) =>
      root.append(text(this.points[index].name, { x: kept.length === 1 ? x(index) : [left, x(index), width - RIGHT][place === kept.length - 1 ? 2 : place], y: height - 6, "text-anchor": kept.length === 1 ? "middle" : ["start", "middle", "end"][place === kept.length - 1 ? 2 : place] })));
    return root;
  }

  key(event) {
    const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, Home: -Infinity, End: Infinity }[event.key];
    if (!step) return;
    event.preventDefault();
    const last = this.marks.length - 1;
    this.pick(Math.min(Math.max((this.picked ?? (step < 0 ? last + 1 : -1)) + step, 0), last));
  }

  pick(index) {
    this.marks[this.picked]?.node.classList.remove("picked");
    const found = this.marks[index];
    this.picked = found ? index : null;
    if (!found) return hideTip();
    found.node.classList.add("picked");
    const value = found.point.values[found.index];
    const shown = this.chart.isMoney ? money(value) : count(Number(value));
    showTip(found.node, `${found.point.title}`, `${this.chart.series[found.index].title}: ${shown}${this.chart.unit ? ` ${this.chart.unit}` : ""}`);
  }
}

/** The rows with the largest figures, in the order in which they came. */
function largest(points) {
  if (points.length <= BARS_MOST) return points;
  const weight = (one) => Math.max(...one.values.map((value) => Math.abs(size(value))));
  const kept = new Set([...points].sort((one, other) => weight(other) - weight(one)).slice(0, BARS_MOST));
  return points.filter((one) => kept.has(one));
}

function text(said, attributes) {
  const node = svg("text", attributes);
  node.textContent = said;
  return node;
}

function cut(name, width) {
  const most = Math.max(Math.floor((width - 14) / CHAR), 3);
  return name.length > most ? `${name.slice(0, most - 1)}…` : name;
}

function within(event, root, top, height) {
  const y = event.clientY - root.getBoundingClientRect().top;
  return y >= top && y < top + height;
}

function niceMax(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 6, 8, 10].map((factor) => factor * power).find((limit) => limit >= value) || 1;
}
