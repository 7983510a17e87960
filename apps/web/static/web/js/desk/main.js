// The agents' desk: the socket in, the inbox and one conversation out.
import { get, post } from "../api.js";
import { byId, el, mark, say } from "../dom.js";
import { LockstepChat } from "../lockstep-chat.js";
import { chime, showUnread, soundSwitch, toast } from "./alerts.js";
import { Customer } from "./customer.js";
import { Inbox } from "./inbox.js";
import { keyboard } from "./keys.js";
import { Offers } from "./offers.js";
import { Store } from "./store.js";
import { Talk, turnTo } from "./talk.js";
import { STATUSES } from "./words.js";

const config = JSON.parse(byId("config").textContent);
const store = new Store(config);
const chat = new LockstepChat({
  door: "desk", scope: config.person, storage: sessionStorage,
  ticket: () => post(config.ticket),
  pull: (id, query) => store.messages(id, query),
});
const customer = new Customer(store, { onChoose: choose });
const inbox = new Inbox(store, { onChoose: choose });
const offers = new Offers(store, { answer: ({ conversation, fence }, isYes) => chat.post({ type: isYes ? "accept" : "decline", conversation, work: conversation, fence }) || toast("Not connected: the answer was not sent.") });
const talk = new Talk({ store, chat, role: config.role, onChange: (what) => (what === "notes" ? customer.showNotes() : counted()) });

// --- choosing -------------------------------------------------------------------------------------
async function choose(id, { focus = true } = {}) {
  if (!id) return;
  if (!store.rows.has(id)) await store.refresh(id);
  if (!store.rows.has(id)) return toast("This conversation is not there any more.");
  const before = talk.id;
  inbox.choose(id);
  talk.choose(id);
  customer.choose(id);
  history.replaceState(null, "", `#${id}`);
  turnTo("talk");
  if (before && before !== id && !store.isMine(store.rows.get(before) ?? {})) chat.leave(before);
  if (focus && matchMedia("(min-width: 761px)").matches) talk.composer.focus();
}

// --- what the socket says -------------------------------------------------------------------------
chat.addEventListener("connection", ({ detail }) => {
  const words = { connecting: "Joining", live: "Live", waiting: "Reconnecting", stopped: "Signed off" };
  mark(byId("feed"), "state", detail.state);
  say(byId("feed-word"), words[detail.state]);
  const lost = detail.state === "stopped" || (detail.state === "waiting" && chat.failures > 1);
  byId("banner").hidden = !lost;
  say(byId("banner"), !lost ? "" : detail.state === "stopped" ? `${detail.why || "The connection was ended."} Reload the page to come back.`
    : "The connection is away. What you write is kept and sent when it is back.");
  if (detail.state === "live") catchUp();
});

let loaded = false;
async function catchUp() {
  try {
    await store.load();
    showMe();
    await showOffers();
    follow();
    if (!loaded) {
      loaded = true;
      if (!store.of("mine").length && store.of("queue").length) inbox.turn("queue");
      if (!store.me && !store.of("queue").length) inbox.turn("open");
      const wanted = location.hash.slice(1);
      if (wanted) choose(wanted, { focus: false });
    }
  } catch (error) {
    toast(`The inbox could not be read: ${error.message}`);
  }
}

/** One's own conversations are always heard, for unread counts; others while they are chosen. */
function follow() {
  for (const row of store.of("mine")) chat.open(row.id);
  for (const id of [...chat.conversations.keys()]) {
    if (id !== talk.id && !store.isMine(store.rows.get(id) ?? {})) chat.leave(id);
  }
}
store.addEventListener("change", () => loaded && (follow(), counted()));

chat.addEventListener("change", ({ detail: { conversation, what, fresh } }) => {
  talk.heard(conversation, what, fresh);
  if (what === "messages") news(conversation, fresh);
  if (what === "ready") begun(conversation);
});

function news(conversation, fresh) {
  store.heard(conversation.id, fresh.at(-1));
  if (!conversation.isReady) return;
  const unread = fresh.filter((one) => one.sender === "customer" && one.seq > conversation.own.read).length;
  if (!unread) return;
  const isSeen = conversation === talk.talk && document.hasFocus() && document.visibilityState === "visible";
  if (!isSeen) chime();
  if (!isSeen && store.isMine(store.rows.get(conversation.id) ?? {})) count(conversation.id, unread);
}

/** What was unread before this page: the own mark tells. */
function begun(conversation) {
  const own = [...conversation.marks.values()].filter((one) => one.sender === "agent" && (!one.sender_id || one.sender_id === store.me?.id));
  const read = Math.max(0, ...own.map((one) => one.read_seq));
  conversation.own.read = Math.max(conversation.own.read, read);
  const unread = conversation.messages.filter((one) => one.sender === "customer" && one.seq > conversation.own.read).length;
  if (conversation === talk.talk) talk.markRead();
  else if (unread && store.isMine(store.rows.get(conversation.id) ?? {})) count(conversation.id, unread);
}

function count(id, more) {
  store.unread.set(id, (store.unread.get(id) ?? 0) + more);
  counted();
}

let shownUnread = 0;
function counted() {
  const all = [...store.unread.values()].reduce((sum, one) => sum + one, 0);
  if (all !== shownUnread) inbox.show();
  shownUnread = all;
  showUnread(all);
}

