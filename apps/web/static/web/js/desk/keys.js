// Keyboard short cuts. Single keys can be switched off, for people who speak to their computer.
import { byId, el } from "../dom.js";
import { store, stored } from "./alerts.js";

export function keyboard(acts) {
  byId("keys").replaceChildren(...acts.flatMap(({ key, word }) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, word)]));
  const box = byId("keys-on");
  box.checked = stored("lockstep.keys") !== "off";
  box.addEventListener("change", () => store("lockstep.keys", box.checked ? "on" : "off"));
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const isTyping = event.target.closest("input:not([type=radio]):not([type=checkbox]), textarea, select");
    if (isTyping) return;
    const act = acts.find((one) => one.key.toLowerCase() === event.key.toLowerCase());
    if (!act || (!box.checked && act.key !== "?")) return;
    event.preventDefault();
    act.run();
  });
}
