"""Screens of these tests: clients on real sockets that keep a log of all that they were sent.

The log is judged as a person would judge a transcript: 1, 2, 3 … once each.
"""

import asyncio
import itertools
import json
from contextlib import suppress
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.conversations import asyncapi

TIMEOUT = 60  # seconds; a machine under test may be busy


class Screen:
    """One screen of one conversation; it reconnects with its place, as the client library does."""

    def __init__(self, ask_ticket: Any, conversation: str | None = None) -> None:
        """`ask_ticket()` gives the address of a socket, a new one each time."""
        self.ask_ticket = ask_ticket
        self.conversation = conversation
        self.epoch: int | None = None
        self.log: list[dict[str, Any]] = []
        self.frames: list[dict[str, Any]] = []
        self.welcomes: list[dict[str, Any]] = []
        self.undocumented: list[str] = []
        """Frames that are not as docs/asyncapi.yaml says."""
        self.code: int | None = None
        self.socket: ClientConnection | None = None
        self.news = asyncio.Condition()
        self._reader: asyncio.Task[None] | None = None
        self._names = itertools.count(1)

    async def __aenter__(self) -> Self:
        await self.connect(last_seq=0)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.leave()

    @property
    def seqs(self) -> list[int]:
        """The numbers of the messages that it was sent, as they came."""
        return [one["seq"] for one in self.log]

    @property
    def bodies(self) -> list[str]:
        """What they say."""
        return [one["body"] for one in self.log]

    async def connect(self, *, last_seq: int | None = None, **hello: Any) -> dict[str, Any]:
        """Open a socket and say hello, from its place unless another one is given; the welcome."""
        url = await asyncio.to_thread(self.ask_ticket)
        # From now on an older socket is not heard, nor that it has ended.
        self.socket = await connect(url, compression=None, max_queue=None)
        self.code = None
        place = {"epoch": self.epoch, "last_seq": self.seqs[-1] if self.log else last_seq}
        told = {name: value for name, value in (place | hello).items() if value is not None}
        count = len(self.welcomes)
        await self.say("hello", **told)
        self._reader = asyncio.create_task(self._read(self.socket))
        await self.until(lambda: len(self.welcomes) > count or self.code)
        if len(self.welcomes) == count:
            raise ConnectionError(f"closed with {self.code} before the welcome")
        return self.welcomes[-1]

    async def say(self, kind: str, **facts: Any) -> None:
        """Send a frame."""
        assert self.socket is not None
        await self.socket.send(json.dumps({"type": kind, **facts}, default=str))

    async def write(self, body: str, *, client_id: str | None = None, **facts: Any) -> str:
        """Send a message; its client id."""
        client_id = client_id or f"{id(self)}-{next(self._names)}"
        await self.say("message.send", client_id=client_id, body=body, **facts)
        return client_id

    async def acked(self, client_id: str) -> dict[str, Any]:
        """The answer to a message: its ack, or an error."""

        def found() -> dict[str, Any] | None:
            return next(
                (
                    one
                    for one in self.frames
                    if one["type"] in ("ack", "error") and one.get("client_id") == client_id
                ),
                None,
            )

        return await self.until(found)

    async def frame(self, kind: str, **facts: Any) -> dict[str, Any]:
        """The first frame of a kind that says this."""

        def found() -> dict[str, Any] | None:
            return next(
                (
                    one
                    for one in self.frames
                    if one["type"] == kind
                    and all(one.get(name) == value for name, value in facts.items())
                ),
                None,
            )

        return await self.until(found)

    async def has(self, *bodies: str) -> None:
        """Until the transcript on this screen is this one."""
        try:
            await self.until(lambda: self.bodies == list(bodies))
        except TimeoutError:
            assert self.bodies == list(bodies), self.code

    async def until(self, condition: Any) -> Any:
        """Wait for what this screen gets to make something true; what it then is."""
        async with asyncio.timeout(TIMEOUT), self.news:
            while not (found := condition()):
                await self.news.wait()
            return found

    async def closed(self) -> int:
        """The code with which the server closed."""
        return int(await self.until(lambda: self.code))

    async def leave(self) -> None:
        """Close the socket, if it is open."""
        if self.socket is not None:
            await self.socket.close()
        if self._reader is not None:
            await self._reader
            self._reader = None
        assert self.undocumented == []

    def cut(self) -> None:
        """Lose the connection without a word."""
        if self.socket is not None:
            self.socket.transport.abort()

    def judge(self) -> None:
        """Without a gap, a double or disorder: what was sent, beginning with 1."""
        assert self.seqs == list(range(1, len(self.log) + 1))

    async def _read(self, socket: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            async for text in socket:
                if socket is self.socket:
                    await self._take(json.loads(text))
        async with self.news:
            if socket is self.socket:
                self.code = socket.close_code or 1006
            self.news.notify_all()

    async def _take(self, frame: dict[str, Any]) -> None:
        try:
            asyncapi.check("deskTells" if self.conversation is None else "chatTells", frame)
        except AssertionError as fault:
            self.undocumented.append(str(fault))
        async with self.news:
            mine = self.conversation in (None, frame.get("conversation"))
            if frame["type"] == "message" and mine:
                self.log.append(frame)
            if frame["type"] == "welcome":
                self.welcomes.append(frame)
                self.epoch = frame["epoch"] if mine else self.epoch
            self.frames.append(frame)
            self.news.notify_all()


__all__ = ["TIMEOUT", "Screen"]
