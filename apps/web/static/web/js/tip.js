// One tip for the whole page: beside the pointer, or beside what has the keyboard's focus.
import { byId, el } from "./dom.js";

const tip = byId("tip");

export function showTip(anchor, title, text) {
  tip.replaceChildren(el("b", {}, title), text);
  tip.hidden = false;
  const at = anchor.getBoundingClientRect();
  const { width, height } = tip.getBoundingClientRect();
  const left = Math.min(Math.max(at.left + at.width / 2 - width / 2, 8), innerWidth - width - 8);
  const above = at.top - height - 10;
  tip.style.left = `${left}px`;
  tip.style.top = `${above < 66 ? at.bottom + 10 : above}px`;
}

export function hideTip() {
  tip.hidden = true;
}

addEventListener("keydown", (event) => {
  if (event.key === "Escape") hideTip();
});
addEventListener("scroll", hideTip, { passive: true });
