"""The board's socket: `/ws/board/?ticket=…`.

Server: `welcome`, then a `board` a second; `pong`; `error`. Client: `hello` (nothing has to be
said), `ping`, `watch {"what": "settlements"}`: then no boards come any more, but `settlements` whenever
some have moved; `watch {"what": "board"}` goes back. Close codes: `sockets.frames`.
"""

import asyncio
import contextlib
from typing import Any, ClassVar, Final

from apps.core.ids import uuid7
from apps.sockets.broadcasts import group
from apps.sockets.consumers import SocketConsumer
from apps.sockets.frames import encode, error_frame
from apps.sockets.hub import hub
from apps.sockets.tickets import BOARD, Claim
from apps.tenants.models import Tenant
from apps.tenants.selectors import find_tenant
from apps.web.feeds import PERIOD, feed_of

EPOCH: Final = str(uuid7())
"""This process; frames are numbered anew in each."""
SETTLEMENTS: Final = "settlements"
WATCHED: Final = ("board", SETTLEMENTS)
"""What a socket may show."""


class BoardConsumer(SocketConsumer):
    """One watcher."""

    door: ClassVar[str] = BOARD
    waits_for_hello: ClassVar[bool] = False
    tenant: Tenant | None = None
    _pushing: asyncio.Task[None] | None = None

    def admit(self, claim: Claim) -> bool:
        """A member, of a tenant that is there."""
        self.tenant = find_tenant(claim.tenant_id) if super().admit(claim) else None
        return self.tenant is not None

    async def entered(self) -> None:
        """Welcome, and push from now on."""
        assert self.tenant is not None
        place = {"epoch": EPOCH, "last_seq": 0, "recovered": False}  # each board is the whole of it
        hello = {"type": "welcome", **place, "tenant": self.tenant.slug, "period": PERIOD}
        self.tell(encode(hello))
        self._start()

    async def said(self, kind: str, frame: dict[str, Any]) -> None:
        """`hello`, `watch`; anything else is answered with an error."""
        match kind:
            case "hello":
                return
            case "watch" if frame.get("what") in WATCHED:
                await self._watch(frame["what"])
            case "watch":
                self.tell(error_frame("unknown_watch", f"One of: {', '.join(WATCHED)}."))
            case _:
                self.tell(error_frame("unknown_type", "The board knows hello, watch and ping."))

    async def left(self) -> None:
        """Stop pushing, hear nothing."""
        self._stop()
        if self.tenant is not None:
            hub().leave(self._news, self)

    @property
    def _news(self) -> str:
        assert self.tenant is not None
        return group(self.tenant.pk, SETTLEMENTS)

    async def _watch(self, what: str) -> None:
        """From now on this. What has changed before `watching` came is to be asked for."""
        self._stop()
        if what == SETTLEMENTS:
            await hub().join(self._news, self)
        else:
            hub().leave(self._news, self)
            self._start()
        self.tell(encode({"type": "watching", "what": what}))

    def _start(self) -> None:
        assert self.tenant is not None
        self._pushing = asyncio.get_running_loop().create_task(self._push(self.tenant))

    def _stop(self) -> None:
        if self._pushing is not None:
            self._pushing.cancel()

    async def _push(self, tenant: Tenant) -> None:
        """Queue what the feed has; who is slow gets the newest."""
        async with contextlib.aclosing(feed_of(tenant).frames()) as frames:
            async for frame in frames:
                self.outbox.put_latest("board", frame)
