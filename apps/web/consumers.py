"""The board's socket: `/ws/board/?ticket=…`.

Server: `welcome`, then a `board` a second; `pong`; `error`. Client: `hello` (nothing has to be
said), `ping`. Closes with 4400 bad frame, 4401 not signed in (any more), 4403 not yours, 4408 too
slow, 4429 too many frames, 1013 come back later.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Coroutine, Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import structlog
from channels.consumer import get_handler_name
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http.request import split_domain_port, validate_host
from django.utils.http import is_same_domain

from apps.core.ids import uuid7
from apps.core.problems import dumps
from apps.tenants.models import Tenant
from apps.tenants.selectors import find_tenant, is_still_in
from apps.web import tickets
from apps.web.exceptions import TicketsUnavailable
from apps.web.feeds import PERIOD, error_frame, feed_of, in_thread

log = structlog.get_logger(__name__)

BAD_FRAME, NOT_SIGNED_IN, NOT_YOURS, TOO_SLOW, TOO_MANY = 4400, 4401, 4403, 4408, 4429
LATER: Final = 1013
FRAME_MAX: Final = 4_096  # characters from a client
FRAMES_MAX: Final = 30
FRAMES_SECONDS: Final = 10.0
SEND_SECONDS: Final = 10.0
"""A client that takes nothing for this long is let go."""
CHECK_SECONDS: Final = 60.0
"""How often a socket's owner is looked up again: a revoked key, a member who left."""
EPOCH: Final = str(uuid7())
"""This process; frames are numbered anew in each."""


class Farewell(Exception):
    """The connection is closed, with a code and a word of explanation."""

    def __init__(self, code: int, reason: str) -> None:
        """Code and reason as the client sees them."""
        super().__init__(reason)
        self.code = code


class BoardConsumer(AsyncWebsocketConsumer):  # type: ignore[misc] # channels ships no types
    """One watcher."""

    groups: tuple[str, ...] = ()
    claim: tickets.Claim
    _pushing: asyncio.Task[None] | None = None
    _frames = 0
    _window = 0.0
    _closed = False

    async def dispatch(self, message: Mapping[str, Any]) -> None:
        """Call the method for a message, without Channels' hop through one thread for each."""
        if self._closed and message["type"] == "websocket.receive":
            return  # sent before the client heard of its end
        try:
            await getattr(self, get_handler_name(message))(message)
        except Farewell as end:
            self._closed = True
            await self.close(end.code, str(end))

    async def connect(self) -> None:
        """Look at origin and ticket. Accepted first: a browser sees a close code only then."""
        await self.accept()
        if not origin_is_ours(self.scope["headers"]):
            raise Farewell(NOT_YOURS, "this page may not watch")
        try:
            tenant = await in_thread(partial(self._admit, self.scope["query_string"].decode()))
        except (TicketsUnavailable, OperationalError, InterfaceError):
            raise Farewell(LATER, "come back later") from None
        if tenant is None:
            raise Farewell(NOT_SIGNED_IN, "the ticket is not valid")
        hello = {"type": "welcome", "epoch": EPOCH, "tenant": tenant.slug, "period": PERIOD}
        await self.send(dumps(hello).decode())
        self._pushing = asyncio.get_running_loop().create_task(self._push(tenant))

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """`hello` and `ping`; anything else is answered with an error."""
        if self._is_flooding():
            raise Farewell(TOO_MANY, "too many frames")
        kind = _type_of(text_data)
        if kind is None:
            raise Farewell(BAD_FRAME, "a frame is a JSON object with a type")
        if kind == "ping":
            await self.send('{"type":"pong"}')
        elif kind != "hello":
            await self.send(error_frame("unknown_type", "The board knows hello and ping."))

    async def websocket_disconnect(self, message: Mapping[str, Any]) -> None:
        """Stop pushing; no group to leave and no database connection to close here."""
        if self._pushing is not None:
            self._pushing.cancel()
        raise StopConsumer

    def _admit(self, query: str) -> Tenant | None:
        secret = parse_qs(query).get("ticket", [""])[0]
        claim = tickets.redeem(secret, door=tickets.BOARD)
        if claim is None or not is_still_in(claim.tenant_id, claim.client):
            return None
        self.claim = claim
        return find_tenant(claim.tenant_id)

    async def _push(self, tenant: Tenant) -> None:
        """Send what the feed has, until the client, its owner's rights or our patience end."""
        with contextlib.suppress(OSError, RuntimeError):  # the client went away meanwhile
            try:
                async with contextlib.aclosing(feed_of(tenant).frames()) as frames:
                    await self._send_all(frames)
            except Farewell as end:
                log.info("socket closed", tenant=tenant.slug, code=end.code)
                await _in_time(self.close(end.code, str(end)))

    async def _send_all(self, frames: AsyncIterator[str]) -> None:
        clock = asyncio.get_running_loop().time
        check_at = clock() + CHECK_SECONDS
        async for frame in frames:
            if clock() >= check_at:
                check_at = clock() + CHECK_SECONDS
                if not await self._is_welcome():
                    raise Farewell(NOT_SIGNED_IN, "not a member any more")
            if not await _in_time(self.send(frame)):
                raise Farewell(TOO_SLOW, "too slow")

    async def _is_welcome(self) -> bool:
        claim = self.claim
        try:
            return await in_thread(partial(is_still_in, claim.tenant_id, claim.client))
        except (OperationalError, InterfaceError):
            return True  # asked again in a minute; nothing can be seen without the database anyway

    def _is_flooding(self) -> bool:
        now = asyncio.get_running_loop().time()
        if now - self._window > FRAMES_SECONDS:
            self._window, self._frames = now, 0
        self._frames += 1
        return self._frames > FRAMES_MAX


def origin_is_ours(headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether a page of ours (or a program, which sends no origin) opens the socket."""
    origin = next((value.decode("latin-1") for name, value in headers if name == b"origin"), None)
    if origin is None:
        return True
    parts = urlsplit(origin)
    if validate_host(split_domain_port(parts.netloc)[0], settings.ALLOWED_HOSTS):
        return True
    return any(
        parts.scheme == trusted.scheme and is_same_domain(parts.netloc, trusted.netloc.lstrip("*"))
        for trusted in map(urlsplit, settings.CSRF_TRUSTED_ORIGINS)
    )


async def _in_time(sending: Coroutine[Any, Any, None]) -> bool:
    try:
        await asyncio.wait_for(sending, SEND_SECONDS)
    except TimeoutError:
        return False
    return True


def _type_of(text: str | None) -> str | None:
    if text is None or len(text) > FRAME_MAX:
        return None
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError):
        return None
    kind = frame.get("type") if isinstance(frame, dict) else None
    return kind if isinstance(kind, str) else None
