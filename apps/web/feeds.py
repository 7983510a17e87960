"""The board's live feed: one producer a tenant and process, which runs only while somebody watches.

All of this runs on the event loop, but for the making of a snapshot, which runs in a thread.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import structlog
from django.db import InterfaceError, OperationalError

from apps.sockets.frames import error_frame
from apps.sockets.threads import in_thread
from apps.tenants.models import Tenant
from apps.web.snapshots import snapshot

log = structlog.get_logger(__name__)

PERIOD: Final = 1.0
"""Seconds between snapshots."""


@dataclass(slots=True)
class Feed:
    """The frames of one tenant. A watcher that is slow misses some and gets the newest."""

    tenant: Tenant
    version: int = 0
    frame: str = ""
    watchers: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _producer: asyncio.Task[None] | None = None

    async def frames(self) -> AsyncGenerator[str, None]:
        """Frames from now on: always the newest, never the same twice, nothing kept in between."""
        seen = self.version
        with self._watching():
            while True:
                if self.version == seen:
                    await self._news.wait()
                    continue
                seen = self.version
                yield self.frame

    @contextlib.contextmanager
    def _watching(self) -> Iterator[None]:
        self.watchers += 1
        if self._producer is None:
            self._producer = asyncio.get_running_loop().create_task(self._produce())
        try:
            yield
        finally:
            self.watchers -= 1
            if not self.watchers and self._producer is not None:
                self._producer.cancel()
                self._producer = None

    async def _produce(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            started = clock()
            self._publish(await self._next())
            await asyncio.sleep(max(PERIOD - (clock() - started), PERIOD / 10))

    async def _next(self) -> str:
        try:
            text = await in_thread(partial(snapshot, self.tenant))
        except (OperationalError, InterfaceError) as error:
            log.warning("no snapshot", error=type(error).__name__)
            return error_frame("unavailable", "The database is not answering.")
        except Exception:
            # One broken snapshot must not end the feed: the next may well be good.
            log.exception("no snapshot")
            return error_frame("internal_error", "Something went wrong on our side.")
        return f'{{"type":"board","seq":{self.version + 1},"board":{text.decode()}}}'

    def _publish(self, frame: str) -> None:
        self.frame = frame
        self.version += 1
        # Whoever waits holds the old event; whoever comes next finds a new one.
        self._news.set()
        self._news = asyncio.Event()


_feeds: dict[int, Feed] = {}


def feed_of(tenant: Tenant) -> Feed:
    """The feed of a tenant in this process."""
    return _feeds.setdefault(tenant.pk, Feed(tenant))
