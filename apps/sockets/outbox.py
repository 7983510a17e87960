"""What waits to be sent on one socket: bounded, written by one task that lives only meanwhile."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

FRAMES_MAX: Final = 512
CHARACTERS_MAX: Final = 131_072
"""What a socket that does not read may hold in memory, besides its transport's 64 kB."""
BUSY: Final = 0.5
"""Filled above this share, it takes no more of what can be read from a store later."""


class Outbox:
    """A queue and its sender. `put` never waits; a reader that is too slow overflows it."""

    __slots__ = (
        "_frames", "_latest", "_send", "_sender", "_size", "_when_empty", "is_closed", "sending_since",
    )  # fmt: skip

    def __init__(self, send: Callable[[str], Awaitable[None]]) -> None:
        """Frames go to `send`, one after the other."""
        self._send = send
        self._frames: deque[str | tuple[str]] = deque()
        self._latest: dict[str, str] = {}
        self._size = 0
        self._when_empty: list[Callable[[], None]] = []
        self._sender: asyncio.Task[None] | None = None
        self.sending_since: float | None = None
        """Since when (loop's clock) the transport has not taken the frame it was offered."""
        self.is_closed = False

    def put(self, frame: str) -> bool:
        """Queue a frame; whether there was room for it."""
        if self.is_closed:
            return True  # nobody will miss it
        is_full = len(self._frames) >= FRAMES_MAX or self._size + len(frame) > CHARACTERS_MAX
        if is_full and self._frames:  # a frame that is large, but alone, passes
            return False
        self._frames.append(frame)
        self._size += len(frame)
        self._start()
        return True

    @property
    def is_busy(self) -> bool:
        """Whether the client should first take what waits for it."""
        return len(self._frames) > FRAMES_MAX * BUSY or self._size > CHARACTERS_MAX * BUSY

    def when_empty(self, call: Callable[[], None]) -> None:
        """Call once, when everything that waits now is with the transport."""
        if call not in self._when_empty and not self.is_closed:
            self._when_empty.append(call)

    def put_latest(self, kind: str, frame: str) -> None:
        """Queue a frame in the place of one of its kind that still waits: only the newest counts."""
        if self.is_closed:
            return
        if kind not in self._latest:
            self._frames.append((kind,))
            self._start()
        self._latest[kind] = frame

    def close(self) -> None:
        """Let go of everything that waits, and take nothing more."""
        self.is_closed = True
        self._frames.clear()
        self._latest.clear()
        self._when_empty.clear()
        if self._sender is not None:
            self._sender.cancel()

    def _start(self) -> None:
        if self._sender is None:
            self._sender = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        try:
            # OSError and its kin: the client went away; the socket hears of it by itself.
            with suppress(OSError, RuntimeError):
                while self._frames:
                    frame = self._next()
                    self.sending_since = clock()
                    await self._send(frame)
        finally:
            self.sending_since = None
            self._sender = None
        calls, self._when_empty = self._when_empty, []
        for call in calls:
            call()

    def _next(self) -> str:
        first = self._frames.popleft()
        if isinstance(first, tuple):
            return self._latest.pop(first[0])
        self._size -= len(first)
        return first
