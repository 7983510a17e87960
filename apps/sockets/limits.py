"""How often somebody may do something: counters that all processes share.

Counted in Redis; in this process's memory while Redis does not answer, so that an outage opens no door.
"""

import threading
import time
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

import redis

from apps.sockets import redis_client

REMEMBERED: Final = 10_000  # names in this process's memory


@dataclass(slots=True)
class _Memory:
    """Counters of this process: name → (count, when it ends)."""

    counts: dict[str, tuple[int, float]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, name: str, seconds: int) -> tuple[int, int]:
        now = time.monotonic()
        with self.lock:
            count, until = self.counts.get(name, (0, 0.0))
            if until <= now:
                count, until = 0, now + seconds
            if len(self.counts) >= REMEMBERED:
                self.counts = {key: one for key, one in self.counts.items() if one[1] > now}
            self.counts[name] = (count + 1, until)
        return count + 1, int(until - now) + 1

    def forget(self, name: str) -> None:
        with self.lock:
            self.counts.pop(name, None)


_memory = _Memory()


@dataclass(frozen=True)
class Limit:
    """So many times in so many seconds, for everybody on their own."""

    name: str
    most: int
    seconds: int

    def count(self, *who: str) -> int:
        """Count one before it is done; seconds to wait, 0 if it may be done.

        Counted beforehand, so that a hundred at once get no further than the limit.
        """
        name = self._key(who)
        try:
            with redis_client.client().pipeline() as pipe:
                pipe.incr(name)
                pipe.expire(name, self.seconds, nx=True)
                pipe.ttl(name)
                count, _, left = pipe.execute()
        except redis.RedisError:
            count, left = _memory.add(name, self.seconds)
        return max(int(left), 1) if count > self.most else 0

    def forget(self, *who: str) -> None:
        """Begin to count anew."""
        name = self._key(who)
        _memory.forget(name)
        try:
            redis_client.client().delete(name)
        except redis.RedisError:
            return  # the counter ends by itself

    def _key(self, who: tuple[str, ...]) -> str:
        # A digest: people type passwords into fields for names, and addresses are theirs, too.
        digest = sha256("\n".join(who).encode(errors="surrogatepass")).hexdigest()
        return redis_client.key("limit", self.name, digest)


def forget_all() -> None:
    """Forget what this process has counted: between tests."""
    _memory.counts.clear()
