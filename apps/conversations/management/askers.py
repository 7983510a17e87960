"""Customers who wait for one agent, a person, and answer what that person writes: somebody to talk to.

Each opens a conversation, asks for that agent, says the first line of a script, and the next one whenever the
agent has written; when the conversation has been closed they come back after a while with another matter. A
conversation that was open before goes on where it stood: what was said is read from it, not remembered.
"""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from typing import Final

from apps.conversations.management.callers import GONE, Api, CallFailed, Frame, Screen

RETRY: Final = 15.0  # seconds
FALLBACK: Final = 86_400  # seconds that they wait for this agent alone


@dataclass(frozen=True, slots=True)
class Script:
    """What a customer comes with: lines, said one after the other."""

    customer: str
    lines: Sequence[str]
    skills: Sequence[str] = ()


@dataclass(slots=True)
class Asker:
    """One customer."""

    api: Api
    agent: str
    """Username of the agent whom they ask for."""
    scripts: Sequence[Script]
    pause: float = 90.0
    """Seconds until they come back."""
    thinking: float = 3.0
    """Seconds until they answer."""
    _own: set[int] = field(default_factory=set)
    """Seqs of what they have said in this conversation."""
    _heard: int = 0
    """Seq of the last that the agent said."""
    _turn: asyncio.Event = field(default_factory=asyncio.Event)
    _is_over: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Come, again and again, until cancelled."""
        for script in cycle(self.scripts):
            while True:
                try:
                    await self.ask(script)
                    break
                except (CallFailed, *GONE):
                    await asyncio.sleep(RETRY)  # the server starts, or is away
            await asyncio.sleep(self.pause)

    async def ask(self, script: Script) -> None:
        """One conversation to its end. Raises `CallFailed`, and what sockets raise."""
        self._own, self._heard = set(), 0
        self._turn, self._is_over = asyncio.Event(), asyncio.Event()
        name = script.customer
        who = {"external_id": f"demo:{name.lower()}", "name": name}
        terms = {"customer": who, "channel": "web", "owner": "queue", "skills": list(script.skills)}
        opened = await self.api.post("/conversations", terms)
        conversation = opened["id"]
        if not opened["last_seq"]:
            agent = await self.api.get(f"/agents/{self.agent}")
            whereto = {"agent": agent["id"], "fallback_seconds": FALLBACK}
            await self.api.post(f"/conversations/{conversation}/transfer", whereto)
        screen = Screen(partial(self.api.post, f"/conversations/{conversation}/ticket"), self._hear)
        await screen.show(conversation)
        screen.start()
        answering = asyncio.ensure_future(self._answer(screen, script))
        try:
            await self._is_over.wait()
        finally:
            answering.cancel()
            with suppress(asyncio.CancelledError):
                await answering
            await screen.stop()

    async def _answer(self, screen: Screen, script: Script) -> None:
        self._turn.set()  # the first line, if they have not said it; said again it is the same
        while True:
            await self._turn.wait()
            self._turn.clear()
            await asyncio.sleep(random.uniform(self.thinking / 2, self.thinking))  # noqa: S311 - a person
            said = len(self._own)
            if self._heard > max(self._own, default=-1) and said < len(script.lines):
                line = {"client_id": f"line-{said + 1}", "body": script.lines[said]}
                try:
                    await screen.say("message.send", **line)
                except GONE:
                    self._turn.set()  # there was no connection for long; they try again

    def _hear(self, screen: Screen, frame: Frame) -> None:
        match frame:
            case {"type": "message", "sender": "customer", "seq": seq}:
                self._own.add(seq)
            case {"type": "message", "sender": "agent", "seq": seq}:
                self._heard = seq
                self._turn.set()
            case {"type": "closed"} | {"type": "welcome", "state": "closed"}:
                self._is_over.set()
