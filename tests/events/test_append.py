"""Append: offsets without gaps, in the order of commits, whoever writes at the same time."""

import random
import threading
from decimal import Decimal

import psycopg
import pytest
from django.db import DatabaseError, OperationalError, connection

from apps.events.contracts import PARTITIONS
from apps.events.services import barriers, drain, unit_of_work
from tests.events.conftest import ThingAdded, seen
from tests.events.helpers import (
    HERE,
    KEY,
    TOPIC,
    WAITING,
    append,
    in_threads,
    keys_in,
    offsets,
    query,
    stored_numbers,
)
from tests.waiting import wait_until


class Change(Exception):
    """A writer changed its mind."""


class TestOffsets:
    """R3: offsets are given out last, in one order of locks, so they have no gaps."""

    def test_start_at_one_and_count_on(self, transactional_db):
        append(1, 2)
        append(3)
        assert offsets() == [1, 2, 3]
        assert stored_numbers() == [1, 2, 3]

    def test_each_partition_counts_for_itself(self, transactional_db):
        here, there = keys_in(1, 1)[0], keys_in(2, 1)[0]
        with unit_of_work() as work:
            for number in range(4):
                key = here if number % 2 else there
                work.publish(ThingAdded(amount=Decimal(1), number=number), tenant=1, key=key)
        assert (offsets(1), offsets(2)) == ([1, 2], [1, 2])
        assert stored_numbers(here) == [1, 3]
        assert stored_numbers(there) == [0, 2]

    def test_a_rollback_takes_none(self, transactional_db):
        append(1)
        with pytest.raises(Change), unit_of_work() as work:
            work.publish(ThingAdded(amount=Decimal(1), number=2), tenant=1, key=KEY)
            raise Change
        append(3)
        assert offsets() == [1, 2]
        assert stored_numbers() == [1, 3]

    def test_have_no_gaps_whoever_writes(self, transactional_db):
        """Eight writers, three partitions, every fifth unit of work rolled back."""
        keys = [key for partition in (1, 2, 3) for key in keys_in(partition, 3)]
        told = []
        done = threading.Event()

        def write(seed):
            chance = random.Random(seed)
            for turn in range(40):
                facts = [
                    (chance.choice(keys), seed * 10_000 + turn * 10 + one)
                    for one in range(chance.randint(1, 4))
                ]
                try:
                    with unit_of_work() as work:
                        for key, number in facts:
                            fact = ThingAdded(amount=Decimal(1), number=number)
                            work.publish(fact, tenant=1, key=key)
                        if chance.random() < 0.2:
                            raise Change
                except Change:
                    continue
                told.extend(facts)

        def look():
            """Whoever sees an offset sees all before it."""
            looks = 0
            while not done.is_set():
                found = query(
                    'SELECT partition, count(*), max("offset") FROM events_event GROUP BY 1'
                )
                assert all(count == highest for _, count, highest in found), found
                looks += 1
            return looks

        def write_all():
            try:
                in_threads(*(lambda seed=seed: write(seed) for seed in range(8)))
            finally:
                done.set()

        _, looks = in_threads(write_all, look)
        assert looks > 5
        stored = query("SELECT key, (data->>'number')::int FROM events_event")
        assert sorted(stored) == sorted(told)
        for partition in (1, 2, 3):
            assert offsets(partition) == list(range(1, len(offsets(partition)) + 1))

    def test_follow_the_order_of_commits_of_a_key(self, transactional_db):
        """Of two units of work at the same time, the one that locks first has the lower offset."""
        first_is_in = threading.Event()
        go_on = threading.Event()

        def hold(point, _place):
            if point == "after_append" and threading.current_thread().name == "first":
                first_is_in.set()
                assert go_on.wait(120)

        def first():
            threading.current_thread().name = "first"
            append(1)

        def second():
            assert first_is_in.wait(120)
            append(2)

        def release():
            assert first_is_in.wait(120)
            wait_until(lambda: query(f"{WAITING} AND locktype = 'advisory'"))
            go_on.set()

        barriers.hook = hold
        try:
            in_threads(first, second, release)
        finally:
            barriers.hook = None
        assert stored_numbers() == [1, 2]


