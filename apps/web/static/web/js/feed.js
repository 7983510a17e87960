// How the board gets its snapshots: a socket; while that fails, a question every two seconds.
import { Lasting } from "./lasting.js";

const POLL_MS = 2000;
const SILENCE_MS = 6000; // the server speaks every second; after this long it is gone
const NOT_YOURS = 4403;

export class Feed extends Lasting {
  /** `onBoard(board)` for each snapshot; `onState(state, detail)` with live, polling or offline. */
  constructor({ board, ticket, csrf, onBoard, onState }) {
    super(SILENCE_MS);
    Object.assign(this, { board, ticket, csrf, onBoard, onState });
  }

  async address() {
    this.listen();
    const answer = await this.fetch(this.ticket, { method: "POST", headers: { "X-CSRFToken": this.csrf } });
    return (await answer.json()).url;
  }

  opened(socket) {
    socket.send('{"type":"hello"}');
  }

  closed(code) {
    if (code === NOT_YOURS) this.failures = 10; // asking again soon will not change its mind
    super.closed(code);
  }

  hear(frame) {
    this.listen();
    if (frame.type === "board") {
      this.failures = 0;
      this.stopPolling();
      this.state("live");
      this.onBoard(frame.board);
    } else if (frame.type === "error") {
      this.state("offline", frame.detail);
    }
  }

  /** The socket is gone or silent: ask over HTTP meanwhile. */
  fall() {
    super.fall();
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

  rested() {
    this.stopPolling();
  }

  state(name, detail = "") {
    this.onState(name, detail);
  }
}
