"""What a failure means: the world's (try again) or the event's (park its key)."""

from django.db import InterfaceError, OperationalError
from redis.exceptions import RedisError

from apps.core.exceptions import Unavailable

BACK_OFF_MAX = 60.0  # seconds

INFRASTRUCTURE = (OperationalError, InterfaceError, RedisError, Unavailable, ConnectionError)
"""Lost connections, deadlocks, lock and statement time-outs, failed serialisation, outages."""


def is_infrastructure(error: BaseException) -> bool:
    """Whether the same event may well succeed on another try."""
    return isinstance(error, INFRASTRUCTURE)


def back_off_seconds(failures: int) -> float:
    """How long to wait after this many failures in a row: 1, 2, 4 … 60 s."""
    return min(BACK_OFF_MAX, 2.0 ** max(failures - 1, 0))


def summary(error: BaseException) -> str:
    """One line for people: the kind of error and its first sentence."""
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}"[:500]
