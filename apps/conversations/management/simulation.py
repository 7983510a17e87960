"""Replay dialogues in real time, as customers and agents on real sockets, and judge what screens got.

Each conversation has three screens: the customer's, a second tab of the customer's, and the desk of
an agent. A message is sent again until it is acknowledged, under the same name. In the end each screen
must have 1, 2, 3 … once each, what it has must be what the API says, and what the two sides said must
be the dialogue.
"""

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final
from uuid import uuid4

from apps.conversations.management.callers import GONE, PATIENCE, Api, CallFailed, Frame, Screen
from apps.conversations.management.dialogues import Dialogue, Turn

RESEND: Final = 3.0  # seconds without an acknowledgement
MATCHED: Final = 3.0  # seconds that a conversation waits for an agent of its own


@dataclass(slots=True)
class Result:
    """What a simulation saw."""

    conversations: int = 0
    messages: int = 0
    deliveries: int = 0
    reconnects: int = 0
    faults: deque[str] = field(default_factory=lambda: deque(maxlen=1_000))
    delays: deque[float] = field(default_factory=lambda: deque(maxlen=100_000))
    """Seconds from sending to each screen; of an endless simulation, the last ones."""


@dataclass(slots=True)
class Room:
    """A conversation that is played, and what each of its screens has of it."""

    dialogue: Dialogue
    id: str
    news: asyncio.Condition = field(default_factory=asyncio.Condition)
    logs: dict[int, list[Frame]] = field(default_factory=dict)
    """By screen (its identity): the messages that it got, as they came."""
    acked: dict[str, Frame] = field(default_factory=dict)
    sent_at: dict[str, float] = field(default_factory=dict)
    desk: Screen | None = None
    is_assigned: asyncio.Event = field(default_factory=asyncio.Event)


