// Something per second as an area that flows to the left.
import { svg } from "./dom.js";
import { clock, plural } from "./format.js";
import { hideTip, showTip } from "./tip.js";

const LEFT = 40, RIGHT = 10, TOP = 10, BOTTOM = 24;
const still = matchMedia("(prefers-reduced-motion: reduce)");

export class FlowChart {
  /** `what`: the singular of what is counted. */
  constructor(host, what = "trade") {
    Object.assign(this, { host, what });
    const fill = `${what}-fill`, clip = `${what}-clip`;
    this.values = [];
    this.until = 0;
    this.gradient = svg("linearGradient", { id: fill, x1: 0, y1: 0, x2: 0, y2: 1 },
      svg("stop", { offset: "0", "stop-opacity": ".34" }), svg("stop", { offset: "1", "stop-opacity": ".02" }));
    this.clipBox = svg("rect", {});
    this.grid = svg("g");
    this.area = svg("path", { class: "area", fill: `url(#${fill})` });
    this.line = svg("path", { class: "line" });
    this.moving = svg("g", {}, this.area, this.line);
    this.cursor = svg("line", { class: "cursor", visibility: "hidden" });
    this.dot = svg("circle", { class: "dot", r: 4.5, visibility: "hidden" });
    this.quiet = svg("text", { class: "quiet", visibility: "hidden" });
    this.quiet.textContent = `Quiet: no ${what} in the last two minutes`;
    this.svg = svg("svg", { role: "img", tabindex: 0 },
      svg("defs", {}, this.gradient, svg("clipPath", { id: clip }, this.clipBox)),
      this.grid, svg("g", { "clip-path": `url(#${clip})` }, this.moving), this.cursor, this.dot, this.quiet);
    host.append(this.svg);
    new ResizeObserver(() => this.draw()).observe(host);
    this.svg.addEventListener("pointermove", (event) => this.pick(this.indexAt(event.clientX)));
    for (const end of ["pointerleave", "blur"]) this.svg.addEventListener(end, () => this.pick(null));
    this.svg.addEventListener("keydown", (event) => this.key(event));
  }

  show(flow) {
    const until = Date.parse(flow.until);
    const step = (until - this.until) / 1000;
    this.values = flow.per_second;
    this.until = until;
    this.svg.setAttribute("aria-label",
      `${this.what[0].toUpperCase()}${this.what.slice(1)}s per second over the last two minutes: now ${flow.rate}, at most ${flow.peak}, ${plural(flow.total, this.what)} in all. Arrow keys read the seconds.`);
    this.draw();
    if (step === 1 && !still.matches && document.visibilityState === "visible") this.slide();
  }

  slide() {
    const from = `translateX(${this.stepX}px)`;
    this.moving.animate([{ transform: from }, { transform: "none" }], { duration: 980, easing: "linear" });
  }

  draw() {
    const { width, height } = this.host.getBoundingClientRect();
    if (!width || !this.values.length) return;
    this.size = { width, height };
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const top = niceMax(Math.max(...this.values));
    this.stepX = (width - LEFT - RIGHT) / (this.values.length - 1);
    this.x = (index) => LEFT + index * this.stepX;
    this.y = (value) => TOP + (1 - value / top) * (height - TOP - BOTTOM);
    this.drawGrid(top);
    const points = this.values.map((value, index) => [this.x(index), this.y(value)]);
    const line = smooth(points);
    this.line.setAttribute("d", line);
    this.area.setAttribute("d", `${line}L${this.x(this.values.length - 1)} ${this.y(0)}L${LEFT} ${this.y(0)}Z`);
    set(this.clipBox, { x: LEFT, y: 0, width: width - LEFT - RIGHT + 1, height: height - BOTTOM + 1 });
    const silent = this.values.every((value) => !value);
    set(this.quiet, { x: LEFT + (width - LEFT - RIGHT) / 2, y: this.y(top / 2) - 8, visibility: silent ? "visible" : "hidden" });
    if (this.picked != null) this.pick(this.picked);
  }

  drawGrid(top) {
    const { width, height } = this.size;
    const marks = [];
    for (const value of [0, top / 2, top]) {
      marks.push(svg("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: this.y(value), y2: this.y(value) }));
      const label = svg("text", { x: LEFT - 9, y: this.y(value) + 4, "text-anchor": "end" });
      label.textContent = value;
      marks.push(label);
    }
    for (const [back, text, anchor] of [[120, "−2 min", "start"], [60, "−1 min", "middle"], [0, "now", "end"]]) {
      const x = LEFT + (1 - back / 120) * (width - LEFT - RIGHT);
      const label = svg("text", { x, y: height - 6, "text-anchor": anchor });
      label.textContent = text;
      marks.push(label);
    }
    this.grid.replaceChildren(...marks);
  }

  indexAt(clientX) {
    const x = clientX - this.svg.getBoundingClientRect().left;
    return Math.min(Math.max(Math.round((x - LEFT) / this.stepX), 0), this.values.length - 1);
  }

  key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (!step) return;
    event.preventDefault();
    const last = this.values.length - 1;
    this.pick(Math.min(Math.max((this.picked ?? last) + step, 0), last));
  }

  pick(index) {
    this.picked = index;
    const shown = index == null ? "hidden" : "visible";
    this.cursor.setAttribute("visibility", shown);
    this.dot.setAttribute("visibility", shown);
    if (index == null) return hideTip();
    const x = this.x(index), y = this.y(this.values[index]);
    set(this.cursor, { x1: x, x2: x, y1: TOP, y2: this.y(0) });
    set(this.dot, { cx: x, cy: y });
    const second = new Date(this.until - (this.values.length - index) * 1000).toISOString();
    showTip(this.dot, plural(this.values[index], this.what), `${clock(second)} UTC`);
  }
}

function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
}

/** The next round number whose half is whole, too: 4, 10, 12, 16, 20, 24, 30 … */
function niceMax(value) {
  if (value <= 4) return 4;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10].map((factor) => Math.round(factor * power)).find((limit) => limit >= value && Math.round(limit) % 2 === 0);
}

/** A curve through the points that never swings past them (monotone, Fritsch–Carlson). */
function smooth(points) {
  const n = points.length;
  const slopes = [];
  for (let i = 0; i < n - 1; i++) slopes.push((points[i + 1][1] - points[i][1]) / (points[i + 1][0] - points[i][0]));
  const tangents = points.map((_, i) => {
    if (i === 0 || i === n - 1) return slopes[Math.min(i, n - 2)];
    const [before, after] = [slopes[i - 1], slopes[i]];
    return before * after <= 0 ? 0 : (2 * before * after) / (before + after);
  });
  let path = `M${points[0][0]} ${points[0][1]}`;
  for (let i = 0; i < n - 1; i++) {
    const [x0, y0] = points[i], [x1, y1] = points[i + 1], third = (x1 - x0) / 3;
    path += `C${x0 + third} ${y0 + tangents[i] * third} ${x1 - third} ${y1 - tangents[i + 1] * third} ${x1} ${y1}`;
  }
  return path;
}
