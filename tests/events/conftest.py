"""A toy business for the log's own tests: counters that events add to."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection

from apps.events import registry
from apps.events.contracts import Event, event
from apps.events.registry import Batch, Handler, Policy, Projection, handles
from apps.events.services import register_cursors, waking

FLAG_MS = waking.FLAG_MS  # the product's


@event("test.thing.added", topic="test-things")
class ThingAdded(Event, frozen=True):
    amount: Decimal
    number: int


@pytest.fixture(autouse=True)
def _calm_redis(monkeypatch: pytest.MonkeyPatch, _own_redis_keys: None) -> None:
    """No flags of the test before."""
    monkeypatch.setattr(settings, "REDIS_PREFIX", f"{settings.REDIS_PREFIX}:{uuid4().hex[:8]}")
    # Facts that are told within a second share a wake; a test on a busy machine may take longer.
    monkeypatch.setattr(waking, "FLAG_MS", 600_000)
    waking.reset()


@pytest.fixture
def effects(transactional_db: None) -> Iterator[str]:
    """A table that notes every effect: handler, key, number and offset, in the order of effect."""
    with connection.cursor() as cursor:
        cursor.execute(
            """CREATE TABLE IF NOT EXISTS test_effect (id bigserial PRIMARY KEY, handler text, key text,
               number int, partition int, "offset" bigint)"""
        )
    yield "test_effect"
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE test_effect")


def note_effects(batch: Batch) -> None:
    """The plainest handler: one row an event."""
    with connection.cursor() as cursor:
        cursor.executemany(
            'INSERT INTO test_effect (handler, key, number, partition, "offset")'
            " VALUES (%s, %s, %s, %s, %s)",
            [(batch.handler, one.key, one.event.number, one.partition, one.offset)
             for one in batch.events],
        )  # fmt: skip


@pytest.fixture
def make_handler(effects: str) -> Iterator[Callable[..., Handler]]:
    """Register a handler of `ThingAdded` for one test."""
    made: list[str] = []

    def make(
        function: Callable[..., None] = note_effects, queue: str = "positions", **options: object
    ) -> Handler:
        handles(ThingAdded, queue=queue, **options)(function)
        name = f"{function.__module__.removeprefix('apps.').split('.')[0]}.{function.__name__}"
        made.append(name)
        register_cursors()
        return registry.handler(name)

    yield make
    for name in made:
        registry.unregister(name)


def seen(key: str | None = None) -> list[int]:
    """Numbers that took effect, in the order in which they did."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT number FROM test_effect WHERE %s::text IS NULL OR key = %s ORDER BY id",
            [key, key],
        )
        return [number for (number,) in cursor.fetchall()]


__all__ = ["Policy", "Projection", "ThingAdded"]
