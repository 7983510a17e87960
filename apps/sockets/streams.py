"""Numbered streams on screens: every frame of a stream once, in order, whatever the fan-out does.

A stream is read from a store of another app (`Store`). A screen subscribes first and reads second, so
that nothing falls between; what comes meanwhile waits. Whoever is behind reads the store, many
screens in one call.
"""

import asyncio
from collections import defaultdict
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple, Protocol

import structlog
from django.db import InterfaceError, OperationalError

from apps.sockets.batching import Batcher, TooBusy
from apps.sockets.frames import Position
from apps.sockets.hub import hub
from apps.sockets.outbox import Outbox
from apps.sockets.sequence import Sequence
from apps.sockets.threads import in_thread

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 2.0
"""How often the store is asked where the streams of this process stand: the net under the fan-out."""
RESUME_MAX: Final = 500
"""Frames that a returning screen is sent; one that missed more reads the store's pages itself."""
PAGE: Final = 64  # frames read at once for one screen
AT_ONCE: Final = 32
"""Screens that are read for in one call: their pages are in memory together."""
WAITING_MAX: Final = 256  # frames kept while the store is read for the first time


class Question(NamedTuple):
    """What a screen asks the store: a stream's position, and what comes after a number."""

    key: Hashable
    after: int | None
    """None: only the position is asked for."""
    limit: int = PAGE


class Answer(NamedTuple):
    """What the store says; `position` is read before `frames`, which may therefore be newer."""

    position: Position | None
    """None: there is no such stream."""
    frames: list[tuple[int, str]]


class Store(Protocol):
    """Where streams are kept. Both are called in threads, with many at once."""

    def read(self, questions: list[Question]) -> list[Answer]:
        """An answer for each question, in their order."""

    def positions(self, keys: list[Hashable]) -> dict[Hashable, Position]:
        """Where streams stand."""


class Screen(Protocol):
    """A socket, as its streams see it."""

    outbox: Outbox

    def tell(self, frame: str) -> None:
        """Send a frame."""

    def restart(self, stream: "Stream") -> None:
        """The stream's history was replaced: say so."""


class Start(NamedTuple):
    """How a screen's view of a stream begins."""

    position: Position
    recovered: bool
    """What it missed will follow; if not, it must read the stream itself."""


class Stream:
    """One screen's view of one stream. A hub's listener."""

    def __init__(self, streams: "Streams", screen: Screen, group: str, key: Hashable) -> None:
        """`group` is where its broadcasts go; `key` is its name in the store."""
        self.key = key
        self.group = group
        self.position: Position | None = None
        self._streams = streams
        self._screen = screen
        self._sequence = Sequence(last=0)
        self._early: list[tuple[Position | None, str]] = []
        self._is_live = False
        self._reading: asyncio.Future[Answer] | None = None

    async def open(self, epoch: int | None, last_seq: int | None) -> Start | None:
        """Subscribe, then read; None, if there is no such stream. `begin` must follow.

        Without an epoch the screen's number is believed, unless it cannot be true.
        """
        await hub().join(self.group, self)
        answer = await self._streams.read(Question(self.key, last_seq))
        if answer.position is None:
            self.close()
            return None
        now = answer.position
        recovered = (
            last_seq is not None
            and (epoch is None or epoch == now.epoch)
            and 0 <= now.seq - last_seq <= RESUME_MAX
        )
        start = last_seq if recovered and last_seq is not None else now.seq
        self.position = Position(now.epoch, start)
        self._sequence = Sequence(last=start, head=now.seq)
        self._early = [(Position(now.epoch, seq), one) for seq, one in answer.frames] + self._early
        self._streams.add(self)
        return Start(now, recovered)

    def begin(self) -> None:
        """Send what was missed and what came meanwhile; from now on frames go out as they come."""
        early, self._early = self._early, []
        self._is_live = True
        for position, frame in early:
            self.hear(self.group, position, frame)
        self.catch_up()

    def close(self) -> None:
        """The screen looks elsewhere."""
        self._is_live = False
        hub().leave(self.group, self)
        self._streams.discard(self)

    @property
    def seq(self) -> int:
        """The number of the last frame that was sent."""
        return self._sequence.last

    def hear(self, group: str, position: Position | None, frame: str) -> None:
        """A broadcast, as it comes."""
        if not self._is_live:
            if len(self._early) < WAITING_MAX:
                self._early.append((position, frame))
            elif position is not None:
                self._sequence.learn(position.seq)
        elif position is None:
            self._screen.tell(frame)
        elif self.position is None or position.epoch != self.position.epoch:
            self._replaced()
        else:
            self._take(position.seq, frame)

    def resync(self) -> None:
        """Broadcasts may have been lost."""
        self._streams.look_now()

    def learn(self, now: Position) -> None:
        """The store says where the stream stands."""
        if not self._is_live or self.position is None:
            return
        if now.epoch != self.position.epoch:
            self._replaced()
            return
        self._sequence.learn(now.seq)
        self.catch_up()

    def catch_up(self) -> None:
        """Read what is missing, when the client has taken what it was sent."""
        if not (self._is_live and self._sequence.is_behind) or self._reading is not None:
            return
        if self._screen.outbox.is_busy:
            self._screen.outbox.when_empty(self.catch_up)
            return
        try:
            self._reading = self._streams.ask(Question(self.key, self._sequence.last))
        except TooBusy:
            return  # the next look asks again
        self._reading.add_done_callback(self._caught_up)

    def _take(self, seq: int, frame: str) -> None:
        if self._screen.outbox.is_busy:
            self._sequence.learn(seq)  # it is read when there is room for it
        else:
            for due in self._sequence.take(seq, frame):
                self._screen.tell(due)
        if self._sequence.is_behind:
            self.catch_up()

    def _caught_up(self, reading: "asyncio.Future[Answer]") -> None:
        self._reading = None
        if reading.cancelled() or reading.exception() is not None or not self._is_live:
            return  # the next look asks again
        answer, before = reading.result(), self._sequence.last
        if answer.position is None or self.position is None:
            return
        if answer.position.epoch != self.position.epoch:
            self._replaced()
            return
        for seq, frame in answer.frames:
            if self._screen.outbox.is_busy:
                break
            for due in self._sequence.take(seq, frame):
                self._screen.tell(due)
        if self._sequence.last > before:
            self.catch_up()

    def _replaced(self) -> None:
        self._is_live = False
        self._streams.discard(self)
        self._screen.restart(self)


