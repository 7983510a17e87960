"""What a failure means: the world's (try again) or the event's (park its key)."""

from django.db import InterfaceError, OperationalError
from redis.exceptions import RedisError

from apps.core.exceptions import Unavailable

BACK_OFF_MAX = 60.0  # seconds

DEATHS = 3
"""Tries that died at an event before it is parked."""

INFRASTRUCTURE = (
    OperationalError,
    InterfaceError,
    RedisError,
    Unavailable,
    ConnectionError,
    TimeoutError,
)
"""Lost connections, deadlocks, lock and statement time-outs, failed serialisation, outages."""


def is_infrastructure(error: BaseException) -> bool:
    """Whether the same event may well succeed on another try."""
    return isinstance(error, INFRASTRUCTURE)


def death_notice(deaths: int) -> str:
    """What a key is parked with whose event killed its workers."""
    return f"the worker died {deaths} times at this event"


def summary(error: BaseException) -> str:
    """One line for people: the kind of error and its first sentence."""
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}"[:500]
