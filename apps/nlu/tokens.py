"""Access tokens: fetched once for all who wait, renewed early, served while they are valid.

A fetch that failed fails those who needed it, and nobody after them: the next caller tries again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

EARLY_SECONDS = 10.0
"""A token that ends within this time is not used any more."""
RENEW_AT = 0.8
"""The part of a token's life after which a new one is fetched, beside the calls that go on."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token and its life, in seconds of the process's monotonic clock."""

    value: str
    fetched_at: float
    lives: float

    def is_valid(self, now: float) -> bool:
        """Whether it may still be sent."""
        return now < self.fetched_at + self.lives - EARLY_SECONDS

    def is_old(self, now: float) -> bool:
        """Whether a new one should be fetched."""
        return now >= self.fetched_at + self.lives * RENEW_AT


Fetch = Callable[[], Awaitable[tuple[str, float]]]
"""Asks for a token: its value, and how many seconds it lives."""


class TokenManager:
    """The token of one set of credentials."""

    def __init__(self, fetch: Fetch) -> None:
        """`fetch` is called by one task at a time."""
        self._fetch = fetch
        self._token: Token | None = None
        self._fetching: asyncio.Task[Token] | None = None

    async def value(self) -> str:
        """A valid token. Raises what the fetch raises, where there is none that is valid."""
        now = time.monotonic()
        token = self._token
        if token is not None and token.is_valid(now):
            if token.is_old(now):
                self._start()
            return token.value
        # Shielded: whoever is cancelled must not take the others' token away.
        return (await asyncio.shield(self._start())).value

    def revoke(self, value: str) -> None:
        """Forget a token that was refused."""
        if self._token is not None and self._token.value == value:
            self._token = None

    def _start(self) -> asyncio.Task[Token]:
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.create_task(self._renew())
            self._fetching.add_done_callback(_seen)
        return self._fetching

    async def _renew(self) -> Token:
        value, lives = await self._fetch()
        self._token = Token(value, time.monotonic(), lives)
        return self._token


def _seen(task: "asyncio.Task[Token]") -> None:
    """A failure that nobody waits for any more has been seen: the token it was for is still valid."""
    if not task.cancelled():
        task.exception()