class TestLocks:
    """R3: locks are taken in one order, at one isolation level, and never for long."""

    def test_opposite_orders_do_not_deadlock(self, transactional_db):
        one, other = keys_in(5, 1)[0], keys_in(6, 1)[0]
        both = threading.Barrier(2)

        def meet(point, _place):
            if point == "before_append":
                both.wait(120)

        def write(*keys):
            for number in range(30):
                with unit_of_work() as work:
                    for key in keys:
                        fact = ThingAdded(amount=Decimal(1), number=number)
                        work.publish(fact, tenant=1, key=key)

        barriers.hook = meet
        try:
            in_threads(lambda: write(one, other), lambda: write(other, one))
        finally:
            barriers.hook = None
        assert len(offsets(5)) == len(offsets(6)) == 60

    @pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
    def test_other_isolation_levels_are_refused(self, transactional_db, level):
        with (
            pytest.raises(DatabaseError, match=f"READ COMMITTED, not {level}"),
            unit_of_work() as work,
        ):
            query(f"SET TRANSACTION ISOLATION LEVEL {level}")
            work.publish(ThingAdded(amount=Decimal(1), number=1), tenant=1, key=KEY)
        assert offsets() == []

    def test_a_partition_that_stays_locked_is_given_up(self, transactional_db):
        """Web requests must not pile up behind a writer that hangs."""
        with psycopg.connect(**connection.get_connection_params()) as other:
            other.execute(
                "SELECT pg_advisory_xact_lock(hashtext('events.' || %s), %s)", [TOPIC, HERE]
            )
            limit = "ALTER FUNCTION events_append SET lock_timeout = '{}'"
            query(limit.format("200ms"))  # tests' writers are patient elsewhere
            try:
                with pytest.raises(OperationalError, match="lock timeout"):
                    append(1)
            finally:
                query(limit.format("60s"))
            other.rollback()
        append(2)
        assert stored_numbers() == [2]


class TestLongSnapshot:
    """R4 (that it works; how fast is measured by the benchmarks)."""

    def test_does_not_keep_appends_and_drains_from_going_on(self, make_handler):
        handler = make_handler()
        append(1)
        with psycopg.connect(**connection.get_connection_params()) as reader:
            reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            assert reader.execute("SELECT count(*) FROM events_event").fetchone() == (1,)
            for number in range(2, 52):
                append(number)
                drain(handler.name, TOPIC, HERE)
            assert reader.execute("SELECT count(*) FROM events_event").fetchone() == (1,)
        assert offsets() == seen() == list(range(1, 52))


class TestRetention:
    """R3: after retention emptied a partition, offsets count on."""

    def test_numbering_goes_on_after_the_floor(self, make_handler):
        handler = make_handler()
        append(1, 2, 3)
        drain(handler.name, TOPIC, HERE)
        query("UPDATE events_partition SET floor = 3 WHERE topic = %s AND number = %s", TOPIC, HERE)
        query('DELETE FROM events_event WHERE "offset" <= 3')
        assert offsets() == []
        append(4)
        assert offsets() == [4]
        drain(handler.name, TOPIC, HERE)
        assert seen() == [1, 2, 3, 4]

    def test_a_late_handler_starts_at_the_floor(self, make_handler):
        make_handler()  # brings the topic's partitions
        append(1, 2, 3)
        query("UPDATE events_partition SET floor = 2 WHERE topic = %s AND number = %s", TOPIC, HERE)
        query('DELETE FROM events_event WHERE "offset" <= 2')

        def late(batch):
            assert [one.offset for one in batch.events] == [3]

        drain(make_handler(late).name, TOPIC, HERE)


ATTACKS = {
    "an update": "UPDATE events_event SET data = '{}'",
    "an update of a key": "UPDATE events_event SET key = 'else'",
    "a delete": "DELETE FROM events_event",
    "a delete above the floor": 'DELETE FROM events_event WHERE "offset" = 2',
    "a truncate": "TRUNCATE events_event",
    "a truncate with friends": "TRUNCATE events_event, events_cursor CASCADE",
    "an offset that is taken": """
        INSERT INTO events_event SELECT topic, partition, "offset", id, tenant_id, key, name, version,
        data, headers, occurred_at, recorded_at FROM events_event LIMIT 1""",
}


class TestAppendOnly:
    @pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
    def test_the_database_refuses(self, make_handler, attack):
        make_handler()
        append(1, 2)
        query("UPDATE events_partition SET floor = 1 WHERE topic = %s AND number = %s", TOPIC, HERE)
        with pytest.raises(DatabaseError, match=r"append-only|duplicate key"):
            query(attack)
        assert stored_numbers() == [1, 2]

    def test_retention_may_remove_what_is_below_the_floor(self, make_handler):
        make_handler()
        append(1, 2)
        query("UPDATE events_partition SET floor = 1 WHERE topic = %s AND number = %s", TOPIC, HERE)
        query('DELETE FROM events_event WHERE "offset" <= 1')
        assert offsets() == [2]

    def test_every_topic_has_all_its_partitions(self, make_handler):
        make_handler()
        counts = dict(query("SELECT topic, count(*) FROM events_partition GROUP BY 1"))
        assert set(counts.values()) == {PARTITIONS}
