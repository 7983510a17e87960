// The widget's calls: from any site, without cookies, with the visitor's own token.

const MS = 10000;

export class Refusal extends Error {
  constructor(status, body, seconds) {
    super(body?.errors?.map((one) => one.detail).join(" ") || body?.detail || `The server answered ${status}.`);
    this.status = status;
    this.code = body?.code ?? "";
    this.isPassing = status >= 500 || status === 429; // worth another try, after so many seconds
    this.seconds = Number(seconds) || 4;
  }
}

export class Visitor {
  /** `server`: origin of Lockstep; `key`: the widget's public key. */
  constructor(server, key, storage) {
    Object.assign(this, { server, key, storage, name: `lockstep.visitor:${key}` });
    this.token = storage.getItem(this.name);
  }

  get isKnown() {
    return Boolean(this.token);
  }

  /** Who we are and what is open; a token that is not accepted any more is replaced. */
  async session() {
    const found = await this.call("POST", "session", { key: this.key, ...(this.token && { token: this.token }) });
    this.token = found.token;
    try {
      this.storage.setItem(this.name, found.token);
    } catch {
      // a visitor whose browser keeps nothing begins anew on each page
    }
    return found;
  }

  /** How the widget looks, and whether anybody is there: before anybody speaks. */
  look() {
    return this.call("GET", `look?${new URLSearchParams({ key: this.key })}`);
  }

  contact(conversation, contact) {
    return this.call("POST", "contact", { conversation, contact });
  }

  open(terms) {
    return this.call("POST", "conversation", terms);
  }

  ticket(conversation) {
    return this.call("POST", "ticket", { conversation });
  }

  async messages(conversation, { after, limit }) {
    return (await this.call("GET", `messages?${new URLSearchParams({ conversation, after_seq: after, limit })}`)).results;
  }

  attach(conversation, file, clientId) {
    const form = new FormData();
    form.append("conversation", conversation);
    form.append("client_id", clientId);
    form.append("file", file);
    return this.call("POST", "attachments", form, 60000);
  }

  rate(conversation, score) {
    return this.call("POST", "rating", { conversation, score });
  }

  /** A file of the conversation as an address of this page: only we may fetch it. */
  async file(conversation, id) {
    const answer = await fetch(`${this.server}/api/v1/widget/attachments/${conversation}/${id}`, { headers: { Authorization: `Visitor ${this.token}` }, credentials: "omit", signal: AbortSignal.timeout(60000) });
    if (!answer.ok) throw new Refusal(answer.status);
    return URL.createObjectURL(await answer.blob());
  }

  async call(method, path, body, ms = MS) {
    const headers = {};
    if (this.token && path !== "session" && !path.startsWith("look")) headers.Authorization = `Visitor ${this.token}`;
    const isForm = body instanceof FormData;
    if (body && !isForm) headers["Content-Type"] = "application/json";
    const answer = await fetch(`${this.server}/api/v1/widget/${path}`, {
      method, headers, credentials: "omit", signal: AbortSignal.timeout(ms), body: body && !isForm ? JSON.stringify(body) : body,
    });
    const found = await answer.json().catch(() => null);
    if (!answer.ok) throw new Refusal(answer.status, found, answer.headers.get("Retry-After"));
    return found;
  }
}
