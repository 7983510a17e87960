// A socket that comes back: silent, lost or refused, it is tried again later and later.

const RETRY_MS = 1000, RETRY_MAX_MS = 30000;
const HIDDEN_MS = 60000; // a page that nobody looks at for this long lets go of its socket

export class Lasting {
  /** A server that says nothing for `silenceMs` is gone. Who inherits says `address()`, `opened(socket)` and `hear(frame)`. */
  constructor(silenceMs) {
    this.silenceMs = silenceMs;
    this.failures = 0;
    this.socket = null;
  }

  start() {
    document.addEventListener("visibilitychange", () => this.visibility());
    addEventListener("online", () => this.connect());
    addEventListener("pagehide", () => this.letGo());
    addEventListener("pageshow", (event) => event.persisted && this.connect());
    this.connect();
  }

  async connect() {
    clearTimeout(this.retry);
    this.letGo();
    const attempt = (this.attempt = Symbol("attempt"));
    try {
      const url = await this.address();
      if (this.attempt === attempt) this.open(url);
    } catch {
      if (this.attempt === attempt) this.fall();
    }
  }

  open(url) {
    const socket = (this.socket = new WebSocket(url));
    socket.onopen = () => this.opened(socket);
    socket.onmessage = ({ data }) => socket === this.socket && this.hear(JSON.parse(data));
    socket.onclose = ({ code }) => socket === this.socket && this.closed(code);
  }

  closed() {
    this.fall();
  }

  /** It is gone or silent. */
  fall() {
    this.letGo();
    const wait = Math.min(RETRY_MS * 2 ** this.failures++, RETRY_MAX_MS) * (0.5 + Math.random() / 2);
    this.retry = setTimeout(() => this.connect(), wait);
  }

  listen() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.fall(), this.silenceMs);
  }

  letGo() {
    clearTimeout(this.silence);
    const socket = this.socket;
    this.socket = this.attempt = null;
    socket?.close();
  }

  /** Nobody has looked for a while. */
  rested() {}

  visibility() {
    clearTimeout(this.rest);
    if (document.visibilityState === "visible") {
      if (this.resting) this.connect();
      this.resting = false;
    } else {
      this.rest = setTimeout(() => {
        this.resting = true;
        clearTimeout(this.retry);
        this.rested();
        this.letGo();
      }, HIDDEN_MS);
    }
  }
}
