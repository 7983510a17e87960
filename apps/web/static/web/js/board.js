// The operations board: one snapshot in, everything shown.
import { FlowChart } from "./chart.js";
import { byId, mark, say } from "./dom.js";
import { Feed } from "./feed.js";
import { clock } from "./format.js";
import * as panels from "./panels.js";
import { Strips } from "./strips.js";

const config = JSON.parse(byId("config").textContent);
const chart = new FlowChart(byId("chart"));
const messages = new FlowChart(byId("messages-chart"), "message");
const strips = new Strips(byId("strips"), "lag-rows");
let last = null;

function show(board) {
  last = board.at;
  panels.showStatus(board);
  panels.showFlow(board);
  chart.show(board.flow);
  panels.showTalks(board);
  panels.showAgents(board);
  messages.show(board.conversations.flow);
  panels.showTiles(board);
  strips.show(board.handlers);
  panels.showTrades(board);
  panels.showBooks(board);
  panels.showParked(board, config.parked);
  panels.showWorkers(board);
  panels.showClock(board);
}

const STATES = {
  live: ["Live", ""],
  polling: ["Every 2 s", "Live updates are away: the socket server or Redis does not answer. This page asks every two seconds instead, and keeps trying."],
  offline: ["No answer", "No answer from the server since {last} UTC. What you see is from then; this page keeps trying."],
};

function tell(state, detail) {
  const [word, text] = STATES[state];
  mark(byId("feed"), "state", state);
  say(byId("feed-word"), word);
  const banner = byId("banner");
  banner.hidden = !text;
  mark(banner, "state", state);
  say(banner, [detail, text.replace("{last}", last ? clock(last) : "–")].filter(Boolean).join(" "));
  byId("board").classList.toggle("stale", state === "offline");
}

show(config.first);
new Feed({ board: config.board, ticket: config.ticket, csrf: document.querySelector("[name=csrfmiddlewaretoken]").value, onBoard: show, onState: tell }).start();