class Simulation:
    """Customers and agents who talk."""

    def __init__(
        self, api: Api, *, agents: int, speed: float, rate: float, at_once: int,
        staff: str = "simulated", progress: Callable[[Result], None] = lambda _: None,
    ) -> None:  # fmt: skip
        """`speed` divides the pauses of the dialogues; 0: none. `rate` (messages a second in all) bounds both.

        `staff` begins the agents' user names: a name is one tenant's.
        """
        self.api = api
        self._staff = staff
        self.result = Result()
        self._agents = agents
        self._speed = speed
        self._pace = Pace(rate)
        self._room_for = asyncio.Semaphore(at_once)
        self._progress = progress
        self._rooms: dict[str, Room] = {}
        self._desks: list[Screen] = []
        self._opening = 0
        """Conversations whose names are not known yet: an offer may be faster."""
        self._offers: dict[str, tuple[Screen, Frame]] = {}

    async def run(self, dialogues: Iterable[Dialogue]) -> Result:
        """Play all of them, a number at once."""
        await self._open_desks()
        playing: set[asyncio.Task[None]] = set()
        try:
            for dialogue in dialogues:
                await self._room_for.acquire()
                task = asyncio.ensure_future(self._play(dialogue))
                playing.add(task)
                task.add_done_callback(playing.discard)
            await asyncio.gather(*playing)
        finally:
            for task in playing:
                task.cancel()
            self.result.reconnects += sum(one.reconnects for one in self._desks)
            await asyncio.gather(*(desk.stop() for desk in self._desks))
        return self.result

    async def _open_desks(self) -> None:
        for number in range(1, self._agents + 1):
            name = f"{self._staff}-{number}"
            await self.api.post("/agents", {"user": name, "name": f"Agent {number}"})
            ask = partial(self.api.post, "/agents/me/ticket", {"agent": name})
            desk = Screen(ask, self._at_desk, is_desk=True)
            self._desks.append(desk)
            desk.start()
            await desk.say("status", status="online")

    async def _play(self, dialogue: Dialogue) -> None:
        try:
            await self._converse(dialogue)
        except (CallFailed, *GONE) as error:
            self.result.faults.append(f"{dialogue.id}: {type(error).__name__}: {error}")
        finally:
            self.result.conversations += 1
            self._progress(self.result)
            self._room_for.release()

    async def _converse(self, dialogue: Dialogue) -> None:
        who = {"external_id": f"sim-{uuid4()}", "name": dialogue.customer or "Sim"}
        room = await self._open(dialogue, {"customer": who, "channel": "web", "owner": "queue"})
        ask = partial(self.api.post, f"/conversations/{room.id}/ticket")
        tabs = [Screen(ask, self._hear) for _ in range(2)]
        for tab in tabs:
            await tab.show(room.id)
            tab.start()
        desk = await self._desk_of(room)
        try:
            for turn in dialogue.turns:
                await asyncio.sleep(turn.after / self._speed if self._speed else 0)
                speaker = tabs[0] if turn.by == "customer" else desk
                await self._speak(room, speaker, turn, [*tabs, desk])
            await self._judge(room, [*tabs, desk])
        finally:
            self._rooms.pop(room.id, None)
            self.result.reconnects += sum(one.reconnects for one in tabs)
            await asyncio.gather(*(tab.stop() for tab in tabs), desk.hide(room.id))
            await self.api.post(f"/conversations/{room.id}/closure", {"reason": "solved"})

    async def _open(self, dialogue: Dialogue, terms: dict[str, Any]) -> Room:
        """A conversation that waits for people; a tenant's bot has no part in these dialogues."""
        self._opening += 1
        try:
            opened = await self.api.post("/conversations", terms)
            room = self._rooms[opened["id"]] = Room(dialogue, opened["id"])
        finally:
            self._opening -= 1
            self._answer_offers()
        return room

    def _answer_offers(self) -> None:
        """Take what belongs to a dialogue; leave others' customers, who want an answer, to people."""
        for name, (desk, frame) in list(self._offers.items()):
            is_ours = name in self._rooms
            if is_ours or not self._opening:
                del self._offers[name]
                word = "accept" if is_ours else "decline"
                _spawn(desk.say(word, conversation=name, fence=frame["fence"]))

    async def _desk_of(self, room: Room) -> Screen:
        """The desk of the agent that was matched; any desk, if none was in time."""
        try:
            await asyncio.wait_for(room.is_assigned.wait(), MATCHED)
        except TimeoutError:
            room.desk = self._desks[hash(room.id) % len(self._desks)]
        assert room.desk is not None
        await room.desk.show(room.id)
        return room.desk

    async def _speak(self, room: Room, speaker: Screen, turn: Turn, screens: list[Screen]) -> None:
        await self._pace.turn()
        name = str(uuid4())
        room.sent_at[name] = time.perf_counter()
        deadline = time.monotonic() + PATIENCE
        while name not in room.acked:
            await speaker.say("message.send", conversation=room.id, client_id=name, body=turn.text)
            try:
                await _until(room, lambda: name in room.acked, RESEND)
            except TimeoutError:
                if time.monotonic() > deadline:
                    raise
        answer = room.acked[name]
        if answer["type"] == "error":
            raise CallFailed(f"a message was refused: {answer['code']} {answer['detail']}")
        self.result.messages += 1
        seq = answer["seq"]
        await _until(room, lambda: all(_has(room, screen, seq) for screen in screens), PATIENCE)

    async def _judge(self, room: Room, screens: list[Screen]) -> None:
        found = await self.api.get(f"/conversations/{room.id}/messages?after_seq=0&limit=1000")
        kept = [(one["seq"], one["sender"], one["body"]) for one in found["results"]]
        await _until(
            room, lambda: all(_has(room, screen, len(kept)) for screen in screens), PATIENCE
        )
        for number, screen in enumerate(screens):
            got = [(one["seq"], one["sender"], one["body"]) for one in room.logs[id(screen)]]
            self.result.deliveries += len(got)
            if [seq for seq, _, _ in got] != list(range(1, len(got) + 1)):
                self._fault(room, f"screen {number} has a gap, a double or disorder")
            if got[: len(kept)] != kept:
                self._fault(room, f"screen {number} shows something else than the store has")
        said = [(sender, body) for _, sender, body in kept if sender in ("customer", "agent")]
        if said != [(turn.by, turn.text) for turn in room.dialogue.turns]:
            self._fault(room, "the transcript is not the dialogue")

    def _fault(self, room: Room, what: str) -> None:
        self.result.faults.append(f"{room.dialogue.id} ({room.id}): {what}")

    def _at_desk(self, desk: Screen, frame: Frame) -> None:
        room = self._rooms.get(frame.get("conversation", ""))
        if frame["type"] == "offer":
            self._offers[frame["conversation"]] = (desk, frame)
            self._answer_offers()
        elif frame["type"] == "assigned" and room is not None and room.desk is None:
            room.desk = desk
            room.is_assigned.set()
        else:
            self._hear(desk, frame)

    def _hear(self, screen: Screen, frame: Frame) -> None:
        room = self._rooms.get(frame.get("conversation", ""))
        if room is None:
            return
        if frame["type"] == "message":
            room.logs.setdefault(id(screen), []).append(frame)
            if (sent_at := room.sent_at.get(frame["client_id"])) is not None:
                self.result.delays.append(time.perf_counter() - sent_at)
        elif frame["type"] in ("ack", "error") and "client_id" in frame:
            room.acked[frame["client_id"]] = frame
        else:
            return
        _spawn(_notify(room))


class Pace:
    """Turns at a rate, a second's worth of them never at once."""

    def __init__(self, rate: float) -> None:
        """`rate` a second; 0: no bound."""
        self._gap = 1 / rate if rate else 0.0
        self._next = 0.0

    async def turn(self) -> None:
        """Wait for the next turn."""
        now = asyncio.get_running_loop().time()
        self._next = max(self._next + self._gap, now)
        await asyncio.sleep(self._next - now)


_spawned: set[asyncio.Task[Any]] = set()


def _spawn(doing: Any) -> None:
    task = asyncio.ensure_future(doing)
    _spawned.add(task)  # the loop itself keeps only a weak hold on it
    task.add_done_callback(_spawned.discard)


async def _notify(room: Room) -> None:
    async with room.news:
        room.news.notify_all()


async def _until(room: Room, condition: Callable[[], bool], seconds: float) -> None:
    async with asyncio.timeout(seconds), room.news:
        while not condition():
            await room.news.wait()


def _has(room: Room, screen: Screen, seq: int) -> bool:
    log = room.logs.get(id(screen), [])
    return seq == 0 or (bool(log) and log[-1]["seq"] >= seq)


def endless(dialogues: list[Dialogue], count: int | None) -> Iterable[Dialogue]:
    """So many dialogues, from the beginning again when they end; None: without an end."""
    return itertools.islice(itertools.cycle(dialogues), count)
