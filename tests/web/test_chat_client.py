"""The chat client's own logic, in the browser that runs it: order, gaps, doubles, the outbox."""

import pytest
from playwright.sync_api import Page

from tests.web.browsing import MARKS

pytestmark = MARKS
LIBRARY = "/static/web/js/lockstep-chat.js"

SHUFFLED = """
async ([library, rounds]) => {
  const { Timeline } = await import(library);
  const random = (seed) => () => {            // mulberry32: the same numbers in every run
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const faults = [];
  for (let seed = 1; seed <= rounds; seed++) {
    const chance = random(seed);
    const all = Array.from({ length: 1 + Math.floor(chance() * 60) }, (_, index) => ({ seq: index + 1 }));
    // Every message lost, doubled or late, as a fan-out may do; the store has them all.
    const arriving = all.flatMap((one) => (chance() < 0.25 ? [] : chance() < 0.3 ? [one, one] : [one]))
      .map((one) => [one.seq + chance() * 12, one]).sort((one, other) => one[0] - other[0]).map(([, one]) => one);
    const timeline = new Timeline();
    timeline.reset(7, 0);
    const seen = [];
    for (const one of arriving) {
      seen.push(...timeline.take(one));
      if (timeline.hasGap && chance() < 0.4) for (const pulled of all.slice(timeline.lastSeq)) seen.push(...timeline.take(pulled));
    }
    for (const pulled of all.slice(timeline.lastSeq)) seen.push(...timeline.take(pulled));
    const told = seen.map((one) => one.seq).join();
    if (told !== all.map((one) => one.seq).join() || timeline.hasGap) faults.push([seed, told]);
  }
  return faults;
}
"""

OUTBOX = """
async ([library]) => {
  const { Outbox } = await import(library);
  localStorage.clear();
  const one = new Outbox(localStorage, "lockstep.outbox:me:c1"), other = new Outbox(localStorage, "lockstep.outbox:me:c1");
  one.add({ client_id: "a", body: "first" });
  other.add({ client_id: "b", body: "from another tab" });
  one.add({ client_id: "c", body: "second" });
  new Outbox(localStorage, "lockstep.outbox:me:c2").add({ client_id: "d", body: "another conversation" });
  const restored = new Outbox(localStorage, "lockstep.outbox:me:c1");
  const found = restored.entries.map((entry) => [entry.client_id, entry.state]);
  restored.remove("a");
  const left = new Outbox(localStorage, "lockstep.outbox:me:c1").entries.map((entry) => entry.client_id);
  localStorage.clear();
  return { found, left };
}
"""

FORBIDDEN = """
async ([library]) => {
  const { Outbox } = await import(library);
  const forbidden = { get length() { throw new Error("no"); }, setItem() { throw new Error("no"); }, removeItem() { throw new Error("no"); } };
  const outbox = new Outbox(forbidden, "p");
  outbox.add({ client_id: "a", body: "kept as long as the page" });
  const before = outbox.entries.length;
  outbox.remove("a");
  return [before, outbox.entries.length];
}
"""

OFFERS = """
async ([library]) => {
  const { Offers } = await import(library);
  document.body.append(Object.assign(document.createElement("ul"), { id: "offers" }));
  const offers = new Offers({ rows: new Map(), refresh: async () => {} }, { answer() {} });
  const offer = (conversation) => ({ conversation, seconds_left: 600 });
  const shown = () => [...offers.open.keys()].sort().join("");
  for (const id of "abc") offers.hear(offer(id));
  await offers.renew(async () => {
    offers.hear(offer("n"));  // while the answer is on its way
    offers.end("b");
    return [offer("b"), offer("c"), offer("d")];
  });
  const renewed = shown();
  await offers.renew(async () => { throw new Error("nobody answers"); }).catch(() => {});
  return [renewed, shown(), document.querySelectorAll("#offers .offer").length];
}
"""

BACK_OFF = """
async ([library]) => {
  const { backOff, CLOSES } = await import(library);
  const waits = Array.from({ length: 12 }, (_, failures) => [backOff(failures, 0), backOff(failures, 1)]);
  return { waits, final: Object.keys(CLOSES).filter((code) => !CLOSES[code].back) };
}
"""


@pytest.fixture
def page(open_page, site) -> Page:
    found = open_page()
    found.goto(f"{site}/sign-in/")
    return found


def test_whatever_the_fan_out_does_messages_come_once_and_in_order(page):
    assert page.evaluate(SHUFFLED, [LIBRARY, 400]) == []


def test_the_outbox_survives_a_reload_and_two_tabs_do_not_overwrite_each_other(page):
    found = page.evaluate(OUTBOX, [LIBRARY])
    assert sorted(found["found"]) == [["a", "waiting"], ["b", "waiting"], ["c", "waiting"]]
    assert [one for one, _ in found["found"] if one != "b"] == ["a", "c"]
    assert sorted(found["left"]) == ["b", "c"]


def test_where_storage_is_forbidden_the_outbox_lasts_as_long_as_the_page(page):
    assert page.evaluate(FORBIDDEN, [LIBRARY]) == [1, 0]


def test_what_is_told_of_offers_is_newer_than_what_was_asked_before(page):
    found = page.evaluate(OFFERS, [LIBRARY.replace("lockstep-chat", "desk/offers")])
    assert found == ["cdn", "cdn", 3]


def test_reconnecting_waits_longer_each_time_never_in_step_and_not_after_a_final_close(page):
    found = page.evaluate(BACK_OFF, [LIBRARY])
    waits = found["waits"]
    assert waits[0] == [250, 500]
    assert all(low * 2 == high for low, high in waits)
    assert [high for _, high in waits] == sorted(high for _, high in waits)
    assert waits[-1][1] == 30_000
    assert found["final"] == ["4400", "4403", "4409"]
