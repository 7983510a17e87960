"""What the log's tests share: appending, looking at cursors, threads with connections of their own."""

import threading
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from django.db import connection

from apps.events.contracts import partition_of
from apps.events.services import unit_of_work
from tests.events.conftest import ThingAdded

KEY = "account-1"
TOPIC = "test-things"
HERE = partition_of(KEY)


def append(*numbers: int, key: str = KEY) -> None:
    """One unit of work that tells these numbers of a key."""
    with unit_of_work() as work:
        for number in numbers:
            work.publish(ThingAdded(amount=Decimal(1), number=number), tenant=1, key=key)


def keys_in(partition: int, count: int) -> list[str]:
    """So many keys of a partition."""
    names = (f"key-{index}" for index in range(100_000))
    found = (name for name in names if partition_of(name) == partition)
    return [next(found) for _ in range(count)]


def cursor_row(handler: str, partition: int = HERE, topic: str = TOPIC) -> dict[str, Any]:
    """A cursor's columns."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT * FROM events_cursor WHERE handler = %s AND topic = %s AND partition = %s",
            [handler, topic, partition],
        )
        names = [column.name for column in cursor.description]
        return dict(zip(names, cursor.fetchone(), strict=True))


def query(sql: str, *params: object) -> list[tuple[Any, ...]]:
    """Rows of a query."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params or None)
        return cursor.fetchall() if cursor.description else []


def offsets(partition: int = HERE, topic: str = TOPIC) -> list[int]:
    """The offsets that the log holds in a partition, in order."""
    return [
        offset
        for (offset,) in query(
            'SELECT "offset" FROM events_event WHERE topic = %s AND partition = %s ORDER BY 1',
            topic,
            partition,
        )
    ]


def stored_numbers(key: str | None = None) -> list[int]:
    """Numbers in the log, in the order of their offsets (of one key, or of a log of one partition)."""
    return [
        number
        for (number,) in query(
            "SELECT (data->>'number')::int FROM events_event"
            ' WHERE %s::text IS NULL OR key = %s ORDER BY topic, partition, "offset"',
            key,
            key,
        )
    ]


def in_threads(*calls: Callable[[], object], timeout: float = 300.0) -> list[object]:
    """Run calls at the same time, each on a connection of its own; their results, or the first error."""
    results: list[object] = [None] * len(calls)
    errors: list[BaseException] = []
    gate = threading.Barrier(len(calls))

    def run(index: int, call: Callable[[], object]) -> None:
        try:
            gate.wait(timeout)
            results[index] = call()
        except BaseException as error:  # noqa: BLE001 - raised again in the test's own thread
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=one, daemon=True) for one in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout)
        assert not thread.is_alive(), "a thread hangs"
    if errors:
        raise errors[0]
    return results


def per_key_order(rows: Sequence[tuple[str, int]]) -> dict[str, list[int]]:
    """Numbers of each key, in the order in which they come."""
    found: dict[str, list[int]] = {}
    for key, number in rows:
        found.setdefault(key, []).append(number)
    return found


WAITING = """
SELECT 1 FROM pg_locks WHERE NOT granted
AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())
"""
"""Somebody in this database waits for a lock: others on the same server may be tested meanwhile."""


def advisory_locks():
    """Those of this database: others on the same server may be tested at the same time."""
    return query("""SELECT classid, objid FROM pg_locks WHERE locktype = 'advisory'
                    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())""")
