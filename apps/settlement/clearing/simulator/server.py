"""The simulator's doors: the clearing system's own, and one by which it is told how to behave.

GET  /control            settings, and how many instructions stand where
PUT  /control            other settings; what is left out goes back to its default
POST /control/outage     {"seconds": 60, "how": "refuse" | "hang"}: out of order for so long
GET  /control/calls      the newest calls: when, whose, what for, and whether we were out of order

The control door takes only JSON, which a page of another site cannot send unasked; it stands on the
loopback and is for development and tests.
"""

import asyncio
import contextlib
import os
import time
import traceback
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec

from apps.settlement.clearing import signing, wire
from apps.settlement.clearing.simulator.behaviour import Settings, course, dice_for, pick
from apps.settlement.clearing.simulator.book import Book
from apps.settlement.clearing.simulator.delivery import Delivery

BODY_MAX: Final = 8 * 1024 * 1024  # bytes
CODE: Final = "simulator"
CALLS_KEPT: Final = 5_000

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Reply = tuple[int, bytes]


class Outage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Out of order for a while."""

    seconds: Annotated[float, msgspec.Meta(gt=0, le=86_400)]
    how: Literal["refuse", "hang"] = "refuse"


class Call(msgspec.Struct, frozen=True):
    """A call, as it came to the door."""

    at: float
    participant: str
    """As it says itself: nobody has looked at the signature."""
    path: str
    count: int
    """Instructions in it."""
    refused: bool
    """We were out of order."""


class _Instructions(msgspec.Struct, frozen=True):
    """As much of a call as it takes to count what is in it."""

    instructions: list[msgspec.Raw]


class _Problem(Exception):
    """A request that is refused, with its status."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class Simulator:
    """The ASGI application."""

    def __init__(self, book: Book, secret: str, delivery: Delivery, settings: Settings) -> None:
        """Serve a book; `secret` is the one that participants' secrets are derived from."""
        self.settings = settings
        self.book = book
        self._secret = secret
        self._delivery = delivery
        self._outage: tuple[float, str] = (0.0, "none")
        self._calls = 0
        self._heard: deque[Call] = deque(maxlen=CALLS_KEPT)
        self._loop: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or live and die with the server."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._loop = asyncio.create_task(self._play())
                self._loop.add_done_callback(_die)
                await send({"type": "lifespan.startup.complete"})
            else:
                if self._loop is not None:
                    self._loop.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await self._loop
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _play(self) -> None:
        """Let happen what is due, and tell it."""
        while True:
            now = time.time()
            if self._out_of_order(now) == "none":
                played = self.book.play(now)
                told = await self._delivery.run(self.book, now)
                if played or told:
                    continue
            await self._delivery.rest(self.book, now)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await _body(receive)
            status, content = await self._answer(scope, body)
        except _Problem as problem:
            status, content = problem.status, msgspec.json.encode({"detail": str(problem)})
        except msgspec.MsgspecError as error:
            status, content = 400, msgspec.json.encode({"detail": str(error)})
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def _answer(self, scope: Scope, body: bytes) -> Reply:
        method, path = scope["method"], scope["path"]
        headers = {name.decode().lower(): text.decode() for name, text in scope["headers"]}
        if path.startswith("/control"):
            return self._control(method, path, headers, body)
        if path == "/healthz":
            return 200, b'{"status": "ok"}'
        now = time.time()
        how = self._out_of_order(now)
        participant = headers.get(signing.PARTICIPANT, "")
        self._heard.append(Call(now, participant, path, _count(path, body), how != "none"))
        if how == "hang":
            await asyncio.sleep(self.settings.hang)
        if how != "none":
            raise _Problem(503, "out of order")
        return await self._clear(method, path, headers, body)

    async def _clear(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        participant = self._participant(method, path, headers, body)
        self._calls += 1
        settings = self.settings
        dice = dice_for(settings.seed, "call", str(self._calls))
        await asyncio.sleep(settings.latency.drawn(dice))
        fate = pick(settings.calls, dice)
        if fate == "refuse":
            raise _Problem(503, "busy")
        if fate == "lose":
            await asyncio.sleep(settings.hang)
            raise _Problem(504, "lost")
        content, pause = self._do(participant, (method, path), body)
        if pause:
            self._delivery.wake()
            await asyncio.sleep(pause)
        if fate == "hang":
            await asyncio.sleep(settings.hang)
        if fate == "error":
            raise _Problem(500, "an error of ours")
        return 200, b"<html>" if fate == "garble" else content

    def _do(self, participant: int, what: tuple[str, str], body: bytes) -> tuple[bytes, float]:
        """The answer, and how long it is held back."""
        if what == ("GET", wire.HOLDINGS):
            return wire.encode(wire.Holdings(self.book.holdings(participant))), 0
        if what == ("POST", wire.INSTRUCTIONS):
            wanted = msgspec.json.decode(body, type=wire.Instructions).instructions
            return self._take(participant, wanted)
        if what == ("POST", wire.STATUS):
            ids = msgspec.json.decode(body, type=wire.Ids).ids
            results = [self.book.result(participant, uid) for uid in ids]
            return wire.encode(wire.Results(results)), 0
        if what == ("POST", wire.CANCELLATION):
            ids = msgspec.json.decode(body, type=wire.Ids).ids
            with self.book.writing():
                results = [self._cancelled(participant, uid) for uid in ids]
            return wire.encode(wire.Results(results)), 0
        raise _Problem(404, "there is nothing here")

    def _take(self, participant: int, wanted: list[wire.Wanted]) -> tuple[bytes, float]:
        now, pause, results = time.time(), 0.0, []
        with self.book.writing():
            for one in wanted:
                way, acts = course(self.settings, str(one.id), participant)
                if way == "early":
                    pause = self.settings.early_by
                results.append(self.book.accept(participant, one, way, acts, now))
        self._delivery.wake()
        return wire.encode(wire.Results(results)), pause

    def _cancelled(self, participant: int, uid: UUID) -> wire.Result:
        dice = dice_for(self.settings.seed, "withdrawal", str(uid))
        return self.book.cancel(participant, uid, granted=dice.random() < self.settings.withdrawals)

    def _participant(self, method: str, path: str, headers: dict[str, str], body: bytes) -> int:
        text = headers.get(signing.PARTICIPANT, "")
        if not (text.isascii() and text.isdigit() and len(text) <= 10):  # noqa: PLR2004 - an integer
            raise _Problem(401, "who are you?")
        secret = signing.participant_secret(self._secret, CODE, int(text))
        if not signing.is_genuine(secret, headers, time.time(), method, path, body):
            raise _Problem(401, "the signature is wrong, or of another time")
        return int(text)

    def _control(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        if method != "GET" and headers.get("content-type") != "application/json":
            raise _Problem(415, "application/json, please")
        if (method, path) == ("GET", "/control/calls"):
            return 200, msgspec.json.encode(list(self._heard))
        if (method, path) == ("PUT", "/control"):
            self.settings = msgspec.json.decode(body or b"{}", type=Settings)
        elif (method, path) == ("POST", "/control/outage"):
            asked = msgspec.json.decode(body, type=Outage)
            self._outage = (time.time() + asked.seconds, asked.how)
        elif (method, path) != ("GET", "/control"):
            raise _Problem(404, "there is nothing here")
        self._delivery.wake()
        told = {
            "settings": self.settings,
            "outage": self._out_of_order(time.time()),
            "calls": self._calls,
            "counts": self.book.counts(),
        }
        return 200, msgspec.json.encode(told)

    def _out_of_order(self, now: float) -> str:
        until, how = self._outage
        return how if now < until else self.settings.outage


def _count(path: str, body: bytes) -> int:
    """How many instructions a call has; none where it is about something else, or makes no sense."""
    if path != wire.INSTRUCTIONS:
        return 0
    try:
        return len(msgspec.json.decode(body, type=_Instructions).instructions)
    except msgspec.MsgspecError:
        return 0


def _die(loop: "asyncio.Task[None]") -> None:
    """A clearing system that tells nothing any more is none: whoever watches starts it again."""
    if not loop.cancelled() and (error := loop.exception()) is not None:
        traceback.print_exception(error)
        os._exit(1)


async def _body(receive: Receive) -> bytes:
    content = bytearray()
    while True:
        message = await receive()
        content += message.get("body", b"")
        if len(content) > BODY_MAX:
            raise _Problem(413, "too long")
        if message["type"] != "http.request" or not message.get("more_body"):
            return bytes(content)
