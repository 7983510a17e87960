/*
 * Lockstep's chat client: conversations over one socket, in order, without gaps or duplicates.
 *
 *   const chat = new LockstepChat({ door: "chat", ticket, pull, storage: localStorage, scope: "me" });
 *   const talk = chat.open(conversationId);
 *   chat.addEventListener("change", ({ detail }) => draw(detail.conversation));
 *   chat.start();
 *   talk.send("Hello");
 *
 * You give it two functions, because only you know how to sign in:
 *   ticket() → {url}                        the socket's complete address, ticket included
 *   pull(id, {after, limit}) → [message]    messages after a seq, the oldest first
 * Both throw what they meet; an error whose `status` is 401, 403 or 404 means "do not try again".
 *
 * How it keeps its word. The server numbers messages 1, 2, 3 … in each conversation and names the
 * numbering by an epoch. What is not the next number waits while the gap is pulled; what is known is
 * dropped; another epoch means that all is read anew. What is sent has a `client_id` and stays in the
 * outbox, in storage, until the server has acknowledged it: sent twice it is one message.
 */

export const PAGE = 100; // messages that are read at first, and in one pull
const WINDOW = 6; // sends that may be unacknowledged at once
const RETRY_MS = 500, RETRY_MAX_MS = 30000;
const STABLE_MS = 5000; // a connection that lasted this long was a good one
const PING_MS = 20000, SILENCE_MS = 10000;
const RESEND_MS = 8000;
const CATCH_UP_MS = 1500; // for announced messages to arrive before they are pulled
const TYPING_MS = 5000, TYPING_EVERY_MS = 3000;
const RECEIPT_MS = 150;

/** What a close code means for coming back; anything else: come back, later and later. */
export const CLOSES = {
  4400: { back: false, why: "The server did not understand us." },
  4401: { back: true, why: "Signing in again." }, // the next ticket decides
  4403: { back: false, why: "This conversation is not yours." },
  4408: { back: true, why: "The connection was too slow." },
  4409: { back: false, why: "Continued in another window." },
  4429: { back: true, slow: true, why: "Too many messages at once." },
};
const LATER = new Set(["throttled", "too_many", "unavailable", "busy"]);
const FINAL = new Set([401, 403, 404]);

/** How long to wait before attempt number `failures`: doubling, with half of it left to chance. */
export function backOff(failures, chance = Math.random()) {
  return Math.min(RETRY_MS * 2 ** failures, RETRY_MAX_MS) * (0.5 + chance / 2);
}

/** Messages in order: takes them in any order and as often as they come. */
export class Timeline {
  constructor() {
    this.reset(null, 0);
  }

  /** Begin anew after `start`, the seq before the first message that will be shown. */
  reset(epoch, start) {
    this.epoch = epoch;
    this.start = this.lastSeq = start;
    this.messages = [];
    this.held = new Map();
  }

  /** The messages that are now shown because of this one. */
  take(message) {
    if (message.seq <= this.lastSeq) return [];
    this.held.set(message.seq, message);
    const fresh = [];
    for (let next; (next = this.held.get(this.lastSeq + 1)); ) {
      this.held.delete(next.seq);
      this.messages.push(next);
      this.lastSeq = next.seq;
      fresh.push(next);
    }
    return fresh;
  }

  /** Older messages, before those that are shown. */
  prepend(older) {
    const fitting = older.filter((one) => one.seq <= this.start).sort((one, other) => one.seq - other.seq);
    if (!fitting.length || fitting.at(-1).seq !== this.start) return;
    this.messages.unshift(...fitting);
    this.start = fitting[0].seq - 1;
  }

  get hasGap() {
    return this.held.size > 0;
  }
}

/** What is on its way: one entry in storage for each, so that two tabs never overwrite each other. */
export class Outbox {
  constructor(storage, prefix) {
    this.storage = storage;
    this.prefix = `${prefix}:`;
    this.entries = this.stored();
  }

  stored() {
    try {
      const names = Array.from({ length: this.storage.length }, (_, index) => this.storage.key(index));
      return names.filter((name) => name?.startsWith(this.prefix))
        .map((name) => ({ ...JSON.parse(this.storage.getItem(name)), state: "waiting" }))
        .sort((one, other) => one.at - other.at || one.turn - other.turn);
    } catch {
      return []; // storage may be forbidden: then the outbox lasts as long as the page
    }
  }

