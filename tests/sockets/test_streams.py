"""Streams on screens, with a real Redis between: whatever it loses, doubles, delays or reorders."""

import asyncio
import random
import threading

import pytest
from django.conf import settings
from django.db import OperationalError

from apps.sockets import broadcasts, streams
from apps.sockets.broadcasts import Broadcast, group
from apps.sockets.frames import Position
from apps.sockets.hub import hub
from apps.sockets.outbox import Outbox
from apps.sockets.streams import Answer, Stream, Streams
from tests.sockets.cutting import cut

KEY = (7, "c")


class Book:
    """A store in memory: streams of numbered lines."""

    def __init__(self):
        self.epoch = 1
        self.lines = []
        self.reads = 0

    def write(self, count=1):
        first = len(self.lines) + 1
        self.lines += [f"line {first + number}" for number in range(count)]
        return range(first, len(self.lines) + 1)

    def read(self, questions):
        self.reads += 1
        return [self._answer(one) for one in questions]

    def positions(self, keys):
        return {key: self.position for key in keys if key == KEY}

    @property
    def position(self):
        return Position(self.epoch, len(self.lines))

    def _answer(self, question):
        if question.key != KEY:
            return Answer(None, [])
        if question.after is None:
            return Answer(self.position, [])
        rows = list(enumerate(self.lines, 1))[question.after :][: question.limit]
        return Answer(self.position, rows)


class Screen:
    """A client behind an outbox."""

    def __init__(self):
        self.got = []
        self.restarted = []
        self.news = asyncio.Event()
        self.reading = asyncio.Event()
        self.reading.set()
        self.outbox = Outbox(self._take)

    async def _take(self, frame):
        await self.reading.wait()
        self.got.append(frame)
        self.news.set()

    def tell(self, frame):
        assert self.outbox.put(frame), "an outbox overflowed"

    def restart(self, stream):
        self.restarted.append(stream)
        self.news.set()

    async def until(self, condition):
        async with asyncio.timeout(60):
            while not condition():
                self.news.clear()
                await self.news.wait()

    async def has(self, *lines):
        await self.until(lambda: self.got == list(lines))


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    monkeypatch.setattr(streams, "LOOK_SECONDS", 0.1)


@pytest.fixture
async def shelf():
    """The streams of this loop, on an empty book."""
    shelf = Streams(Book())
    yield shelf
    shelf._open.clear()
    await hub().stop()


def place():
    return group(*KEY)


async def watch(shelf, epoch=None, last_seq=None, screen=None):
    screen = screen or Screen()
    screen.stream = Stream(shelf, screen, place(), KEY)
    screen.start = await screen.stream.open(epoch, last_seq)
    if screen.start is not None:
        screen.stream.begin()
    return screen


async def tell(book, *numbers):
    told = [Broadcast(place(), book.lines[seq - 1], (book.epoch, seq)) for seq in numbers]
    await asyncio.to_thread(broadcasts.publish_many, told)


class TestOpening:
    async def test_without_a_place_it_begins_now(self, shelf):
        shelf.store.write(3)
        screen = await watch(shelf)
        assert screen.start == (Position(1, 3), False)
        await tell(shelf.store, *shelf.store.write(2))
        await screen.has("line 4", "line 5")

    async def test_with_its_place_it_gets_what_it_missed(self, shelf):
        shelf.store.write(5)
        screen = await watch(shelf, epoch=1, last_seq=2)
        assert screen.start == (Position(1, 5), True)
        await screen.has("line 3", "line 4", "line 5")

    async def test_from_the_beginning_no_epoch_is_needed(self, shelf):
        shelf.store.write(450)  # more than a page
        screen = await watch(shelf, last_seq=0)
        assert screen.start.recovered
        await screen.has(*shelf.store.lines)

    @pytest.mark.parametrize(("epoch", "last_seq"), [(2, 3), (1, 6), (None, 6), (0, 0)], ids=repr)
    async def test_what_cannot_be_proven_is_not_claimed(self, shelf, epoch, last_seq):
        shelf.store.write(5)
        screen = await watch(shelf, epoch=epoch, last_seq=last_seq)
        assert screen.start == (Position(1, 5), False)
        await tell(shelf.store, *shelf.store.write())
        await screen.has("line 6")

    async def test_who_missed_too_much_reads_it_elsewhere(self, shelf, monkeypatch):
        monkeypatch.setattr(streams, "RESUME_MAX", 3)
        shelf.store.write(5)
        assert not (await watch(shelf, epoch=1, last_seq=1)).start.recovered
        assert (await watch(shelf, epoch=1, last_seq=2)).start.recovered

    async def test_there_is_no_such_stream(self, shelf):
        screen = Screen()
        assert await Stream(shelf, screen, place(), (7, "other")).open(None, None) is None
        assert shelf.keys == 0

    async def test_what_comes_between_subscription_and_reading_waits_its_turn(self, shelf):
        book = shelf.store
        book.write(2)
        screen = Screen()
        stream = Stream(shelf, screen, place(), KEY)
        opening = asyncio.ensure_future(stream.open(1, 0))
        for seq in (*book.write(3), 4, 2):
            stream.hear(place(), Position(1, seq), book.lines[seq - 1])
        await opening
        assert screen.got == []
        stream.begin()
        await screen.has(*book.lines)


