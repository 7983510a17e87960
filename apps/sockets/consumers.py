"""What every socket of ours does: ticket, origin, limits, heartbeat, a bounded outbox, close codes.

A door is a subclass: it says whom it admits, how it welcomes, and what it does with a frame.
Nothing here waits for a thread while frames are pushed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, ClassVar, Final
from urllib.parse import parse_qs

import structlog
from channels.generic.websocket import AsyncWebsocketConsumer
from django.db import InterfaceError, OperationalError

from apps.core.exceptions import DomainError
from apps.sockets import origins, tickets, warden
from apps.sockets.exceptions import TicketsUnavailable
from apps.sockets.frames import (
    BAD_FRAME,
    DEFECT,
    LATER,
    NOT_SIGNED_IN,
    NOT_YOURS,
    TOO_MANY,
    TOO_SLOW,
    Farewell,
    Position,
    error_frame,
    parse,
)
from apps.sockets.outbox import Outbox
from apps.sockets.threads import in_thread
from apps.tenants.selectors import is_still_in

log = structlog.get_logger(__name__)

CLOSE_SECONDS: Final = 1.0
"""How long a client may take to take its close; then we hang up."""
Message = Mapping[str, Any]


class SocketConsumer(AsyncWebsocketConsumer):  # type: ignore[misc] # channels ships no types
    """One connected screen."""

    door: ClassVar[str]
    frame_max: ClassVar[int] = 4_096  # characters from a client
    burst: ClassVar[int] = 30  # frames from a client at once …
    per_second: ClassVar[float] = 3.0  # … and steadily
    waits_for_hello: ClassVar[bool] = True
    groups: tuple[str, ...] = ()

    claim: tickets.Claim
    outbox: Outbox
    check_at = 0.0
    hello_by: float | None = None
    _allowance = 0.0
    _allowed_at = 0.0
    _ending: asyncio.Task[None] | None = None

    async def __call__(
        self,
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Serve one connection: one frame after the other, in this task."""
        self.scope, self.base_send = scope, send
        self.outbox = Outbox(self.send)
        self._allowance = float(self.burst)
        try:
            while (message := await receive())["type"] != "websocket.disconnect":
                await self.dispatch(message)
        finally:
            self.outbox.close()
            warden.warden().release(self)
            await self.left()

    async def dispatch(self, message: Message) -> None:
        """Call the method for a message, without Channels' hop through one thread for each."""
        try:
            match message["type"]:
                case "websocket.connect":
                    await self.connect()
                case "websocket.receive" if self._ending is None:
                    await self.receive(message.get("text"))
        except Farewell as end:
            self.dismiss(end.code, str(end))
        except Exception:
            # A defect of ours costs this client its connection, with a code that says whose fault.
            log.exception("socket failed", door=self.door)
            self.dismiss(DEFECT, "something went wrong on our side")

    async def connect(self) -> None:
        """Look at ticket, origin and limits. Accepted first: a browser sees a close code only then."""
        await self.accept()
        secret = parse_qs(self.scope["query_string"].decode("latin-1")).get("ticket", [""])[0]
        if not 0 < len(secret) <= tickets.LONGEST:  # not worth a thread
            raise Farewell(NOT_SIGNED_IN, "the ticket is not valid")
        try:
            claim = await in_thread(partial(self._redeem, secret))
        except (TicketsUnavailable, OperationalError, InterfaceError):
            raise Farewell(LATER, "come back later") from None
        if claim is None:
            raise Farewell(NOT_SIGNED_IN, "the ticket is not valid")
        if not origins.may_enter(self.scope["headers"], only=claim.origin):
            raise Farewell(NOT_YOURS, "this page may not watch")
        self.claim = claim
        await warden.warden().admit(self)
        if self.waits_for_hello:
            self.hello_by = self.clock() + warden.HELLO_SECONDS
        await self.entered()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Look at a frame's manners, answer `ping`, hand on the rest."""
        if self._is_flooding():
            raise Farewell(TOO_MANY, "too many frames")
        frame = parse(text_data, longest=self.frame_max)
        if frame["type"] == "ping":
            self.tell('{"type":"pong"}')
            return
        if self.hello_by is not None:
            if frame["type"] != "hello":
                raise Farewell(BAD_FRAME, "the first frame is a hello")
            self.hello_by = None
        try:
            await self.said(frame["type"], frame)
        except DomainError as refusal:
            self.tell(error_frame(refusal.code, str(refusal), **self.about(frame)))
        except (OperationalError, InterfaceError):
            self.tell(error_frame("unavailable", "Come back later.", **self.about(frame)))

    def admit(self, claim: tickets.Claim) -> bool:
        """Whether the ticket's owner may (still) enter; in a thread, the database may be asked."""
        return is_still_in(claim.tenant_id, claim.client)

    async def entered(self) -> None:
        """The ticket was good."""

    async def said(self, kind: str, frame: dict[str, Any]) -> None:
        """The client said something. A `DomainError` becomes an `error` frame."""
        self.tell(error_frame("unknown_type", f"This socket does not know {kind[:40]}."))

    async def left(self) -> None:
        """The connection is over; called once, whatever happened before."""

    def about(self, frame: dict[str, Any]) -> dict[str, object]:
        """What an error frame repeats of the frame that was refused."""
        return {}

    def hear(self, group: str, position: Position | None, frame: str) -> None:
        """Something for one of our groups: as it comes (we are a hub's listener)."""
        self.tell(frame)

    def resync(self) -> None:
        """Something may have been missed (we are a hub's listener)."""
        self.tell('{"type":"resync"}')

    def tell(self, frame: str) -> None:
        """Send a frame when its turn comes; one whose outbox is full is let go."""
        if not self.outbox.put(frame):
            self.dismiss(TOO_SLOW, "too slow")

    def dismiss(self, code: int, reason: str) -> None:
        """Close with a code: what waits is dropped, and who does not take the close is cut off."""
        if self._ending is None:
            log.info("socket closed", door=self.door, code=code, reason=reason)
            self.outbox.close()
            self._ending = asyncio.get_running_loop().create_task(self._end(code, reason))

    @property
    def stuck_since(self) -> float | None:
        """Since when the client has not taken a frame."""
        return self.outbox.sending_since

    def clock(self) -> float:
        """Seconds, for measuring how long something takes."""
        return asyncio.get_running_loop().time()

    def _redeem(self, secret: str) -> tickets.Claim | None:
        claim = tickets.redeem(secret, door=self.door)
        return claim if claim is not None and self.admit(claim) else None

    def _is_flooding(self) -> bool:
        now = self.clock()
        earned = (now - self._allowed_at) * self.per_second
        self._allowance = min(float(self.burst), self._allowance + earned) - 1
        self._allowed_at = now
        return self._allowance < 0

    async def _end(self, code: int, reason: str) -> None:
        with suppress(OSError, RuntimeError):  # it went away meanwhile
            try:
                await asyncio.wait_for(self.close(code, reason), CLOSE_SECONDS)
            except TimeoutError:
                self._hang_up()

    def _hang_up(self) -> None:
        # ASGI has no word for it: an ordinary close waits until the client has read everything,
        # and this one does not read. uvicorn's `send` is a method of what holds the transport.
        transport = getattr(getattr(self.base_send, "__self__", None), "transport", None)
        if transport is not None:
            transport.abort()