  add(entry) {
    const last = this.entries.at(-1);
    const whole = { ...entry, at: Date.now(), turn: (last?.turn ?? 0) + 1, state: "waiting" };
    this.entries.push(whole);
    try {
      this.storage.setItem(this.prefix + entry.client_id, JSON.stringify({ ...whole, state: undefined }));
    } catch {
      // full or forbidden, as above
    }
    return whole;
  }

  find(id) {
    return this.entries.find((one) => one.client_id === id);
  }

  remove(id) {
    this.entries = this.entries.filter((one) => one.client_id !== id);
    try {
      this.storage.removeItem(this.prefix + id);
    } catch {
      // as above
    }
  }
}

/** One conversation: what was said, what is on its way, who has read how far, who is typing. */
export class Conversation {
  constructor(chat, id) {
    Object.assign(this, { chat, id, state: null, owner: null, agent: null, closed: null, me: null });
    this.timeline = new Timeline();
    this.outbox = new Outbox(chat.storage, `lockstep.outbox:${chat.scope}:${id}`);
    this.marks = new Map(); // participant → { sender, delivered_seq, read_seq }
    this.typists = new Map(); // sender → timer
    this.own = { delivered: 0, read: 0, told: { delivered: 0, read: 0 } };
    this.isReady = false; // what was said is on the screen
  }

  get messages() {
    return this.timeline.messages;
  }

  get lastSeq() {
    return this.timeline.lastSeq;
  }

  // --- speaking ---
  send(body, { kind, data } = {}) {
    const entry = this.outbox.add({ client_id: newId(), body, ...(kind && { kind }), ...(data && { data }) });
    this.chat.tell(this, "outbox");
    this.flush();
    return entry;
  }

  retry(id) {
    const entry = this.outbox.find(id);
    if (!entry) return;
    Object.assign(entry, { state: "waiting", detail: undefined });
    this.chat.tell(this, "outbox");
    this.flush();
  }

  discard(id) {
    this.outbox.remove(id);
    this.chat.tell(this, "outbox");
    this.flush();
  }

  /** Send what waits, in order, a few at a time. */
  flush() {
    if (!this.welcomed) return;
    const now = Date.now();
    const unsure = this.outbox.entries.filter((one) => one.state === "sending");
    for (const entry of unsure) if (now - entry.sentAt > RESEND_MS) this.transmit(entry, now);
    let room = WINDOW - unsure.length;
    for (const entry of this.outbox.entries) {
      if (entry.state !== "waiting" || now < (entry.notBefore ?? 0)) continue;
      if (room-- <= 0) break;
      this.transmit(entry, now);
    }
  }

  transmit(entry, now) {
    const { client_id, body, kind, data } = entry;
    if (!this.chat.post({ type: "message.send", conversation: this.id, client_id, body, ...(kind && { kind }), ...(data && { data }) })) return;
    Object.assign(entry, { state: "sending", sentAt: now });
  }

  /** Everything up to here has been seen by a person. */
  read(seq = this.lastSeq) {
    this.own.read = Math.max(this.own.read, Math.min(seq, this.lastSeq));
    this.tellReceipts();
  }

  typing(isTyping = true) {
    const now = Date.now();
    if (isTyping && now - (this.toldTyping ?? 0) < TYPING_EVERY_MS) return;
    if (!isTyping && !this.toldTyping) return;
    this.toldTyping = isTyping ? now : 0;
    this.chat.post({ type: "typing", conversation: this.id, typing: isTyping });
  }

  /** sending, refused, sent, delivered or read: of an outbox entry, or of a message of one's own side. */
  statusOf(one) {
    if (one.seq === undefined) return one.state === "refused" ? "refused" : "sending";
    const others = [...this.marks.values()].filter((mark) => isOther(mark.sender, one.sender));
    if (others.some((mark) => mark.read_seq >= one.seq)) return "read";
    return others.some((mark) => mark.delivered_seq >= one.seq) ? "delivered" : "sent";
  }

