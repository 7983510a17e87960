"""The board's socket: `/ws/board/?ticket=…`.

Server: `welcome`, then a `board` a second; `pong`; `error`. Client: `hello` (nothing has to be
said), `ping`. Close codes: `sockets.frames`.
"""

import asyncio
import contextlib
from typing import Any, ClassVar, Final

from apps.core.ids import uuid7
from apps.sockets.consumers import SocketConsumer
from apps.sockets.frames import encode, error_frame
from apps.sockets.tickets import BOARD, Claim
from apps.tenants.models import Tenant
from apps.tenants.selectors import find_tenant
from apps.web.feeds import PERIOD, feed_of

EPOCH: Final = str(uuid7())
"""This process; frames are numbered anew in each."""


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
        hello = {"type": "welcome", "epoch": EPOCH, "tenant": self.tenant.slug, "period": PERIOD}
        self.tell(encode(hello))
        self._pushing = asyncio.get_running_loop().create_task(self._push(self.tenant))

    async def said(self, kind: str, frame: dict[str, Any]) -> None:
        """`hello`; anything else is answered with an error."""
        if kind != "hello":
            self.tell(error_frame("unknown_type", "The board knows hello and ping."))

    async def left(self) -> None:
        """Stop pushing."""
        if self._pushing is not None:
            self._pushing.cancel()

    async def _push(self, tenant: Tenant) -> None:
        """Queue what the feed has; who is slow gets the newest."""
        async with contextlib.aclosing(feed_of(tenant).frames()) as frames:
            async for frame in frames:
                self.outbox.put_latest("board", frame)
