"""Ask the account system what changed. The deadline is one of the whole call, to the last byte."""

import asyncio
import time
from dataclasses import dataclass
from typing import Final

import httpx
import msgspec

from apps.core.ids import uuid7
from apps.trading.account_system import wire
from apps.trading.account_system.wire import Page
from apps.webhooks import signing

CALL_SECONDS: Final = 5.0
ANSWER_MAX: Final = 4 * 1024 * 1024  # bytes


class NoAnswer(Exception):
    """There is none, or none that makes sense."""


@dataclass(frozen=True, slots=True)
class AccountSystem:
    """A tenant's connection."""

    url: str
    secret: str
    tenant: int
    seconds: float = CALL_SECONDS

    def changes(self, since: int) -> Page:
        """Accounts that changed after a cursor. Raises `NoAnswer`."""
        path = f"{wire.CHANGES}?since={since}"
        try:
            content = asyncio.run(asyncio.wait_for(self._get(path), self.seconds))
            page = msgspec.json.decode(content, type=Page)
        except (TimeoutError, httpx.HTTPError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise NoAnswer(f"{type(error).__name__}: {error}"[:500]) from error
        if faults := list(wire.faults(page.accounts)):
            raise NoAnswer(f"{len(faults)} faults, first: {faults[0]}")
        if page.more and page.cursor <= since:
            raise NoAnswer("it says that there is more, and does not go on")
        return page

    async def _get(self, path: str) -> bytes:
        uid, now = str(uuid7()), int(time.time())
        headers = signing.headers([self.secret], uid, now, path.encode())
        headers |= {wire.TENANT: str(self.tenant)}
        content = bytearray()
        async with (
            httpx.AsyncClient(timeout=self.seconds) as client,
            client.stream("GET", self.url.rstrip("/") + path, headers=headers) as answer,
        ):
            answer.raise_for_status()
            async for part in answer.aiter_bytes():
                content += part
                if len(content) > ANSWER_MAX:
                    raise NoAnswer(f"an answer of more than {ANSWER_MAX:,} bytes")
        return bytes(content)