  // --- hearing ---
  welcome(frame) {
    this.welcomed = true;
    for (const mark of frame.participants ?? []) this.mark(mark.id ?? mark.kind, { sender: mark.kind, ...mark });
    for (const name of ["state", "owner", "agent"]) this[name] = frame[name] ?? this[name];
    const isNew = this.timeline.epoch === null;
    if (isNew || !frame.recovered || frame.epoch !== this.timeline.epoch) {
      this.begin(frame.epoch, frame.last_seq);
    } else if (frame.last_seq > this.lastSeq) {
      clearTimeout(this.catchUp);
      this.catchUp = setTimeout(() => this.lastSeq < frame.last_seq && this.fill(), CATCH_UP_MS);
    } else {
      this.ready();
    }
    for (const entry of this.outbox.entries) if (entry.state === "sending") entry.state = "waiting";
    this.flush();
  }

  begin(epoch, lastSeq) {
    this.timeline.reset(epoch, Math.max(0, lastSeq - PAGE));
    this.isReady = false;
    this.chat.tell(this, "reset");
    if (lastSeq === 0) this.ready();
    else this.fill(lastSeq);
  }

  take(message) {
    if (message.epoch !== undefined && this.timeline.epoch !== null && message.epoch !== this.timeline.epoch) return this.renew();
    const fresh = this.timeline.take(message);
    for (const one of fresh) if (one.client_id) this.outbox.remove(one.client_id);
    if (message.sender) this.hush(message.sender);
    if (this.timeline.hasGap) this.fill();
    if (fresh.length) this.shown(fresh);
  }

  shown(fresh) {
    this.own.delivered = this.lastSeq;
    this.tellReceipts();
    this.chat.tell(this, "messages", { fresh });
    this.flush();
  }

  ready() {
    if (this.isReady) return;
    this.isReady = true;
    this.chat.tell(this, "ready");
  }

  /** Pull what is missing; one pull at a time, again after a failure while the socket is there. */
  async fill() {
    if (this.filling) return;
    this.filling = true;
    let failures = 0;
    while (this.chat.isRunning) {
      const { epoch, lastSeq } = this.timeline;
      try {
        const found = await this.chat.pull(this.id, { after: lastSeq, limit: PAGE });
        if (epoch !== this.timeline.epoch) continue; // begun anew meanwhile
        for (const message of found) this.take({ ...message, epoch: undefined });
        failures = 0;
        if (found.length >= PAGE) continue;
        if (!this.timeline.hasGap) break;
        await sleep(RETRY_MS); // announced, and not to be read yet
      } catch (error) {
        if (FINAL.has(error?.status)) break;
        await sleep(backOff(failures++));
      }
    }
    this.filling = false;
    this.ready();
  }

  /** Older messages than those that are shown; false when there are none. */
  async older() {
    const { start, epoch } = this.timeline;
    if (!start) return false;
    const after = Math.max(0, start - PAGE);
    const found = await this.chat.pull(this.id, { after, limit: start - after });
    if (epoch === this.timeline.epoch) this.timeline.prepend(found);
    this.chat.tell(this, "older");
    return this.timeline.start > 0;
  }

  ack({ client_id, seq }) {
    const entry = this.outbox.find(client_id);
    if (!entry) return;
    if (seq <= this.lastSeq) this.outbox.remove(client_id);
    else {
      entry.state = "acknowledged";
      setTimeout(() => this.lastSeq < seq && this.fill(), CATCH_UP_MS);
    }
    this.chat.tell(this, "outbox");
    this.flush();
  }

  refuse({ client_id, code, detail }) {
    const entry = this.outbox.find(client_id);
    if (!entry) return;
    if (LATER.has(code)) {
      entry.tries = (entry.tries ?? 0) + 1;
      Object.assign(entry, { state: "waiting", notBefore: Date.now() + backOff(entry.tries + 1) });
    } else {
      Object.assign(entry, { state: "refused", detail });
    }
    this.chat.tell(this, "outbox");
  }

  /** Watermarks only rise. */
  mark(participant, { sender, sender_id = "", delivered_seq = 0, read_seq = 0 }) {
    const known = this.marks.get(participant) ?? { sender, sender_id, delivered_seq: 0, read_seq: 0 };
    known.delivered_seq = Math.max(known.delivered_seq, delivered_seq ?? 0, read_seq ?? 0);
    known.read_seq = Math.max(known.read_seq, read_seq ?? 0);
    this.marks.set(participant, known);
  }

