// Numbers, times and amounts as people read them. Amounts are text and stay text: no digit is lost.

const thousands = /\B(?=(\d{3})+(?!\d))/g;

/** "-1234567.8901" → "−1,234,567.8901" */
export function amount(text) {
  const [whole, decimals] = text.replace("-", "").split(".");
  const sign = text.startsWith("-") ? "−" : "";
  return sign + whole.replace(thousands, ",") + (decimals ? "." + decimals : "");
}

/** An amount for a narrow column: decimals that say little are cut (never rounded), and "…" says so. */
export function shortened(text) {
  const dot = text.indexOf(".");
  const places = dot > 4 ? 2 : 6;
  return amount(dot < 0 || text.length - dot - 1 <= places ? text : text.slice(0, dot + 1 + places) + "…");
}

export const count = (number) => String(Math.round(number)).replace(thousands, ",");

export const rate = (number) => (number < 10 ? number.toFixed(1) : count(number));

/** Seconds: 0.4 s, 12 s, 3 min, 2 h, 4 days. */
export function duration(seconds) {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

/** How often: every day, hour, 5 min. */
export function period(seconds) {
  return { 60: "minute", 3600: "hour", 86400: "day", 604800: "week" }[seconds] ?? duration(seconds);
}

/** UTC time of day. */
export const clock = (iso) => new Date(iso).toISOString().slice(11, 19);

/** How long ago, by the server's clock. */
export const since = (iso, now) => duration(Math.max((Date.parse(now) - Date.parse(iso)) / 1000, 0));

/** UTC day and minute. */
export const moment = (iso) => new Date(iso).toISOString().slice(0, 16).replace("T", " ");

export const plural = (number, one, many = one + "s") => `${count(number)} ${number === 1 ? one : many}`;

/** The exact sum of amounts as text. */
export function total(texts) {
  const places = Math.max(0, ...texts.map((text) => text.split(".")[1]?.length ?? 0));
  const units = texts.map((text) => {
    const [whole, decimals = ""] = text.split(".");
    return BigInt(whole + decimals.padEnd(places, "0"));
  });
  const sum = units.reduce((one, other) => one + other, 0n);
  const digits = String(sum < 0n ? -sum : sum).padStart(places + 1, "0");
  const whole = digits.slice(0, digits.length - places);
  const decimals = digits.slice(digits.length - places).replace(/0+$/, "");
  return (sum < 0n ? "-" : "") + whole + (decimals ? `.${decimals}` : "");
}

/** An amount for a glance: at least two decimals, none beyond `places` (cut, never rounded). */
export function money(text, places = 2) {
  const [whole, decimals = ""] = text.split(".");
  return amount(`${whole}.${decimals.slice(0, places).padEnd(2, "0")}`);
}

export const signOf = (text) => (/[1-9]/.test(text) ? (text.startsWith("-") ? "loss" : "gain") : "flat");
