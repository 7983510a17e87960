// News over a socket: whenever something changed, or may have, the page asks for what it shows.
import { post } from "./api.js";

const PING_MS = 15000;
const SILENCE_MS = 25000; // a server that does not answer a ping for this long is gone
const RETRY_MS = 1000, RETRY_MAX_MS = 30000;
const HIDDEN_MS = 60000; // a page that nobody looks at for this long lets go of its socket

export class News {
  /** `onNews()` at each change; `onLive(isLive)` when news begin or end to come. */
  constructor({ ticket, what, onNews, onLive }) {
    Object.assign(this, { ticket, what, onNews, onLive });
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
      const { url } = await post(this.ticket);
      if (this.attempt === attempt) this.open(url);
    } catch {
      if (this.attempt === attempt) this.fall();
    }
  }

  open(url) {
    const socket = (this.socket = new WebSocket(url));
    this.listen();
    socket.onopen = () => {
      socket.send(JSON.stringify({ type: "watch", what: this.what }));
      this.pinging = setInterval(() => socket.send('{"type":"ping"}'), PING_MS);
    };
    socket.onmessage = ({ data }) => socket === this.socket && this.hear(JSON.parse(data));
    socket.onclose = () => socket === this.socket && this.fall();
  }

  hear({ type }) {
    this.listen();
    if (type === "watching") {
      this.failures = 0;
      this.onLive(true);
    }
    if (["watching", "resync", this.what].includes(type)) this.onNews();
  }

  /** It is gone or silent: try again later and later. */
  fall() {
    this.letGo();
    const wait = Math.min(RETRY_MS * 2 ** this.failures++, RETRY_MAX_MS) * (0.5 + Math.random() / 2);
    this.retry = setTimeout(() => this.connect(), wait);
  }

  listen() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.fall(), SILENCE_MS);
  }

  letGo() {
    clearTimeout(this.silence);
    clearInterval(this.pinging);
    const socket = this.socket;
    this.socket = this.attempt = null;
    socket?.close();
    this.onLive(false);
  }

  visibility() {
    clearTimeout(this.rest);
    if (document.visibilityState === "visible") {
      if (this.resting) this.connect();
      this.resting = false;
    } else {
      this.rest = setTimeout(() => {
        this.resting = true;
        clearTimeout(this.retry);
        this.letGo();
      }, HIDDEN_MS);
    }
  }
}
