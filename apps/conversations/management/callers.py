"""The outside of a simulation: calls over HTTP, and screens on sockets that keep what they are sent."""

import asyncio
import http.client
import json
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

PATIENCE: Final = 30.0  # seconds; beyond that something is broken, and is told
GONE: Final = (WebSocketException, OSError, TimeoutError)
Frame = dict[str, Any]


class CallFailed(Exception):
    """A call over HTTP was refused."""


@dataclass(slots=True)
class Api:
    """A client of the public API."""

    url: str
    key: str

    async def post(self, path: str, body: object = None) -> Any:
        """The answer's body. Raises `CallFailed`, `OSError`."""
        return await asyncio.to_thread(self._call, "POST", path, body)

    async def get(self, path: str) -> Any:
        """The answer's body. Raises `CallFailed`, `OSError`."""
        return await asyncio.to_thread(self._call, "GET", path, None)

    def _call(self, method: str, path: str, body: object) -> Any:
        place = urlsplit(self.url)
        door = (
            http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
        )
        connection = door(place.netloc, timeout=PATIENCE)
        try:
            headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
            connection.request(method, f"/api/v1{path}", json.dumps(body or {}), headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status >= http.client.BAD_REQUEST:
            raise CallFailed(f"{method} {path}: {answer.status} {text.decode()[:300]}")
        return json.loads(text)


@dataclass(slots=True)
class Screen:
    """A screen that stays: when it loses its connection it comes back to where it was."""

    ask_ticket: Callable[[], Any]
    """Asks the API for a ticket: a coroutine, called for each connection."""
    hear: Callable[["Screen", Frame], None]
    """Told of every frame."""
    places: dict[str, Frame] = field(default_factory=dict)
    """Conversations shown here, with the (epoch, last_seq) from which each goes on."""
    is_desk: bool = False
    reconnects: int = 0
    _socket: ClientConnection | None = None
    _task: asyncio.Task[None] | None = None
    _ready: asyncio.Event = field(default_factory=asyncio.Event)

    def start(self) -> None:
        """Connect, and stay connected until `stop`."""
        self._task = asyncio.get_running_loop().create_task(self._stay())

    async def stop(self) -> None:
        """Go away."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._socket is not None:
            await self._socket.close()

    async def show(self, conversation: str) -> None:
        """Show a conversation from its beginning."""
        self.places[conversation] = {"last_seq": 0}
        if self.is_desk and self._ready.is_set():
            await self.say("subscribe", conversation=conversation, last_seq=0)

    async def hide(self, conversation: str) -> None:
        """Show it no more."""
        self.places.pop(conversation, None)
        if self.is_desk:
            await self.say("unsubscribe", conversation=conversation)

    async def say(self, kind: str, **facts: object) -> None:
        """Send a frame as soon as there is a connection; one that is lost on the way is lost."""
        await asyncio.wait_for(self._ready.wait(), PATIENCE)
        with suppress(*GONE):
            if self._socket is not None:
                await self._socket.send(json.dumps({"type": kind, **facts}))

    async def _stay(self) -> None:
        wait = 0.1
        while True:
            try:
                ticket = await self.ask_ticket()
                async with connect(ticket["url"], compression=None, open_timeout=10) as socket:
                    await self._live(socket)
                    wait = 0.1
            except (*GONE, CallFailed):
                wait = min(wait * 2, 5.0)
            self._ready.clear()
            self.reconnects += 1
            await asyncio.sleep(random.uniform(wait / 2, wait))  # noqa: S311 - a jitter

    async def _live(self, socket: ClientConnection) -> None:
        hello = {} if self.is_desk else next(iter(self.places.values()), {})
        await socket.send(json.dumps({"type": "hello", **hello}))
        if self.is_desk:
            for conversation, place in self.places.items():
                subscribe = {"type": "subscribe", "conversation": conversation, **place}
                await socket.send(json.dumps(subscribe))
        self._socket = socket
        self._ready.set()
        async for text in socket:
            self._take(json.loads(text))

    def _take(self, frame: Frame) -> None:
        place = self.places.get(frame.get("conversation", ""))
        if place is not None and frame["type"] == "message":
            place |= {"epoch": frame["epoch"], "last_seq": frame["seq"]}
        self.hear(self, frame)
