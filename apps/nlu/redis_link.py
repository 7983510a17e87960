"""Redis for the facade: an asyncio client that waits for nobody. Everything in it can be lost."""

import asyncio
import time
from typing import Any, Final

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

TIMEOUT: Final = 0.05  # seconds that one call may take: an answer must not wait for a cache
BREAK_SECONDS: Final = 2.0  # how long Redis is left alone after a failure
CONNECTIONS: Final = 32
"""Calls at the same time; more of them take turns. Without that a crowd would look like a Redis that
fails: redis-py refuses what goes beyond its pool."""


class Link:
    """One client on one event loop. Its calls never raise: no answer is None."""

    def __init__(self, url: str, prefix: str) -> None:
        """Nothing is opened before the first call."""
        self._prefix = prefix
        self._away_until = float("-inf")
        self._turns = asyncio.Semaphore(CONNECTIONS)
        self._client = redis.Redis.from_url(
            url,
            socket_timeout=TIMEOUT,
            socket_connect_timeout=TIMEOUT,
            retry=Retry(NoBackoff(), 0),
            max_connections=CONNECTIONS,
        )

    async def get(self, key: str) -> bytes | None:
        """What is kept under a key."""
        found: bytes | None = await self._call("GET", self._key(key))
        return found

    async def put(self, key: str, value: bytes, *, seconds: float) -> None:
        """Keep something for a while."""
        await self._call("SET", self._key(key), value, "PX", int(seconds * 1_000))

    async def script(self, source: str, key: str, *values: float) -> Any:
        """What a Lua script of one key answers."""
        return await self._call("EVAL", source, 1, self._key(key), *values)

    async def close(self) -> None:
        """Let the connections go."""
        await self._client.aclose()

    def _key(self, key: str) -> str:
        return f"{self._prefix}:{key}"

    async def _call(self, *command: Any) -> Any:
        if self._is_away():
            return None
        async with self._turns:
            if self._is_away():  # found out by those who had their turn before
                return None
            try:
                return await self._client.execute_command(*command)  # type: ignore[no-untyped-call] # untyped in redis-py
            except (RedisError, OSError, TimeoutError):
                self._away_until = time.monotonic() + BREAK_SECONDS
                return None

    def _is_away(self) -> bool:
        return time.monotonic() < self._away_until
