"""Who is here: people, by their connections. Two tabs are one person; the last one closes the door.

Kept in Redis with an end for each connection, so that a process that was killed leaves nobody behind
for long. Calls wait for Redis and raise `redis.RedisError`; they belong in a thread.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, Final, NamedTuple

from redis.commands.core import Script

from apps.sockets import redis_client

TTL: Final = 60  # seconds
BEAT: Final = 20.0
"""How often a connection must be told again."""

# A place's connections: `person|connection` by the second in which it is forgotten. Redis' clock.
_PRUNE: Final = """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local function tabs()
    local found = 0
    for _, one in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
        if string.sub(one, 1, #ARGV[1] + 1) == ARGV[1] .. '|' then found = found + 1 end
    end
    return found
end
"""
_ARRIVE: Final = (
    _PRUNE
    + """
local before = tabs()
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1] .. '|' .. ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return before == 0 and 1 or 0
"""
)
_LEAVE: Final = (
    _PRUNE
    + """
local was = redis.call('ZREM', KEYS[1], ARGV[1] .. '|' .. ARGV[2])
return (was == 1 and tabs() == 0) and 1 or 0
"""
)


class Visit(NamedTuple):
    """A connection of a person at a place (a group's name)."""

    place: str
    person: str
    connection: str


def arrive(visits: Sequence[Visit]) -> list[bool]:
    """Note connections, or that they are still there; of each, whether its person had none."""
    return _run(_script(_ARRIVE), visits)


def leave(visits: Sequence[Visit]) -> list[bool]:
    """Forget connections; of each, whether it was its person's last."""
    return _run(_script(_LEAVE), visits)


def present(places: Sequence[str]) -> list[list[str]]:
    """Who is at each of the places."""
    client = redis_client.client()
    seconds: Any = client.time()
    with client.pipeline(transaction=False) as pipe:
        for place in places:
            pipe.zrangebyscore(_key(place), f"({seconds[0]}", "+inf")
        found: list[list[bytes]] = pipe.execute()
    return [sorted({one.decode().rpartition("|")[0] for one in people}) for people in found]


def _run(script: Script, visits: Sequence[Visit]) -> list[bool]:
    with redis_client.client().pipeline(transaction=False) as pipe:
        for visit in visits:
            script([_key(visit.place)], [visit.person, visit.connection, TTL], client=pipe)
        return [bool(answer) for answer in pipe.execute()]


def _key(place: str) -> str:
    return redis_client.key("presence", place)


@cache
def _script(text: str) -> Script:
    return redis_client.client().register_script(text)
