"""The feed and the socket's manners, without a server: who is slow, who leaves, what is kept."""

import asyncio
import contextlib
import json
from contextlib import asynccontextmanager

import pytest
from django.db import OperationalError

from apps.sockets import consumers as sockets
from apps.sockets import warden
from apps.sockets.tickets import BOARD, Claim
from apps.tenants.models import Tenant
from apps.web import consumers, feeds
from apps.web.consumers import BoardConsumer
from apps.web.feeds import Feed, feed_of

SECONDS = 60  # a machine under test may be busy
ACME = Tenant(pk=7, slug="acme", name="Acme")


@pytest.fixture(autouse=True)
def snapshots(monkeypatch):
    """Numbered snapshots, made quickly; how many were made."""
    made = []

    def snapshot(tenant):
        made.append(tenant.slug)
        return json.dumps({"n": len(made)}).encode()

    monkeypatch.setattr(feeds, "snapshot", snapshot)
    monkeypatch.setattr(feeds, "PERIOD", 0.02)
    return made


async def first(feed: Feed, count: int) -> list[dict]:
    """So many frames."""
    found = []
    frames = feed.frames()
    async for frame in frames:
        found.append(json.loads(frame))
        if len(found) == count:
            break
    await frames.aclose()
    return found


class TestFeed:
    async def test_frames_are_numbered_and_none_comes_twice(self):
        found = await first(Feed(ACME), 4)
        assert [one["seq"] for one in found] == [1, 2, 3, 4]
        assert [one["board"]["n"] for one in found] == [1, 2, 3, 4]

    async def test_watchers_share_one_producer(self, snapshots):
        feed = Feed(ACME)
        one, two = await asyncio.gather(first(feed, 5), first(feed, 5))
        assert one == two
        assert len(snapshots) in (5, 6)  # the next one may have been begun

    async def test_it_rests_while_nobody_watches(self):
        feed = Feed(ACME)
        frames = feed.frames()
        await anext(frames)
        producer = feed._producer
        await frames.aclose()
        assert (feed.watchers, feed._producer) == (0, None)
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(producer, SECONDS)

    async def test_it_goes_on_for_the_next_watcher(self):
        feed = Feed(ACME)
        await first(feed, 2)
        found = await first(feed, 2)
        assert found[0]["seq"] >= 3
        assert found[1]["seq"] == found[0]["seq"] + 1

    async def test_who_is_slow_gets_the_newest_and_nothing_is_kept_for_them(self):
        feed = Feed(ACME)
        frames = feed.frames()
        slow = json.loads(await anext(frames))
        await first(feed, 10)
        newest = feed.version
        after = json.loads(await anext(frames))
        assert slow["seq"] == 1
        assert after["seq"] >= newest
        await frames.aclose()

    async def test_an_outage_is_told_and_then_it_goes_on(self, monkeypatch):
        answers = iter([OperationalError("no route"), ZeroDivisionError("oh"), b'{"n":1}'])

        def snapshot(_tenant):
            answer = next(answers, b"{}")
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(feeds, "snapshot", snapshot)
        outage, defect, board = await first(Feed(ACME), 3)
        assert (outage["type"], outage["code"]) == ("error", "unavailable")
        assert (defect["type"], defect["code"]) == ("error", "internal_error")
        assert "oh" not in str(defect)
        assert board == {"type": "board", "seq": 3, "board": {"n": 1}}

    async def test_a_tenant_has_one_feed_and_tenants_do_not_share(self):
        assert feed_of(ACME) is feed_of(Tenant(pk=7))
        assert feed_of(ACME) is not feed_of(Tenant(pk=8))


class Wire:
    """A client of the consumer: what it sends, what it gets, and when it stops reading."""

    def __init__(self, *, origin=None):
        self.sent = asyncio.Queue()
        self.got = asyncio.Queue()
        self.reading = asyncio.Event()
        self.reading.set()
        self.takes_closes = True
        self.transport = self  # as uvicorn's `send` is a method of what has one
        self.cut = asyncio.Event()
        headers = [(b"origin", origin)] if origin else []
        self.scope = {"type": "websocket", "headers": headers, "query_string": b"ticket=x"}
        self.sent.put_nowait({"type": "websocket.connect"})

    async def send(self, message):
        if message["type"] == "websocket.send" or not self.takes_closes:
            await self.reading.wait()
        self.got.put_nowait(message)
        if message["type"] == "websocket.close":
            self.say({"type": "websocket.disconnect", "code": message["code"]})

    def abort(self):
        self.cut.set()

    def say(self, message):
        self.sent.put_nowait(message)

    def text(self, text):
        self.say({"type": "websocket.receive", "text": text})

    async def next(self, kind="websocket.send"):
        while True:
            message = await asyncio.wait_for(self.got.get(), SECONDS)
            if message["type"] == kind:
                return message

    async def frame(self, kind):
        while True:
            found = json.loads((await self.next())["text"])
            if found["type"] == kind:
                return found

    async def closed(self):
        return (await self.next("websocket.close"))["code"]


