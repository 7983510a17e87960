"""kill -9 at every named step: effects and cursor go together, in real processes."""

from itertools import product

import pytest

from apps.events.contracts import partition_of
from apps.events.services.barriers import POINTS
from tests.chaos.stack import Stack

pytestmark = pytest.mark.processes

TOPIC = "test-chaos"
OF_PUBLISHERS = ("before_append", "after_append", "before_wake")


def keys_of_partitions(prefix: str, count: int) -> list[str]:
    """Keys in as many different partitions."""
    found: dict[int, str] = {}
    number = 0
    while len(found) < count:
        found.setdefault(partition_of(f"{prefix}-{number}"), f"{prefix}-{number}")
        number += 1
    return list(found.values())


def numbers(stack: Stack, key: str) -> list[int]:
    rows = stack.query(
        """SELECT number FROM chaos_effect WHERE handler = 'tests.note' AND key = %s ORDER BY id""",
        key,
    )
    return [number for (number,) in rows]


class TestDrains:
    """R9: whoever dies wherever, nothing is lost and nothing happens twice."""

    @pytest.mark.parametrize("handler", ["tests.note", "tests.echo"])
    def test_killed_at_every_step(self, stack, handler):
        places = list(product(POINTS, (0, 1)))
        keys = keys_of_partitions(f"{handler}-kill", len(places))
        facts = [(key, number) for number in range(5) for key in keys]
        stack.fork("publisher", "publisher", facts=facts).wait()
        drains = [
            stack.fork(
                f"drain-{number}", "drainer", handler=handler, topic=TOPIC,
                partition=partition_of(key), die_at=point, after=after,
            )
            for number, (key, (point, after)) in enumerate(zip(keys, places, strict=True))
        ]  # fmt: skip
        for process in drains:
            process.wait()
        survivors = {
            place: process.tail()
            for place, process in zip(places, drains, strict=True)
            if process.exit_code() is not None
        }
        # these are passed only once a drain
        assert list(survivors) == [("before_unlock", 1), ("after_unlock", 1)], survivors
        assert stack.torn() == []

        again = [
            stack.fork(
                "again", "drainer", handler=handler, topic=TOPIC, partition=partition_of(key)
            )
            for key in keys
        ]
        for process in again:
            process.wait()
        assert stack.torn() == []
        partitions = [partition_of(key) for key in keys]
        assert stack.query(
            """SELECT count(*) FROM events_cursor c WHERE handler = %s AND partition = ANY(%s)
               AND attempts = 0 AND "offset" = (SELECT max("offset") FROM events_event e
                                                WHERE e.topic = c.topic AND e.partition = c.partition)""",
            handler,
            partitions,
        ) == [(len(keys),)]
        assert stack.query("SELECT key FROM events_parkedkey") == []
        if handler == "tests.note":
            assert all(numbers(stack, key) == [0, 1, 2, 3, 4] for key in keys)


class TestPublishers:
    """R3: a unit of work is in the log whole or not at all."""

    def test_killed_at_every_step(self, stack):
        keys = keys_of_partitions("publisher-kill", len(OF_PUBLISHERS) * 2)
        processes = [
            stack.fork(
                f"publisher-{index}", "publisher", die_at=point,
                facts=[(key, 1) for key in keys[2 * index: 2 * index + 2]],
            )
            for index, point in enumerate(OF_PUBLISHERS)
        ]  # fmt: skip
        for process in processes:
            process.wait()
            assert process.exit_code() is None, "it should have been killed"
        stored = {
            key for (key,) in stack.query("SELECT key FROM events_event WHERE key = ANY(%s)", keys)
        }
        assert stored == set(keys[4:])  # killed after the commit, before anybody was woken
        stack.start_workers(1)
        stack.settle()
        assert [numbers(stack, key) for key in keys[4:]] == [[1], [1]]
