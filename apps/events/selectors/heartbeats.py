"""Questions about the workers and their queues: who is there, and what waits.

All of it lives in Redis: hints, as the wakes are. Every call raises `redis.RedisError` while Redis
does not answer.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from django.conf import settings

from apps.core.impatient_redis import ImpatientRedis

TIMEOUT = 0.25  # seconds that one call may take
ALIVE_SECONDS = 15.0
"""A worker that was not heard of for this long is gone: killed, frozen, or cut off."""
FORGOTTEN_SECONDS = 600.0
"""How long one that is gone is still shown."""
_client = ImpatientRedis(lambda: settings.REDIS_URL, lambda: TIMEOUT, health_check_interval=5)
_broker = ImpatientRedis(
    lambda: settings.CELERY_BROKER_URL, lambda: TIMEOUT, health_check_interval=5
)


class Heartbeat(msgspec.Struct, frozen=True):
    """What a worker says of itself."""

    at: float
    """Unix time, by the worker's clock."""
    queues: tuple[str, ...]
    pid: int


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker that announced itself."""

    name: str
    queues: Sequence[str]
    pid: int
    silent_seconds: float
    """Since its last word."""

    @property
    def online(self) -> bool:
        """Whether it was heard of lately."""
        return self.silent_seconds < ALIVE_SECONDS


def workers_key() -> str:
    """The Redis hash that holds the newest heartbeat of every worker, by its name."""
    return f"{settings.REDIS_PREFIX}:workers"


def workers() -> list[Worker]:
    """Workers heard of in the last ten minutes, by name."""
    now = time.time()
    found = []
    for name, said in _client().hgetall(workers_key()).items():
        beat = msgspec.json.decode(said, type=Heartbeat)
        called = name.decode() if isinstance(name, bytes) else name
        found.append(Worker(called, beat.queues, beat.pid, max(now - beat.at, 0.0)))
    return sorted(
        (one for one in found if one.silent_seconds < FORGOTTEN_SECONDS), key=lambda one: one.name
    )


def queue_lengths(queues: Sequence[str]) -> dict[str, int]:
    """Messages that wait in these queues; nothing where the broker is not a Redis.

    Few, whatever the load: a message is a wake, not an event.
    """
    if not settings.CELERY_BROKER_URL.startswith(("redis://", "rediss://")):
        return {}
    with _broker().pipeline(transaction=False) as pipe:
        for queue in queues:
            pipe.llen(queue)
        return dict(zip(queues, pipe.execute(), strict=True))
