"""Telling connected screens, after a commit: one PUBLISH to Redis, at best effort.

A broadcast may be lost, doubled or late. Numbered frames are made good by whoever receives them
(`sequence`); what is not numbered must be told again or asked for.
"""

import os
import time
from collections.abc import Iterable
from itertools import groupby
from typing import Final, NamedTuple

import redis
import structlog
from django.conf import settings

from apps.core.impatient_redis import ImpatientRedis
from apps.sockets.frames import Position, pack

log = structlog.get_logger(__name__)

TIMEOUT: Final = 0.14  # seconds; connecting and asking, both in vain, stay below 0.3
BREAK_SECONDS: Final = 2.0
"""How long nothing is sent after a failure; receivers ask the store in the meantime."""

_broken_until = 0.0
client = ImpatientRedis(lambda: settings.REDIS_URL, lambda: TIMEOUT)
"""This process's client for telling."""


class Broadcast(NamedTuple):
    """One frame for everybody in a group."""

    group: str
    frame: str | bytes
    """Finished JSON text, as screens get it."""
    position: tuple[int, int] | None = None
    """Epoch and number within the group's stream, for frames that no screen may miss."""


def group(tenant: int, kind: str, name: object = "all") -> str:
    """A group's name; the tenant is in it, and so is the environment."""
    return f"{settings.REDIS_PREFIX}:screens:{tenant}:{kind}:{name}"


def publish(group: str, frame: str | bytes, *, position: tuple[int, int] | None = None) -> None:
    """Tell one group one thing. Never raises; ≤ 0.3 s even with Redis frozen."""
    publish_many([Broadcast(group, frame, position)])


def publish_many(broadcasts: Iterable[Broadcast]) -> None:
    """Tell many things in one round trip; those of one group stay in order. Never raises."""
    global _broken_until  # noqa: PLW0603 - the breaker is the process's
    if time.monotonic() < _broken_until:
        return
    try:
        # Sorted by group (stable): what one group is told goes in one message.
        told = sorted(broadcasts, key=lambda one: one.group)
        with client().pipeline(transaction=False) as pipe:
            for name, frames in groupby(told, key=lambda one: one.group):
                pipe.publish(name, pack((_position(one), _text(one)) for one in frames))
            pipe.execute()
    except (redis.RedisError, OSError) as error:
        _broken_until = time.monotonic() + BREAK_SECONDS
        log.warning("screens not told; they will ask", error=type(error).__name__)
    except Exception:
        # What happened is committed; a defect in telling it must not look like a failure to commit.
        log.exception("screens not told; they will ask")


def reset() -> None:
    """Forget client and breaker: after a fork, and between tests."""
    global _broken_until  # noqa: PLW0603 - the breaker is the process's
    _broken_until = 0.0
    client.forget()


def _position(one: Broadcast) -> Position | None:
    return Position(*one.position) if one.position else None


def _text(one: Broadcast) -> str:
    return one.frame if isinstance(one.frame, str) else one.frame.decode()


# Parent and child on one connection would read each other's answers.
os.register_at_fork(after_in_child=reset)