  hear(frame) {
    if (frame.type === "message") this.take(frame);
    else if (frame.type === "ack") this.ack(frame);
    else if (frame.type === "error") this.refuse(frame);
    else if (frame.type === "resync") this.resync(frame);
    else if (frame.type === "receipt") this.mark(frame.participant ?? frame.sender, frame);
    else if (frame.type === "typing") this.typist(frame);
    else if (frame.type === "conversation") for (const name of ["state", "owner", "agent"]) this[name] = frame[name] ?? this[name];
    else if (frame.type === "closed") this.closed = frame;
    if (!["message", "ack", "resync"].includes(frame.type)) this.chat.tell(this, frame.type, { frame });
  }

  typist({ sender, typing = true }) {
    clearTimeout(this.typists.get(sender));
    this.typists.delete(sender);
    if (typing) this.typists.set(sender, setTimeout(() => this.hush(sender), TYPING_MS));
  }

  hush(sender) {
    if (!this.typists.has(sender)) return;
    clearTimeout(this.typists.get(sender));
    this.typists.delete(sender);
    this.chat.tell(this, "typing");
  }

  /** The history was replaced, and is read anew; or something may have been missed. */
  resync({ epoch, last_seq: lastSeq }) {
    if (epoch === undefined || epoch === this.timeline.epoch) this.renew();
    else this.begin(epoch, lastSeq ?? 0);
  }

  /** Say where we stand; the next welcome says what that is worth. */
  renew() {
    this.welcomed = false;
    this.chat.subscribe(this);
  }

  tellReceipts() {
    clearTimeout(this.receiptTimer);
    this.receiptTimer = setTimeout(() => {
      const { delivered, read, told } = this.own;
      if (delivered <= told.delivered && read <= told.read) return;
      const frame = { type: "receipt", conversation: this.id, delivered_seq: Math.max(delivered, read), ...(read && { read_seq: read }) };
      if (this.chat.post(frame)) Object.assign(told, { delivered, read });
    }, RECEIPT_MS);
  }
}

/** The socket and everything that is said over it. */
export class LockstepChat extends EventTarget {
  /** `door`: chat (one conversation, named by the ticket) or desk (as many as are opened). */
  constructor({ door = "chat", ticket, pull, storage = memory(), scope = "me" }) {
    super();
    Object.assign(this, { door, ticket, pull, storage, scope });
    this.conversations = new Map();
    this.state = "stopped";
    this.failures = 0;
    this.online = () => this.isRunning && this.hurry();
    this.seen = () => document.visibilityState === "visible" && this.online();
  }

  get isRunning() {
    return this.state !== "stopped";
  }

  open(id) {
    const known = this.conversations.get(id);
    if (known) return known;
    const opened = new Conversation(this, id);
    this.conversations.set(id, opened);
    this.subscribe(opened);
    return opened;
  }

  leave(id) {
    if (!this.conversations.delete(id)) return;
    if (this.door === "desk") this.post({ type: "unsubscribe", conversation: id });
  }

  start() {
    if (this.isRunning) return;
    addEventListener("online", this.online);
    document.addEventListener("visibilitychange", this.seen);
    this.failures = 0;
    this.connect();
  }

  /** Let go for good, until `start`. */
  stop(why = "") {
    removeEventListener("online", this.online);
    document.removeEventListener("visibilitychange", this.seen);
    this.letGo();
    clearTimeout(this.retryTimer);
    this.move("stopped", { why });
  }

  /** Send a frame if the socket is there. */
  post(frame) {
    if (this.state !== "live") return false;
    this.socket.send(JSON.stringify(frame));
    return true;
  }

  async connect() {
    clearTimeout(this.retryTimer);
    this.letGo();
    const attempt = (this.attempt = Symbol("attempt"));
    this.move("connecting");
    try {
      const { url } = await this.ticket();
      if (this.attempt === attempt) this.dial(url);
    } catch (error) {
      if (this.attempt !== attempt) return;
      if (FINAL.has(error?.status)) this.stop(error.message);
      else this.comeBack({ wait: error?.retryAfter });
    }
  }