@dataclass(slots=True)
class Streams:
    """The streams of one store on the screens of this process."""

    store: Store
    _open: dict[Hashable, set[Stream]] = field(default_factory=lambda: defaultdict(set))
    _reader: Batcher[Question, Answer] | None = None
    _looking: asyncio.Task[None] | None = None
    _hurry: asyncio.Event = field(default_factory=asyncio.Event)
    rescues: int = 0
    """Streams that were found behind without knowing it."""

    def add(self, stream: Stream) -> None:
        """Look after a stream from now on."""
        self._open[stream.key].add(stream)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._look_after())

    def discard(self, stream: Stream) -> None:
        """Look after it no more."""
        streams = self._open.get(stream.key)
        if streams is not None:
            streams.discard(stream)
            if not streams:
                del self._open[stream.key]

    def ask(self, question: Question) -> "asyncio.Future[Answer]":
        """An answer of the store, in one call with the questions of others. Raises `TooBusy`."""
        if self._reader is None:
            self._reader = Batcher(self._read, at_once=AT_ONCE)
        return self._reader.submit(question)

    def _read(self, questions: list[Question]) -> list[Answer]:
        """Ask once what many screens of one conversation ask."""
        different = list(dict.fromkeys(questions))
        answers = dict(zip(different, self.store.read(different), strict=True))
        return [answers[question] for question in questions]

    async def read(self, question: Question) -> Answer:
        """The same, awaited."""
        return await self.ask(question)

    def look_now(self) -> None:
        """Ask the store soon where everything stands."""
        self._hurry.set()

    @property
    def keys(self) -> int:
        """How many streams are on screens here."""
        return len(self._open)

    async def _look_after(self) -> None:
        while self._open:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), LOOK_SECONDS)
            self._hurry.clear()
            try:
                found = await in_thread(partial(self.store.positions, list(self._open)))
            except (OperationalError, InterfaceError) as error:
                log.warning("streams not looked after", error=type(error).__name__)
                await asyncio.sleep(LOOK_SECONDS)
                continue
            except Exception:
                log.exception("streams not looked after")
                await asyncio.sleep(LOOK_SECONDS)
                continue
            self._learn(found)

    def _learn(self, found: dict[Hashable, Position]) -> None:
        for key, position in found.items():
            for stream in tuple(self._open.get(key, ())):
                if position.seq > stream.seq:
                    self.rescues += 1
                stream.learn(position)
