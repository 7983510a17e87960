// News over a socket: whenever something changed, or may have, the page asks for what it shows.
import { post } from "./api.js";
import { Lasting } from "./lasting.js";

const PING_MS = 15000;
const SILENCE_MS = 25000; // a server that does not answer a ping for this long is gone

export class News extends Lasting {
  /** `onNews()` at each change; `onLive(isLive)` when news begin or end to come. */
  constructor({ ticket, what, onNews, onLive }) {
    super(SILENCE_MS);
    Object.assign(this, { ticket, what, onNews, onLive });
  }

  async address() {
    return (await post(this.ticket)).url;
  }

  open(url) {
    super.open(url);
    this.listen();
  }

  opened(socket) {
    socket.send(JSON.stringify({ type: "watch", what: this.what }));
    this.pinging = setInterval(() => socket.send('{"type":"ping"}'), PING_MS);
  }

  hear({ type }) {
    this.listen();
    if (type === "watching") {
      this.failures = 0;
      this.onLive(true);
    }
    if (["watching", "resync", this.what].includes(type)) this.onNews();
  }

  letGo() {
    clearInterval(this.pinging);
    super.letGo();
    this.onLive(false);
  }
}
