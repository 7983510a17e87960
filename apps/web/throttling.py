"""Failed sign-ins, counted per address and name; ten in five minutes, then a pause.

Counted in Redis, so that all processes count together; in this process's memory while Redis does
not answer, so that an outage opens no door to guessing.
"""

import threading
import time
from dataclasses import dataclass, field
from hashlib import sha256

import redis

from apps.sockets import redis_client

FAILURES_MAX = 10
WINDOW_SECONDS = 300
REMEMBERED = 10_000  # names in this process's memory


@dataclass(slots=True)
class _Local:
    """Counters of this process: name → (count, when it ends)."""

    counts: dict[str, tuple[int, float]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, name: str) -> tuple[int, int]:
        now = time.monotonic()
        with self.lock:
            count, until = self.counts.get(name, (0, 0.0))
            if until <= now:
                count, until = 0, now + WINDOW_SECONDS
            if len(self.counts) >= REMEMBERED:
                self.counts = {key: one for key, one in self.counts.items() if one[1] > now}
            self.counts[name] = (count + 1, until)
        return count + 1, int(until - now) + 1

    def forget(self, name: str) -> None:
        with self.lock:
            self.counts.pop(name, None)


_local = _Local()


def attempt(address: str, username: str) -> int:
    """Count an attempt before it is made; seconds to wait, 0 if it may be made.

    Counted beforehand, so that a hundred attempts at once get no further than ten.
    """
    name = _name(address, username)
    try:
        with redis_client.client().pipeline() as pipe:
            pipe.incr(name)
            pipe.expire(name, WINDOW_SECONDS, nx=True)
            pipe.ttl(name)
            count, _, left = pipe.execute()
    except redis.RedisError:
        count, left = _local.add(name)
    return max(int(left), 1) if count > FAILURES_MAX else 0


def succeeded(address: str, username: str) -> None:
    """Forget the failures: this person knows the password."""
    name = _name(address, username)
    _local.forget(name)
    try:
        redis_client.client().delete(name)
    except redis.RedisError:
        return  # the counter ends by itself


def _name(address: str, username: str) -> str:
    # A digest, since people type passwords into the field for the name.
    who = sha256(f"{address}\n{username.strip().casefold()}".encode()).hexdigest()
    return redis_client.key("sign-in", who)
