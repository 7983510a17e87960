"""Quotas of providers: a token bucket for each, shared by all processes through Redis.

Google counts by the minute and says nothing beforehand; a bucket that refills evenly never runs into
that wall. Without Redis each process keeps to its own share of the quota.
"""

import time
from dataclasses import dataclass
from typing import Any, Final

from apps.nlu.redis_link import Link

BURST: Final = 0.25
"""The part of a minute's quota that may be spent at once."""
ALONE: Final = 0.5
"""The part of the quota that a process allows itself while it cannot see the others."""

# One round trip: refill by Redis's own clock, take one if there is one.
TAKE: Final = """
local now = redis.call('TIME')
local at = now[1] + now[2] / 1000000
local rate, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = math.min(most, (tonumber(kept[1]) or most) + (at - (tonumber(kept[2]) or at)) * rate)
local taken = 0
if tokens >= 1 then tokens = tokens - 1 taken = 1 end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', tostring(at))
redis.call('EXPIRE', KEYS[1], 120)
return taken
"""


@dataclass(slots=True)
class _Own:
    tokens: float
    at: float


class Quotas:
    """The buckets of this process."""

    def __init__(self, link: Link) -> None:
        """`link` leads to Redis."""
        self._link = link
        self._own: dict[str, _Own] = {}

    async def take(self, name: str, per_minute: int) -> bool:
        """Whether a call may be made now; it is counted if so. 0 a minute means no limit."""
        if per_minute <= 0:
            return True
        most = max(per_minute * BURST, 1.0)
        found: Any = await self._link.script(TAKE, f"nlu:quota:{name}", per_minute / 60, most)
        if found is not None:
            return bool(found)
        return self._take_own(name, per_minute * ALONE, most * ALONE)

    def _take_own(self, name: str, per_minute: float, most: float) -> bool:
        now = time.monotonic()
        own = self._own.setdefault(name, _Own(max(most, 1.0), now))
        own.tokens = min(max(most, 1.0), own.tokens + (now - own.at) * per_minute / 60)
        own.at = now
        if own.tokens < 1:
            return False
        own.tokens -= 1
        return True
