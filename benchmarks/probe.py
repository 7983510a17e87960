"""A topic and its handlers, to measure the log without any business on it."""

import itertools
import os
import random
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid4

from django.db import connection

from apps.events.contracts import Event, event, partition_of
from apps.events.registry import Batch, handles
from apps.events.services import draining, unit_of_work
from apps.events.services.waking import client
from benchmarks.effects import HEARD

LANES = {"many": "positions", "one": "relays"}
"""Lanes of the handler that takes as many as it may, and of the one that takes one by one."""
SPREADS = (1, 8, 64)
"""Over how many partitions keys are spread."""
KEYS_EACH = 4  # in a partition


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


KINDS: dict[str, type[Noted]] = {"many": NotedMany, "one": NotedOne}


@handles(NotedMany, queue=LANES["many"])
def note_many(batch: Batch) -> None:
    _note(batch)


@handles(NotedOne, queue=LANES["one"])
def note_one(batch: Batch) -> None:
    _note(batch)


def _note(batch: Batch) -> None:
    """One row an event, in one statement."""
    noted = [(one.key, one.event) for one in batch.events if isinstance(one.event, Noted)]
    rows = [(fact.run, key, fact.number, str(fact.amount)) for key, fact in noted]
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO bench_effect (run, key, number, amount)
               SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::numeric[])""",
            [list(column) for column in zip(*rows, strict=True)],
        )
    with unit_of_work() as work:
        work.after_commit(lambda: _tell(fact for _, fact in noted))


def _tell(facts: Iterable[Noted]) -> None:
    """Say when these took effect, to whoever measures latency."""
    if timed := [f"{fact.number} {time.time()}" for fact in facts if fact.run == "latency"]:
        client().rpush(HEARD, *timed)


def _keys(partitions: int) -> list[str]:
    """A few keys of each of the first partitions."""
    found: dict[int, list[str]] = {number: [] for number in range(partitions)}
    for number in itertools.count():
        bucket = found.get(partition_of(key := f"key-{number}"))
        if bucket is not None and len(bucket) < KEYS_EACH:
            bucket.append(key)
        if all(len(one) == KEYS_EACH for one in found.values()):
            break
    return list(itertools.chain.from_iterable(found.values()))


_keys_of = {partitions: _keys(partitions) for partitions in SPREADS}
_numbers = itertools.count(1)


def publish(kind: str, partitions: int, count: int) -> int:
    """One unit of work that tells so many facts, spread over so many partitions."""
    with unit_of_work() as work:
        for _ in range(count):
            fact = _fact(kind, "load", next(_numbers))
            work.publish(fact, tenant=1, key=random.choice(_keys_of[partitions]))
    return count


def publish_timed(number: int) -> None:
    """One fact whose effect is listened for."""
    with unit_of_work() as work:
        work.publish(_fact("many", "latency", number), tenant=1, key=f"key-{number}")


def _fact(kind: str, run: str, number: int) -> Noted:
    return KINDS[kind](
        run=run,
        number=number,
        account=uuid4(),
        instrument=uuid4(),
        amount=Decimal("-5005.25"),
        price=Decimal("100.105"),
        remark="about as much text as a trade carries in its names and codes",
        at=datetime.now(UTC),
    )


if most := os.environ.get("BENCH_BATCH_MAX"):
    draining.BATCH_MAX = int(most)
