// Lag: a strip of 64 cells for each handler and topic. Pointer and arrow keys read the cells.
import { byId, el, list, mark, say } from "./dom.js";
import { count, duration, plural } from "./format.js";
import { hideTip, showTip } from "./tip.js";

const WORDS = { idle: "empty", ok: "caught up", behind: "behind", failing: "meets errors", stopped: "stopped" };

export class Strips {
  constructor(host, rows) {
    this.host = host;
    this.rows = rows;
    this.strips = new Map();
  }

  show(handlers) {
    const keys = handlers.map((one) => `${one.handler} ${one.topic}`);
    if (keys.join() !== [...this.strips.keys()].join()) this.build(handlers, keys);
    handlers.forEach((one, index) => this.strips.get(keys[index]).show(one));
    this.table(handlers);
  }

  build(handlers, keys) {
    this.strips = new Map(handlers.map((one, index) => [keys[index], new Strip(one)]));
    const axis = el("div", { class: "axis", "aria-hidden": "true" },
      el("div", {}, ...["partition 0", "16", "32", "48", "63"].map((text) => el("span", {}, text))));
    const nobody = el("p", { class: "empty" }, "No handler is registered: nobody reads the log.");
    this.host.replaceChildren(...(handlers.length ? [...this.strips.values()].map((one) => one.node) : [nobody]), ...(handlers.length ? [axis] : []));
  }

  table(handlers) {
    const rows = handlers.flatMap((one) => one.states.flatMap((state, partition) =>
      state === "idle" || state === "ok" ? [] : [{ handler: one.handler, topic: one.topic, partition, state, events: one.events[partition], seconds: one.seconds[partition] }]));
    const all = { handler: "Every partition of every handler is caught up." };
    list(byId(this.rows), rows.length ? rows : [all], (row) => `${row.handler} ${row.topic} ${row.partition}`, (row) =>
      row === all
        ? el("tr", {}, el("td", { colspan: 6 }, all.handler))
        : el("tr", {}, el("th", { scope: "row" }, row.handler), el("td", {}, row.topic), el("td", { class: "n" }, String(row.partition)),
            el("td", {}, WORDS[row.state]), el("td", { class: "n" }, count(row.events)), el("td", { class: "n" }, duration(row.seconds))));
  }
}

class Strip {
  constructor(handler) {
    this.cells = handler.states.map(() => el("i", { class: "cell" }));
    this.strip = el("div", { class: "cells", role: "img", tabindex: 0 }, ...this.cells);
    this.lag = el("strong");
    this.more = el("small");
    this.taken = el("small");
    this.side = el("div", { class: "strip-lag" }, this.lag, this.more);
    this.node = el("div", { class: "strip" },
      el("div", { class: "strip-name" }, el("strong", { title: handler.handler }, handler.handler), this.taken), this.strip, this.side);
    this.strip.addEventListener("pointermove", (event) => this.pick(this.cells.indexOf(event.target)));
    this.strip.addEventListener("pointerdown", (event) => this.pick(this.cells.indexOf(event.target)));
    for (const end of ["pointerleave", "blur"]) this.strip.addEventListener(end, () => this.pick(-1));
    this.strip.addEventListener("keydown", (event) => this.key(event));
    this.picked = -1;
  }

  show(handler) {
    this.handler = handler;
    handler.states.forEach((state, index) => mark(this.cells[index], "level", level(state, handler.seconds[index])));
    const stopped = handler.states.filter((state) => state === "stopped").length;
    const failing = handler.states.filter((state) => state === "failing").length;
    const worst = handler.worst_seconds;
    say(this.lag, handler.behind ? duration(worst) : "caught up");
    say(this.more, handler.behind ? `${plural(handler.behind, "event")}, worst: p${handler.worst_partition}` : "nothing waits");
    say(this.taken, `${handler.topic} · ${count(handler.taken)} taken`);
    mark(this.side, "tone", stopped || failing || worst >= 30 ? "bad" : worst >= 2 ? "warn" : null);
    const ails = [stopped && `${stopped} stopped`, failing && `${failing} meet errors`].filter(Boolean).join(", ");
    this.strip.setAttribute("aria-label",
      `${handler.handler}, topic ${handler.topic}, ${handler.states.length} partitions: ` +
      (handler.behind ? `${plural(handler.behind, "event")} waiting, the oldest ${duration(worst)} in partition ${handler.worst_partition}` : "all caught up") +
      (ails ? `, ${ails}` : "") + ". Arrow keys read the partitions.");
    if (this.picked >= 0) this.pick(this.picked);
  }

  key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (!step) return;
    event.preventDefault();
    this.pick(Math.min(Math.max(this.picked + step, 0), this.cells.length - 1));
  }

  pick(index) {
    this.cells[this.picked]?.classList.remove("picked");
    this.picked = index;
    if (index < 0) return hideTip();
    const cell = this.cells[index];
    cell.classList.add("picked");
    const events = this.handler.events[index];
    const text = events ? `${plural(events, "event")} waiting, the oldest for ${duration(this.handler.seconds[index])}` : "nothing waits";
    showTip(cell, `Partition ${index}: ${WORDS[this.handler.states[index]]}`, text);
  }
}

function level(state, seconds) {
  if (state !== "behind") return state;
  return seconds < 1 ? "1" : seconds < 10 ? "2" : seconds < 30 ? "3" : "4";
}
