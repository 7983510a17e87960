"""Wakes: the hints that make drains fast. Lost, doubled or late, they change nothing.

A wake names a handler and the partitions to look at; one message serves all partitions of a
handler that share a shard queue (docs/decisions/0003).
"""

import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterable

import kombu.exceptions
import redis
import structlog
from celery import current_app
from django.conf import settings
from django.db import connection
from kombu import Connection
from kombu.exceptions import ChannelError  # type: ignore[attr-defined] # the stubs miss it
from kombu.pools import producers  # type: ignore[attr-defined] # the stubs miss it
from kombu.transport import virtual

from apps.core.impatient_redis import ImpatientRedis
from apps.events import registry

log = structlog.get_logger(__name__)

FLAG_MS = 1_000
"""How long a wake stands for others; not longer than the sweep period."""
TIMEOUT = 0.25  # seconds that one call to Redis may take
BREAK_SECONDS = 1.0  # how long nothing is sent after a failure; the sweep covers
MAP_SECONDS = 5.0  # how long the map of partitions to shards is trusted
QUEUE_MAX = 1_000
"""Wakes that wait in a queue. More would tell nothing new, and without a worker they fill Redis."""
LOOK_SECONDS = 1.0  # how long a look at a queue's length is trusted
DRAIN = "events.drain"

Place = tuple[str, int]
"""Topic and partition."""

_broker: Connection | None = None
_broken_until = 0.0
_rooms: dict[str, tuple[float, bool]] = {}
"""When each queue was looked at, and whether it had room."""
_map: dict[Place, int] = {}
_map_read_at = float("-inf")
_lock = threading.Lock()

client = ImpatientRedis(lambda: settings.REDIS_URL, lambda: TIMEOUT, health_check_interval=5)
"""This process's Redis client for hints."""


def broker() -> Connection:
    """This process's connection for wakes: it gives up soon, where the worker's own is patient."""
    global _broker  # noqa: PLW0603 - one pool a process
    if _broker is None:
        options: dict[str, float] = {"max_retries": 0}  # kombu's: it would try for seconds
        if settings.CELERY_BROKER_URL.startswith("redis"):
            options |= {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT}
        _broker = current_app.connection_for_write(
            connect_timeout=TIMEOUT, transport_options=options
        )
    return _broker


def wake_readers(places: Iterable[Place]) -> None:
    """Wake every handler of these partitions. Never raises; ≤ 0.3 s even with Redis frozen."""
    wanted = [
        (found.name, topic, number)
        for topic, number in sorted(places)
        for found in registry.handlers_of(topic)
    ]
    if wanted:
        wake(wanted)


def wake(wanted: list[tuple[str, str, int]], *, heed_flags: bool = True) -> None:
    """Send wakes for (handler, topic, partition)s; those already woken are left out. Never raises."""
    global _broken_until  # noqa: PLW0603 - the breaker is the process's
    if time.monotonic() < _broken_until:
        return
    try:
        if heed_flags:
            wanted = _not_yet_woken(wanted)
        _send(wanted)
    except (redis.RedisError, kombu.exceptions.KombuError, OSError) as error:
        _broken_until = time.monotonic() + BREAK_SECONDS
        log.warning("wakes not sent; the sweep will", error=type(error).__name__)
    except Exception:
        # The facts are committed; a defect in the hints must not look like a failure to commit.
        _broken_until = time.monotonic() + BREAK_SECONDS
        log.exception("wakes not sent; the sweep will")


def _flag(handler: str, topic: str, partition: int) -> str:
    return f"{settings.REDIS_PREFIX}:wake:{handler}:{topic}:{partition}"


def _not_yet_woken(wanted: list[tuple[str, str, int]]) -> list[tuple[str, str, int]]:
    with client().pipeline(transaction=False) as pipe:
        for one in wanted:
            pipe.set(_flag(*one), 1, nx=True, px=FLAG_MS)
        return [one for one, was_set in zip(wanted, pipe.execute(), strict=True) if was_set]


def clear_flags(handler: str, topic: str, partitions: Iterable[int]) -> None:
    """Let the next append wake again. Before a look at the log: after the last one, a wake could be lost."""
    try:
        client().delete(*(_flag(handler, topic, number) for number in partitions))
    except redis.RedisError as error:
        # The flags end by themselves, and the sweep does not heed them.
        log.debug("wake flags not cleared", error=type(error).__name__)


def _send(wanted: list[tuple[str, str, int]]) -> None:
    shards = shard_map()
    grouped: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for name, topic, number in wanted:
        queue = f"{registry.handler(name).lane}.{shards.get((topic, number), 0)}"
        grouped[queue, name, topic].append(number)
    if not grouped:
        return
    with producers[broker()].acquire(block=True, timeout=1) as producer:
        for (queue, name, topic), numbers in grouped.items():
            if not _has_room(producer.channel, queue):
                continue
            current_app.send_task(
                DRAIN,
                kwargs={"handler": name, "topic": topic, "partitions": numbers},
                queue=queue,
                producer=producer,
                retry=False,
            )


def _has_room(channel: object, queue: str) -> bool:
    """Whether a wake more in a queue could make a difference. For RabbitMQ a policy on the queue does this."""
    if not isinstance(channel, virtual.Channel):
        return True
    looked_at, had_room = _rooms.get(queue, (float("-inf"), True))
    if time.monotonic() - looked_at < LOOK_SECONDS:
        return had_room
    try:
        length = int(channel.queue_declare(queue, passive=True).message_count)  # type: ignore[no-untyped-call] # kombu's
    except ChannelError:  # kombu's word for an empty list
        length = 0
    has_room = length < QUEUE_MAX
    _rooms[queue] = (time.monotonic(), has_room)
    if not has_room:
        log.warning("a queue is full of wakes; does a worker serve it?", queue=queue, length=length)
    return has_room


def shard_map() -> dict[Place, int]:
    """Which shard works on which partition; read again after `MAP_SECONDS`, a stale one is harmless."""
    global _map, _map_read_at  # noqa: PLW0603 - the cache is the process's
    with _lock:
        if time.monotonic() - _map_read_at > MAP_SECONDS:
            with connection.cursor() as cursor:
                cursor.execute("SELECT topic, number, queue_shard FROM events_partition")
                _map = {(topic, number): shard for topic, number, shard in cursor.fetchall()}
            _map_read_at = time.monotonic()
        return _map


def reset() -> None:
    """Forget clients, breaker and map: after a fork, and between tests."""
    global _broker, _broken_until, _map_read_at
    client.forget()
    _broker, _broken_until, _map_read_at = None, 0.0, float("-inf")
    _rooms.clear()


# Parent and child on one socket would read each other's answers.
os.register_at_fork(after_in_child=reset)
