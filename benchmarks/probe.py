"""A topic, its handlers and its table, to measure the log without any business on it.

`celery -A benchmarks.probe worker …` is a worker that knows them; with `BENCH_BATCH_MAX` it takes
fewer events at a time than the product does.
"""

import itertools
import os
import random
import time
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid4

from celery import signals
from django.db import connection

from apps.events.contracts import PARTITIONS, Event, event, partition_of
from apps.events.registry import Batch, handles
from config.celery import app

__all__ = ["app"]

LANES = {"many": "positions", "one": "relays"}
"""Lanes of the handler that takes as many as it may, and of the one that takes one by one."""


class Noted(Event):
    """About as much as a trade says."""

    run: str
    number: int
    account: UUID
    instrument: UUID
    amount: Decimal
    price: Decimal
    remark: str
    at: datetime


@event("benchmark.noted.many", topic="test-bench-many")
class NotedMany(Noted):
    """For the handler that takes batches."""


@event("benchmark.noted.one", topic="test-bench-one")
class NotedOne(Noted):
    """For the handler that takes one at a time."""


def note(batch: Batch) -> None:
    """One row an event, in one statement."""
    from apps.events.services import unit_of_work

    rows = [(one.event.run, one.key, one.event.number, one.event.amount) for one in batch.events]
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO bench_effect (run, key, number, amount)
               SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::numeric[])""",
            [list(column) for column in zip(*rows, strict=True)],
        )
    with unit_of_work() as work:
        work.after_commit(lambda: tell([row[:3] for row in rows]))


def tell(rows: list[tuple[str, str, int]]) -> None:
    """Say when these took effect, to whoever measures latency."""
    heard = [f"{number} {time.time()}" for run, _, number in rows if run == "latency"]
    if heard:
        from apps.events.services.waking import client

        client().rpush("bench:effects", *heard)


@handles(NotedMany, queue=LANES["many"])
def note_many(batch: Batch) -> None:
    note(batch)


@handles(NotedOne, queue=LANES["one"])
def note_one(batch: Batch) -> None:
    note(batch)


def keys(partitions: int) -> list[str]:
    """A few keys of each of the first partitions."""
    wanted = {number: 4 for number in range(partitions)}
    found = []
    for number in itertools.count():
        key = f"key-{number}"
        if wanted.get(partition := partition_of(key) % PARTITIONS, 0):
            wanted[partition] -= 1
            found.append(key)
            if not any(wanted.values()):
                return found
    raise AssertionError


_numbers = itertools.count(1)
_keys = {count: keys(count) for count in (1, 8, 64)}


_kinds = {"many": NotedMany, "one": NotedOne}


def publish(
    kind: str, partitions: int, count: int, *, run: str = "load", number: int | None = None
) -> int:
    """One unit of work that tells so many facts, spread over so many partitions."""
    from apps.events.services import unit_of_work

    with unit_of_work() as work:
        for number in itertools.islice(_numbers, count) if number is None else [number]:
            key = random.choice(_keys[partitions])
            fact = _kinds[kind](
                run=run,
                number=number,
                account=uuid4(),
                instrument=uuid4(),
                amount=Decimal("-5005.25"),
                price=Decimal("100.105"),
                remark="about as much text as a trade carries in its names and codes",
                at=datetime.now(UTC),
            )
            work.publish(fact, tenant=1, key=key)
    return count


@signals.worker_init.connect
def _limit_batches(**_: object) -> None:
    if most := os.environ.get("BENCH_BATCH_MAX"):
        from apps.events.services import draining

        draining.BATCH_MAX = int(most)