@pytest.fixture
def admitted(monkeypatch):
    """Every ticket is good."""

    def redeem(consumer, _secret):
        consumer.tenant = ACME
        return Claim(BOARD, ACME.pk, "user:1")

    monkeypatch.setattr(BoardConsumer, "_redeem", redeem)
    monkeypatch.setattr(warden, "ROUND_SECONDS", 0.02)


@asynccontextmanager
async def watching():
    """A watcher that is connected; afterwards it is gone, and nothing of it is left."""
    wire = Wire()
    wire.consumer = BoardConsumer()
    running = asyncio.create_task(wire.consumer(wire.scope, wire.sent.get, wire.send))
    yield wire
    wire.say({"type": "websocket.disconnect", "code": 1001})
    await asyncio.wait_for(running, SECONDS)
    with contextlib.suppress(asyncio.CancelledError):
        await wire.consumer._pushing
    assert feed_of(ACME).watchers == 0
    assert warden.warden().guests == set()


@pytest.mark.usefixtures("admitted")
class TestSocket:
    async def test_a_welcome_and_then_boards(self):
        async with watching() as wire:
            welcome = await wire.frame("welcome")
            assert welcome == {
                "type": "welcome",
                "epoch": consumers.EPOCH,
                "last_seq": 0,
                "recovered": False,
                "tenant": "acme",
                "period": consumers.PERIOD,
            }
            seen = [(await wire.frame("board"))["seq"] for _ in range(3)]
            assert seen == sorted(set(seen))

    async def test_a_client_that_stops_reading_is_let_go(self, monkeypatch):
        monkeypatch.setattr(warden, "SEND_SECONDS", 0.1)
        async with watching() as wire:
            await wire.frame("board")
            wire.reading.clear()
            assert await wire.closed() == 4408

    async def test_one_that_does_not_even_take_the_close_is_cut_off(self, monkeypatch):
        monkeypatch.setattr(warden, "SEND_SECONDS", 0.05)
        monkeypatch.setattr(sockets, "CLOSE_SECONDS", 0.05)
        async with watching() as wire:
            await wire.frame("board")
            wire.takes_closes = False
            wire.reading.clear()
            await asyncio.wait_for(wire.cut.wait(), SECONDS)

    async def test_who_is_slow_gets_the_newest_board_and_nothing_is_kept(self):
        async with watching() as wire:
            slow = await wire.frame("board")
            wire.reading.clear()
            while not wire.got.empty():  # what came before it stopped to read
                slow = json.loads(wire.got.get_nowait()["text"])
            await first(feed_of(ACME), 10)
            assert len(wire.consumer.outbox._frames) <= 1
            wire.reading.set()
            await wire.frame("board")  # the one that was on its way
            assert (await wire.frame("board"))["seq"] > slow["seq"] + 5

    async def test_a_member_who_leaves_sees_no_more(self, monkeypatch):
        monkeypatch.setattr(warden, "is_still_in", lambda *_: False)
        monkeypatch.setattr(warden, "CHECK_SECONDS", 0.0)
        async with watching() as wire:
            assert await wire.closed() == 4401

    async def test_a_database_outage_lets_nobody_go(self, monkeypatch):
        asked = asyncio.Event()
        loop = asyncio.get_running_loop()

        def refuse(*_):
            loop.call_soon_threadsafe(asked.set)
            raise OperationalError("no route")

        monkeypatch.setattr(warden, "is_still_in", refuse)
        monkeypatch.setattr(warden, "CHECK_SECONDS", 0.0)
        async with watching() as wire:
            await asyncio.wait_for(asked.wait(), SECONDS)
            for _ in range(3):
                await wire.frame("board")

    async def test_answers_take_no_thread(self, monkeypatch):
        async with watching() as wire:
            await wire.frame("welcome")
            used = []
            monkeypatch.setattr(
                asyncio.get_running_loop(),
                "run_in_executor",
                lambda pool, *_: used.append(pool) or asyncio.get_running_loop().create_future(),
            )
            for _ in range(20):
                wire.text('{"type":"ping"}')
                assert await wire.frame("pong") == {"type": "pong"}
            assert len(used) <= 2  # the producer's next snapshot, and how many are here
