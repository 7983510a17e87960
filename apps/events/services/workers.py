"""Workers say that they are there, so that the board can tell which queues nobody serves.

A hint like a wake: it lives in Redis, and without Redis the workers work on, unseen.
"""

import time
from collections.abc import Collection

import msgspec
import redis
import structlog

from apps.events.selectors.heartbeats import FORGOTTEN_SECONDS, Heartbeat, workers_key
from apps.events.services import waking

log = structlog.get_logger(__name__)


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
        gone = [
            one for one, beat in found.items() if msgspec.json.decode(beat, type=Heartbeat).at < old
        ]
        waking.client().hdel(workers_key(), name, *gone)
    except redis.RedisError as error:
        log.debug("leave not taken", error=type(error).__name__)
