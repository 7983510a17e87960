// What the widget looks like: a button, and a panel in a shadow root that the site's styles do not reach.
import { el } from "../dom.js";

const svg = (path) => {
  const icon = new DOMParser().parseFromString(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" aria-hidden="true">${path}</svg>`, "image/svg+xml").documentElement;
  return document.importNode(icon, true);
};
const ICONS = {
  talk: '<path d="M4.5 6.8A2.3 2.3 0 0 1 6.8 4.5h10.4a2.3 2.3 0 0 1 2.3 2.3v7.4a2.3 2.3 0 0 1-2.3 2.3h-5.4l-4.3 3.4v-3.4h-.7a2.3 2.3 0 0 1-2.3-2.3z"/>',
  away: '<path d="M6.5 9.5 12 15l5.5-5.5"/>',
  clip: '<path d="m18.6 11.4-6.7 6.7a4 4 0 0 1-5.7-5.7l7.3-7.3a2.7 2.7 0 0 1 3.8 3.8l-7.2 7.2a1.3 1.3 0 0 1-1.9-1.9l6.2-6.1"/>',
  send: '<path d="M5 12h13M12.5 6.5 18 12l-5.5 5.5"/>',
};

export async function dress(root, base) {
  const texts = await Promise.all(["css/transcript.css", "css/widget.css"].map(async (name) => (await fetch(new URL(name, base))).text()));
  root.adoptedStyleSheets = texts.map((text) => {
    const sheet = new CSSStyleSheet(); // a site's Content-Security-Policy has nothing against these
    sheet.replaceSync(text);
    return sheet;
  });
}

/** The parts by name; nothing in them comes from a message as HTML. */
export function build(root, { title, greeting }) {
  const badge = el("span", { class: "badge", hidden: true });
  const launcher = el("button", { type: "button", class: "launcher", "aria-expanded": "false", "aria-haspopup": "dialog", "aria-label": `Open chat: ${title}` }, svg(ICONS.talk), badge);
  const name = el("h2", { id: "title" }, title);
  const state = el("p", { class: "state", role: "status" });
  const away = el("button", { type: "button", class: "icon", "aria-label": "Close the chat" }, svg(ICONS.away));
  const hello = el("p", { class: "hello" }, greeting);
  const log = el("div", { class: "transcript", role: "log", "aria-live": "polite", "aria-label": "Messages", tabindex: 0 });
  const typing = el("p", { class: "typing", "aria-live": "polite" });
  const text = el("textarea", { id: "text", rows: 1, maxlength: 4000, placeholder: "Write a message" });
  const file = el("input", { type: "file", id: "file", class: "hidden" });
  const clip = el("label", { class: "icon", for: "file", title: "Attach a file" }, svg(ICONS.clip), el("span", { class: "hidden" }, "Attach a file"));
  const send = el("button", { class: "send", "aria-label": "Send" }, svg(ICONS.send));
  const form = el("form", { class: "composer" }, file, clip, el("label", { class: "hidden", for: "text" }, "Message"), text, send);
  const over = el("div", { class: "over", hidden: true });
  const contact = el("form", { class: "contact", hidden: true },
    el("label", { for: "contact" }, "How can we reach you? E-mail or telephone"),
    el("div", {}, el("input", { id: "contact", required: true, maxlength: 200, autocomplete: "email" }), el("button", { class: "leave" }, "Leave it")));
  const fault = el("p", { class: "fault", role: "alert", hidden: true });
  const panel = el("section", { class: "panel", role: "dialog", "aria-labelledby": "title", hidden: true },
    el("header", {}, el("div", {}, name, state), away), hello, log, typing, fault, contact, over, form);
  root.append(panel, launcher);
  return { launcher, badge, name, state, away, hello, log, typing, text, file, send, form, over, fault, contact, panel };
}

/** Black or white, whichever is easier to read on the accent. */
export function inkOn(colour) {
  const probe = el("span");
  probe.style.color = colour;
  document.documentElement.append(probe);
  const [r, g, b] = (getComputedStyle(probe).color.match(/[\d.]+/g) ?? [0, 0, 0]).map(Number);
  probe.remove();
  const [red, green, blue] = [r, g, b].map((one) => (one / 255 <= 0.04045 ? one / 255 / 12.92 : ((one / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#0c1513" : "#ffffff";
}
