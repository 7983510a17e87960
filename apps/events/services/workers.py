"""Workers say that they are there, so that the board can tell which queues nobody serves.

A hint like a wake: it lives in Redis, and without Redis the workers work on, unseen.
"""

import time
from collections.abc import Collection
from functools import cache

import msgspec
import redis
import structlog
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from apps.events.services import waking

log = structlog.get_logger(__name__)

ALIVE_SECONDS = 15.0
"""A worker that was not heard of for this long is gone: killed, frozen, or cut off."""
FORGOTTEN_SECONDS = 600.0
"""How long one that is gone is still shown."""


class Heartbeat(msgspec.Struct, frozen=True):
    """What a worker says of itself."""

    at: float
    """Unix time, by the worker's clock."""
    queues: tuple[str, ...]
    pid: int


def workers_key() -> str:
    """The Redis hash that holds the newest heartbeat of every worker, by its name."""
    return f"{settings.REDIS_PREFIX}:workers"


def broker_client() -> redis.Redis | None:
    """A client of the broker, where that is a Redis; with the same short time-outs as `waking`."""
    url = settings.CELERY_BROKER_URL
    if url == settings.REDIS_URL:
        return waking.client()
    return _client_of(url) if url.startswith(("redis://", "rediss://")) else None


@cache
def _client_of(url: str) -> redis.Redis:
    timeouts = {"socket_timeout": waking.TIMEOUT, "socket_connect_timeout": waking.TIMEOUT}
    return redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), **timeouts)


def announce(name: str, queues: Collection[str], pid: int) -> None:
    """Say that a worker is there and what it serves. Never raises."""
    beat = msgspec.json.encode(Heartbeat(time.time(), tuple(sorted(queues)), pid))
    try:
        waking.client().hset(workers_key(), name, beat)
    except redis.RedisError as error:
        log.debug("heartbeat not sent", error=type(error).__name__)


def take_leave(name: str) -> None:
    """Say that a worker ends as it was asked to, and forget those long gone. Never raises."""
    try:
        found = waking.client().hgetall(workers_key())
        old = time.time() - FORGOTTEN_SECONDS
        gone = [one for one, beat in found.items() if msgspec.json.decode(beat)["at"] < old]
        waking.client().hdel(workers_key(), name, *gone)
    except redis.RedisError as error:
        log.debug("leave not taken", error=type(error).__name__)