class TestLoss:
    async def test_a_gap_is_read_from_the_store(self, shelf):
        screen = await watch(shelf)
        shelf.store.write(3)
        await tell(shelf.store, 3)
        await screen.has("line 1", "line 2", "line 3")

    async def test_a_lost_last_broadcast_is_found_without_another(self, shelf):
        screen = await watch(shelf)
        shelf.store.write(2)
        await screen.has("line 1", "line 2")
        assert shelf.rescues >= 1  # again, where reading takes longer than the next look

    async def test_after_a_lost_connection_the_store_is_asked_at_once(self, shelf, monkeypatch):
        monkeypatch.setattr(streams, "LOOK_SECONDS", 60)
        screen = await watch(shelf)
        shelf.store.write(2)
        await asyncio.to_thread(cut, hub())
        await screen.has("line 1", "line 2")

    async def test_many_screens_that_miss_the_same_ask_together(self, shelf, monkeypatch):
        monkeypatch.setattr(streams, "LOOK_SECONDS", 60)
        screens = [await watch(shelf) for _ in range(50)]
        before = shelf.store.reads
        shelf.store.write(3)
        await tell(shelf.store, 3)
        await asyncio.gather(*(one.has(*shelf.store.lines) for one in screens))
        assert shelf.store.reads - before <= 5

    async def test_a_stream_that_was_rewritten_is_said_to_be(self, shelf):
        told, asked = await watch(shelf), await watch(shelf)
        asked.stream._screen = asked
        hub().leave(place(), asked.stream)  # this one is never told
        shelf.store.epoch = 2
        shelf.store.write(1)
        await tell(shelf.store, 1)
        await told.until(lambda: told.restarted)
        await asked.until(lambda: asked.restarted)
        assert told.got == asked.got == []

    async def test_an_outage_of_the_store_ends_and_nothing_is_missing(self, shelf, monkeypatch):
        screen = await watch(shelf)
        real = shelf.store.positions

        failed = threading.Event()

        def down(_keys):
            failed.set()
            raise OperationalError("no route")

        monkeypatch.setattr(shelf.store, "positions", down)
        shelf.store.write(4)
        assert await asyncio.to_thread(failed.wait, 60)
        monkeypatch.setattr(shelf.store, "positions", real)
        await screen.has(*shelf.store.lines)


class TestSlowScreens:
    async def test_one_that_is_slow_is_not_sent_more_than_it_takes_and_misses_nothing(self, shelf):
        slow, quick = await watch(shelf), await watch(shelf)
        slow.reading.clear()
        book = shelf.store
        for _ in range(20):
            await tell(book, *book.write(100))
        await quick.has(*book.lines)
        assert len(slow.outbox._frames) < 512
        slow.reading.set()
        await slow.has(*book.lines)

    async def test_unnumbered_frames_come_as_they_are(self, shelf):
        screen = await watch(shelf)
        await asyncio.to_thread(broadcasts.publish, place(), "typing")
        await screen.has("typing")


@pytest.mark.parametrize("seed", range(3))
async def test_any_fan_out_ends_in_the_same_transcript_on_every_screen(shelf, seed):
    """Drops, doubles, delays and reorders; screens that come and go with their place."""
    dice, book = random.Random(seed), shelf.store
    screens = [await watch(shelf) for _ in range(6)]
    late: list[int] = []
    for _ in range(60):
        for seq in book.write(dice.randint(1, 5)):
            fate = dice.random()
            if fate < 0.25:
                continue  # lost
            late.append(seq)
            if fate < 0.4:
                late.append(seq)  # twice
        dice.shuffle(late)
        cut = dice.randint(0, len(late))
        await tell(book, *late[:cut])
        late = late[cut:]
        if dice.random() < 0.3:  # a screen reconnects with what it has
            screen = dice.choice(screens)
            screen.stream.close()
            while (sender := screen.outbox._sender) is not None:
                await asyncio.wait([sender])
            await watch(shelf, epoch=1, last_seq=len(screen.got), screen=screen)
            assert screen.start.recovered
    await asyncio.gather(*(one.has(*book.lines) for one in screens))
    assert settings.REDIS_PREFIX in place()
