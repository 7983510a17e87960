"""Seats: how many sockets a tenant has in all processes together.

Each process keeps a number of its own in Redis, which ends by itself: one that was killed gives its seats back
when it has not said for a while that it still has them. Calls wait for Redis and raise `redis.RedisError`;
they belong in a thread.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from redis.commands.core import Script

from apps.sockets import redis_client

TTL: Final = 60  # seconds
BEAT: Final = 20.0
"""How often a process says how many it has."""

# KEYS: a tenant's processes by the second in which each is forgotten, and their numbers. Redis' clock.
_PRUNE: Final = """
local now = tonumber(redis.call('TIME')[1])
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do
    redis.call('ZREM', KEYS[1], gone)
    redis.call('HDEL', KEYS[2], gone)
end
local function stay(process)
    redis.call('ZADD', KEYS[1], now + ARGV[2], process)
    redis.call('EXPIRE', KEYS[1], ARGV[2])
    redis.call('EXPIRE', KEYS[2], ARGV[2])
end
"""
_TAKE: Final = (
    _PRUNE
    + """
local taken = 0
for _, number in ipairs(redis.call('HVALS', KEYS[2])) do taken = taken + number end
if taken >= tonumber(ARGV[3]) then return 0 end
redis.call('HINCRBY', KEYS[2], ARGV[1], 1)
stay(ARGV[1])
return 1
"""
)
_TELL: Final = (
    _PRUNE
    + """
if ARGV[3] == '0' then
    redis.call('ZREM', KEYS[1], ARGV[1])
    redis.call('HDEL', KEYS[2], ARGV[1])
else
    redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
    stay(ARGV[1])
end
"""
)


def take(process: str, tenant: int, most: int) -> bool:
    """Take a seat, if the tenant has fewer than `most`; whether there was one."""
    return bool(_script(_TAKE)(_keys(tenant), [process, TTL, most]))


def tell(process: str, taken: Mapping[int, int]) -> None:
    """Say how many seats of each tenant this process has: what is true, whatever was counted."""
    script = _script(_TELL)
    with redis_client.client().pipeline(transaction=False) as pipe:
        for tenant, number in taken.items():
            script(_keys(tenant), [process, TTL, number], client=pipe)
        pipe.execute()


def taken(tenant: int) -> int:
    """How many seats of a tenant are taken, as far as its processes have said."""
    numbers: Any = redis_client.client().hvals(_keys(tenant)[1])
    return sum(map(int, numbers))


def _keys(tenant: int) -> list[str]:
    place = f"{{{tenant}}}"  # on one node of a cluster
    return [redis_client.key("seats", place, name) for name in ("processes", "numbers")]


@cache
def _script(text: str) -> Script:
    return redis_client.client().register_script(text)
