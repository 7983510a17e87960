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
# A script's answer: whether the person's first connection came or last one went, then those whose connections
# have ended without a word: whoever takes them away is told of them, and nobody else is.
_PRUNE: Final = """
local now = tonumber(redis.call('TIME')[1])
local lapsed = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)
if #lapsed > 0 then redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now) end
local function person_of(one) return string.match(one, '^(.*)|[^|]*$') end
local function tabs(person)
    local found = 0
    for _, one in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
        if person_of(one) == person then found = found + 1 end
    end
    return found
end
local function answer(is_news)
    local told, seen = {is_news}, {}
    for _, one in ipairs(lapsed) do
        local person = person_of(one)
        if person ~= ARGV[1] and not seen[person] and tabs(person) == 0 then told[#told + 1] = person end
        seen[person] = true
    end
    return told
end
"""
_ARRIVE: Final = (
    _PRUNE
    + """
local before = tabs(ARGV[1])
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1] .. '|' .. ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return answer(before == 0 and 1 or 0)
"""
)
_LEAVE: Final = (
    _PRUNE
    + """
local was = redis.call('ZREM', KEYS[1], ARGV[1] .. '|' .. ARGV[2])
return answer((was == 1 and tabs(ARGV[1]) == 0) and 1 or 0)
"""
)


class Visit(NamedTuple):
    """A connection of a person at a place (a group's name)."""

    place: str
    person: str
    connection: str


class Move(NamedTuple):
    """What a connection's coming or going changed at its place."""

    is_news: bool
    """Its person had no other connection there."""
    lapsed: list[str]
    """People who are not there any more, though none of their connections said so: to be told, once."""


def arrive(visits: Sequence[Visit]) -> list[Move]:
    """Note connections, or that they are still there."""
    return _run(_script(_ARRIVE), visits)


def leave(visits: Sequence[Visit]) -> list[Move]:
    """Forget connections."""
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


def _run(script: Script, visits: Sequence[Visit]) -> list[Move]:
    with redis_client.client().pipeline(transaction=False) as pipe:
        for visit in visits:
            script([_key(visit.place)], [visit.person, visit.connection, TTL], client=pipe)
        return [
            Move(bool(is_news), [person.decode() for person in lapsed])
            for is_news, *lapsed in pipe.execute()
        ]


def _key(place: str) -> str:
    return redis_client.key("presence", place)


@cache
def _script(text: str) -> Script:
    return redis_client.client().register_script(text)
