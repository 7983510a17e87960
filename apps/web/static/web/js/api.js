// Calls to our own API from a page whose reader is signed in.

const MS = 8000; // no call waits longer

/** What the API said no with: RFC 9457 members, `status` and a message for people. */
export class Problem extends Error {
  constructor(status, body = {}) {
    super(body.errors?.map((one) => one.detail).join(" ") || body.detail || body.title || `The server answered ${status}.`);
    this.status = status;
    this.code = body.code ?? "";
    this.body = body;
  }
}

const csrf = () => document.querySelector("[name=csrfmiddlewaretoken]")?.value ?? "";

/** The answer's JSON. Raises `Problem`, or a TypeError/TimeoutError where nobody answers. */
export async function call(method, path, body, { key, ms = MS } = {}) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-CSRFToken"] = csrf();
  if (key) headers["Idempotency-Key"] = key;
  const isForm = body instanceof FormData;
  if (body !== undefined && !isForm) headers["Content-Type"] = "application/json";
  const answer = await fetch(path, {
    method, headers, credentials: "same-origin", signal: AbortSignal.timeout(ms),
    body: body === undefined || isForm ? body : JSON.stringify(body),
  });
  if (answer.status === 401) location.assign(`/sign-in/?next=${encodeURIComponent(location.pathname + location.search)}`);
  const text = await answer.text();
  let found = null;
  try {
    found = text ? JSON.parse(text) : null;
  } catch {
    // A proxy's page, not our JSON: the status says enough.
  }
  if (!answer.ok) throw new Problem(answer.status, found ?? {});
  return found;
}

export const get = (path, options) => call("GET", path, undefined, options);
export const post = (path, body = {}, options) => call("POST", path, body, options);
export const put = (path, body, options) => call("PUT", path, body, options);

/** `/path?name=value`, leaving out what is empty. */
export function address(path, query = {}) {
  const told = Object.entries(query).filter(([, value]) => value !== "" && value != null);
  return told.length ? `${path}?${new URLSearchParams(told)}` : path;
}

/**
 * Ask again and again, never twice at once, and not while nobody looks.
 * `onAnswer(found)` for each answer, `onSilence(error)` where there is none.
 */
export class Poll {
  constructor(ask, { every, onAnswer, onSilence = () => {} }) {
    Object.assign(this, { ask, every, onAnswer, onSilence });
    this.turn = 0;
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.now());
    addEventListener("online", () => this.now());
  }

  /** Ask at once; what an earlier question brings is then of no interest. */
  async now() {
    clearTimeout(this.timer);
    const turn = ++this.turn;
    try {
      const found = await this.ask();
      if (turn === this.turn) this.onAnswer(found);
    } catch (error) {
      if (turn === this.turn) this.onSilence(error);
    }
    if (turn !== this.turn || document.visibilityState === "hidden") return;
    this.timer = setTimeout(() => this.now(), this.every);
  }

  stop() {
    this.turn++;
    clearTimeout(this.timer);
  }
}
