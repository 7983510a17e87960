// How the board gets its snapshots: a socket; while that fails, a question every two seconds.

const POLL_MS = 2000;
const SILENCE_MS = 6000; // the server speaks every second; after this long it is gone
const RETRY_MS = 1000, RETRY_MAX_MS = 30000;
const HIDDEN_MS = 60000; // a page that nobody looks at for this long lets go of its socket
const NOT_YOURS = 4403;

export class Feed {
  /** `onBoard(board)` for each snapshot; `onState(state, detail)` with live, polling or offline. */
  constructor({ board, ticket, csrf, onBoard, onState }) {
    Object.assign(this, { board, ticket, csrf, onBoard, onState });
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
    this.watch();
    try {
      const answer = await this.fetch(this.ticket, { method: "POST", headers: { "X-CSRFToken": this.csrf } });
      if (this.attempt !== attempt) return;
      this.open((await answer.json()).url);
    } catch {
      if (this.attempt === attempt) this.fall();
    }
  }

  open(url) {
    const socket = (this.socket = new WebSocket(url));
    socket.onopen = () => socket.send('{"type":"hello"}');
    socket.onmessage = ({ data }) => socket === this.socket && this.hear(JSON.parse(data));
    socket.onclose = ({ code }) => {
      if (socket !== this.socket) return;
      if (code === NOT_YOURS) this.failures = 10; // asking again soon will not change its mind
      this.fall();
    };
  }

  hear(frame) {
    this.watch();
    if (frame.type === "board") {
      this.failures = 0;
      this.stopPolling();
      this.state("live");
      this.onBoard(frame.board);
    } else if (frame.type === "error") {
      this.state("offline", frame.detail);
    }
  }

  /** The socket is gone or silent: ask over HTTP meanwhile, and try again later and later. */
  fall() {
    this.letGo();
    const wait = Math.min(RETRY_MS * 2 ** this.failures++, RETRY_MAX_MS) * (0.5 + Math.random() / 2);
    this.retry = setTimeout(() => this.connect(), wait);
    this.poll();
  }

  poll() {
    if (this.polling) return;
    const ask = async () => {
      try {
        const answer = await this.fetch(this.board);
        const board = await answer.json();
        if (!this.polling) return;
        this.state("polling");
        this.onBoard(board);
      } catch {
        if (this.polling) this.state("offline");
      }
      if (this.polling) this.polling = setTimeout(ask, POLL_MS);
    };
    this.polling = -1;
    ask();
  }

  stopPolling() {
    clearTimeout(this.polling);
    this.polling = null;
  }

  async fetch(url, options = {}) {
    const answer = await fetch(url, { credentials: "same-origin", signal: AbortSignal.timeout(5000), ...options });
    if (answer.status === 401) location.assign(`/sign-in/?next=${encodeURIComponent(location.pathname)}`);
    if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
    return answer;
  }

  watch() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.fall(), SILENCE_MS);
  }

  letGo() {
    clearTimeout(this.silence);
    const socket = this.socket;
    this.socket = this.attempt = null;
    socket?.close();
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
        this.stopPolling();
        this.letGo();
      }, HIDDEN_MS);
    }
  }

  state(name, detail = "") {
    this.onState(name, detail);
  }
}