chat.addEventListener("frame", ({ detail: frame }) => {
  const id = frame.conversation ?? frame.work;
  if (frame.type === "conversation") store.hear(frame);
  else if (frame.type === "offer") offers.hear(frame);
  else if (frame.type === "offer.closed" || frame.type === "offer.ended") offers.end(id, frame.reason);
  else if (frame.type === "assigned") assigned(id, frame);
  else if (frame.type === "closed" || frame.type === "released") loadChanged(store.refresh(id), frame);
  else if (frame.type === "status") statusHeard(frame);
  else if ((frame.type === "note" || frame.type === "notes") && id === talk.id) customer.showNotes();
  else if (frame.type === "whisper" && id) talk.whispered(frame);
  else if (frame.type === "tags" && id) store.refresh(id);
  else if (frame.type === "error" && offers.open.has(id)) offers.refused(id, frame.detail);
  else if (frame.type === "error" && !frame.client_id) refused(frame);
});

/** What I have changed with it. */
async function loadChanged(refreshed, { agent }) {
  await refreshed;
  if (agent && agent !== store.me?.id) return;
  await store.refreshMe().catch(() => {}); // shown again with the next change
  showMe();
}

function refused({ detail }) {
  toast(detail);
  showMe(); // the status that was asked for may be the one that was refused
}

async function assigned(id, frame) {
  offers.end(id, "accepted");
  await loadChanged(store.refresh(id), frame);
  if (store.me && frame.agent && frame.agent !== store.me.id) return;
  follow();
  inbox.turn("mine");
  if (!talk.id || !store.isMine(talk.row ?? {})) choose(id);
}

// --- myself ---------------------------------------------------------------------------------------
function showMe() {
  const me = store.me;
  byId("self").hidden = !me;
  if (!me) return;
  say(byId("self-name"), me.name);
  const select = byId("status");
  if (![...select.options].some((one) => one.value === me.status)) select.append(el("option", { value: me.status }, STATUSES[me.status] ?? me.status));
  select.value = me.status;
  const [load, capacity] = [(me.load ?? 0) / 1000, me.capacity ?? 0];
  byId("load").max = Math.max(capacity, 1);
  byId("load").value = load;
  say(byId("load-word"), `${tidy(load)} of ${tidy(capacity)}`);
}
const tidy = (number) => String(Math.round(number * 10) / 10);

function statusHeard(frame) {
  const known = store.agents.get(frame.agent);
  if (known) store.agents.set(frame.agent, { ...known, ...facts(frame) });
  if (frame.agent !== store.me?.id) return;
  store.hearMe(facts(frame));
  showMe();
}
// Frames count capacity in thousandths, as they do load; the API in conversations.
const facts = ({ status, load, capacity }) => Object.fromEntries(
  Object.entries({ status, load, capacity: capacity === undefined ? undefined : capacity / 1000 }).filter(([, value]) => value !== undefined));

byId("status").addEventListener("change", async ({ target }) => {
  // Over the socket, by which one is seen to be here; without it the API takes one's word.
  if (chat.post({ type: "status", status: target.value })) return;
  try {
    Object.assign(store.me, await store.setStatus(target.value));
  } catch (error) {
    toast(error.message);
  }
  showMe();
});

async function showOffers() {
  if (!store.me || !config.offers) return;
  // Where the answer does not come, what is shown stays: each offer ends by its own time.
  await offers.renew(async () => (await get(config.offers)).results).catch(() => {});
}

// --- keyboard, narrow screens ---------------------------------------------------------------------
const acts = [
  { key: "J", word: "Next conversation", run: () => choose(inbox.neighbour(1), { focus: false }) },
  { key: "K", word: "Conversation before", run: () => choose(inbox.neighbour(-1), { focus: false }) },
  { key: "R", word: "Write a reply", run: () => talk.composer.focus("reply") },
  { key: "N", word: "Write an internal note", run: () => talk.composer.focus("note") },
  { key: "A", word: "Accept the first offer", run: () => offers.first() && offers.say(offers.first(), true) },
  { key: "D", word: "Decline the first offer", run: () => offers.first() && offers.say(offers.first(), false) },
  { key: "H", word: "Hold or resume", run: () => talk.act("hold") },
  { key: "T", word: "Transfer", run: () => talk.act("transfer") },
  { key: "C", word: "Close", run: () => talk.act("close") },
  { key: "1", word: "My conversations", run: () => inbox.turn("mine") },
  { key: "2", word: "Waiting", run: () => inbox.turn("queue") },
  { key: "3", word: "All open", run: () => inbox.turn("open") },
  { key: "?", word: "This list", run: () => byId("help").showModal() },
];
keyboard(acts);
soundSwitch(byId("sound"));
byId("help-open").addEventListener("click", () => byId("help").showModal());
byId("back").addEventListener("click", () => turnTo("inbox"));
function showAbout(isOpen) {
  mark(byId("desk"), "about", isOpen ? "open" : null);
  byId("about").setAttribute("aria-expanded", String(isOpen));
  (isOpen ? byId("about-close") : byId("about")).focus();
}
byId("about").addEventListener("click", () => showAbout(byId("desk").dataset.about !== "open"));
byId("about-close").addEventListener("click", () => showAbout(false));
byId("customer").addEventListener("keydown", ({ key }) => key === "Escape" && byId("desk").dataset.about === "open" && showAbout(false));
chat.start();
catchUp(); // the inbox is there even where the socket is not
