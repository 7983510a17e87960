// Words and times of the desk.
import { duration } from "../format.js";

export const STATES = {
  bot: ["with the bot"], queued: ["waiting"], offered: ["offered"], active: ["active"], on_hold: ["on hold"], wrap_up: ["wrap-up"], closed: ["closed"],
};
export const CHANNELS = { web: "Web", mobile: "Mobile app", api: "API", widget: "Site widget" };
export const STATUSES = { online: "Online", busy: "Busy", away: "Away", wrap_up: "Wrap-up", offline: "Offline" };

/** The customer's name; a visitor of a site has none, and is told apart by the end of their id. */
export function nameOf({ customer }) {
  const id = customer?.external_id ?? "";
  return customer?.name || (id.startsWith("visitor:") ? `Visitor ${id.slice(-4)}` : id) || "Customer";
}

/** How long ago: now, 5 min, 3 h, or the day. */
export function ago(iso) {
  if (!iso) return "";
  const seconds = Math.max(0, (Date.now() - Date.parse(iso)) / 1000);
  if (seconds < 45) return "now";
  if (seconds < 3600) return `${Math.max(1, Math.round(seconds / 60))} min`;
  if (seconds < 86400) return `${Math.round(seconds / 3600)} h`;
  return new Date(iso).toLocaleDateString([], { day: "numeric", month: "short" });
}

/** Seconds that an offer has left when one hears of it: never by this machine's idea of the time. */
export const left = (offer) => offer.seconds_left ?? Math.max(0, (Date.parse(offer.expires_at) - (Date.parse(offer.offered_at) || Date.now())) / 1000);
export { duration };