  dial(url) {
    const socket = (this.socket = new WebSocket(url));
    const mine = (then) => (event) => socket === this.socket && then(event);
    this.watch(SILENCE_MS);
    socket.onopen = mine(() => socket.send(JSON.stringify(this.hello())));
    socket.onmessage = mine(({ data }) => this.hear(JSON.parse(data)));
    socket.onclose = mine(({ code, reason }) => this.closed(code, reason));
  }

  hello() {
    const [talk] = this.door === "chat" ? this.conversations.values() : [];
    return { type: "hello", ...(talk && place(talk)) };
  }

  hear(frame) {
    this.watch(PING_MS + SILENCE_MS);
    if (frame.type === "welcome" && this.state !== "live") this.welcome(frame);
    const talk = this.conversations.get(frame.conversation);
    if (talk && frame.type === "welcome") talk.welcome(frame);
    else if (talk) talk.hear(frame);
    else if (frame.type === "resync") for (const one of this.conversations.values()) one.renew();
    this.dispatchEvent(new CustomEvent("frame", { detail: frame }));
  }

  welcome(frame) {
    this.liveSince = Date.now();
    this.move("live", frame);
    this.beat();
    if (this.door === "desk") for (const talk of this.conversations.values()) this.subscribe(talk);
    // A chat socket has one conversation, which the ticket names; the frame need not repeat it.
    const [talk] = this.conversations.values();
    if (this.door === "chat" && talk) frame.conversation ??= talk.id;
  }

  subscribe(talk) {
    if (this.state !== "live") return;
    this.post({ ...place(talk), type: this.door === "desk" ? "subscribe" : "hello" });
  }

  closed(code, reason) {
    const meaning = CLOSES[code] ?? { back: true, why: "" };
    if (!meaning.back) return this.stop(meaning.why || reason);
    if (this.state === "live" && Date.now() - this.liveSince > STABLE_MS) this.failures = 0;
    this.comeBack({ wait: meaning.slow ? RETRY_MAX_MS : undefined, why: meaning.why });
  }

  comeBack({ wait, why = "" } = {}) {
    this.letGo();
    const ms = wait ?? backOff(this.failures++);
    this.move("waiting", { ms, why });
    this.retryTimer = setTimeout(() => this.connect(), ms);
  }

  /** The network is back, or somebody looks again: now rather than later. */
  hurry() {
    if (this.state === "waiting") return this.connect();
    if (this.state !== "live") return;
    this.post({ type: "ping" });
    this.watch(SILENCE_MS / 2);
  }

  beat() {
    clearInterval(this.pulse);
    this.pulse = setInterval(() => {
      for (const talk of this.conversations.values()) talk.flush();
      if (Date.now() < (this.pingAt ?? 0)) return;
      this.pingAt = Date.now() + PING_MS * (0.8 + Math.random() / 5);
      this.post({ type: "ping" });
    }, 1000);
  }

  watch(ms) {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.comeBack({ why: "The server is silent." }), ms);
  }

  letGo() {
    clearTimeout(this.silence);
    clearInterval(this.pulse);
    const socket = this.socket;
    this.socket = this.attempt = null;
    for (const talk of this.conversations.values()) talk.welcomed = false;
    socket?.close();
  }

  move(state, detail = {}) {
    this.state = state;
    this.dispatchEvent(new CustomEvent("connection", { detail: { ...detail, state } }));
  }

  tell(conversation, what, more = {}) {
    this.dispatchEvent(new CustomEvent("change", { detail: { conversation, what, ...more } }));
  }
}

const place = ({ id, timeline }) => ({ conversation: id, ...(timeline.epoch !== null && { epoch: timeline.epoch, last_seq: timeline.lastSeq }) });
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const isOther = (reader, writer) => (writer === "customer" ? reader !== "customer" : reader === "customer");

/** A UUID, also on pages without TLS, where `crypto.randomUUID` is missing. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 15) | 64;
  bytes[8] = (bytes[8] & 63) | 128;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

function memory() {
  const kept = new Map();
  return {
    get length() { return kept.size; }, key: (index) => [...kept.keys()][index] ?? null, getItem: (name) => kept.get(name) ?? null,
    setItem: (name, value) => kept.set(name, value), removeItem: (name) => kept.delete(name),
  };
}
