"""Wakes and sweeps: hints that may be lost, doubled or late; and the net under them."""

import json
import threading
import time
from decimal import Decimal

import psycopg
import pytest
from celery import current_app
from celery.exceptions import QueueNotFound
from django.conf import settings
from django.db import OperationalError, connection
from kombu import Queue

from apps.core.impatient_redis import ImpatientRedis
from apps.events import registry, tasks
from apps.events.contracts import PARTITIONS
from apps.events.services import (
    barriers,
    convoys,
    drain,
    drain_all,
    draining,
    places,
    register_cursors,
    reshard,
    stop_partition,
    sweep,
    sweep_in_turn,
    sweeping,
    unit_of_work,
    waking,
)
from tests.events.conftest import FLAG_MS, ThingAdded, note_effects, seen
from tests.events.helpers import (
    HERE,
    KEY,
    TOPIC,
    append,
    cursor_row,
    in_threads,
    keys_in,
    query,
)


@pytest.fixture
def sent(monkeypatch):
    """Catch what is sent: (queue, handler, topic, partitions)."""
    caught = []

    def send_task(name, *, kwargs, queue, **_options):
        assert name == "events.drain"
        caught.append((queue, kwargs["handler"], kwargs["topic"], kwargs["partitions"]))

    monkeypatch.setattr(current_app, "send_task", send_task)
    return caught


def age(seconds: float) -> None:
    """Let everything in the log and at the cursors be older."""
    query("SET session_replication_role = replica")
    query("UPDATE events_event SET recorded_at = recorded_at - make_interval(secs => %s)", seconds)
    query("SET session_replication_role = origin")
    query("UPDATE events_cursor SET updated_at = updated_at - make_interval(secs => %s)", seconds)


def flag(handler: str, partition: int = HERE) -> bool:
    return bool(waking.client().exists(waking._flag(handler, TOPIC, partition)))


class TestWake:
    def test_one_message_serves_many_facts(self, make_handler, sent):
        handler = make_handler()
        append(1, 2, 3)
        append(4)
        assert sent == [(f"positions.{HERE % 2}", handler.name, TOPIC, [HERE])]

    def test_one_message_serves_all_partitions_of_a_queue(self, make_handler, sent):
        handler = make_handler()
        with unit_of_work() as work:
            for partition in (1, 2, 3, 5):
                key = keys_in(partition, 1)[0]
                work.publish(ThingAdded(amount=Decimal(1), number=1), tenant=1, key=key)
        assert sorted(sent) == [
            ("positions.0", handler.name, TOPIC, [2]),
            ("positions.1", handler.name, TOPIC, [1, 3, 5]),
        ]

    def test_every_handler_of_the_topic_is_woken(self, make_handler, sent):
        def second(batch):
            pass

        names = {make_handler().name, make_handler(second).name}
        append(1)
        assert {name for _, name, _, _ in sent} == names

    def test_after_the_drain_began_the_next_fact_wakes_again(self, make_handler, sent):
        handler = make_handler()
        append(1)
        waking.clear_flags(handler.name, TOPIC, [HERE])
        append(2)
        assert len(sent) == 2

    def test_follows_the_map_of_shards(self, make_handler, sent, monkeypatch):
        make_handler()
        reshard(5)
        monkeypatch.setattr(waking, "_map_read_at", float("-inf"))
        append(1)
        assert [queue for queue, *_ in sent] == [f"positions.{HERE % 5}"]

    def test_a_rolled_back_unit_of_work_wakes_nobody(self, make_handler, sent):
        make_handler()
        with pytest.raises(ZeroDivisionError), unit_of_work() as work:
            work.publish(ThingAdded(amount=Decimal(1), number=1), tenant=1, key=KEY)
            raise ZeroDivisionError
        assert sent == []

    def test_unknown_queues_raise(self):
        """R14: a typo must not make a queue that nobody serves."""
        with pytest.raises(QueueNotFound):
            current_app.send_task("events.drain", kwargs={}, queue="positoins.0")


class TestFlags:
    """R2: cleared before the last look, short-lived, and not heeded by the sweep."""

    def test_live_no_longer_than_the_sweep_period(self, make_handler, sent, monkeypatch):
        monkeypatch.setattr(waking, "FLAG_MS", FLAG_MS)
        handler = make_handler()
        append(1)
        left = waking.client().pttl(waking._flag(handler.name, TOPIC, HERE))
        assert left <= sweeping.SWEEP_SECONDS * 1000
        assert left > 0 or not flag(handler.name)  # it has ended: a slow machine

    @pytest.mark.parametrize(
        ("point", "wakes"), [("after_read", 1), ("before_unlock", 1), ("after_unlock", 2)]
    )
    def test_a_fact_told_during_a_drain_is_seen_by_its_last_look_or_wakes_again(
        self, make_handler, sent, monkeypatch, point, wakes
    ):
        """A wake stands for all that is told until the drain looks for the last time."""
        handler = make_handler()
        append(1)

        def tell(passed, _place):
            if passed == point:
                monkeypatch.setattr(barriers, "hook", None)
                in_threads(lambda: append(2))

        monkeypatch.setattr(barriers, "hook", tell)
        tasks.drain(handler=handler.name, topic=TOPIC, partitions=[HERE])
        assert len(sent) == wakes
        assert flag(handler.name) is (wakes == 2)
        tasks.drain(handler=handler.name, topic=TOPIC, partitions=[HERE])
        assert seen() == [1, 2]

    def test_of_a_handler_that_calls_out_are_cleared_first(self, make_handler, sent, monkeypatch):
        """It may be long at work: what is told meanwhile wakes again."""

        async def call(_recorded):
            told.append(flag(handler.name))

        told: list[bool] = []
        handler = make_handler(call, calls_out=True)
        append(1)
        tasks.drain(handler=handler.name, topic=TOPIC, partitions=[HERE])
        assert told == [False]

    def test_are_not_heeded_by_the_sweep(self, make_handler, sent):
        """Of a lost wake the flag may be all that is left."""
        handler = make_handler()
        append(1)
        sent.clear()  # lost on its way
        assert flag(handler.name)
        age(2)
        assert sweep() == 1
        assert sent == [(f"positions.{HERE % 2}", handler.name, TOPIC, [HERE])]


@pytest.fixture
def turn():
    """The flag of who has swept, which is down."""
    flag = f"{settings.REDIS_PREFIX}:swept"
    waking.client().delete(flag)
    yield flag
    waking.client().delete(flag)


class TestSweep:
    """R7: whatever became of the wakes, the sweep brings back what stands still."""

    def test_finds_what_lost_wakes_left(self, make_handler, sent):
        handler = make_handler()
        keys = [keys_in(partition, 1)[0] for partition in (7, 8, 9)]
        for key in keys:
            append(1, key=key)
        sent.clear()
        age(2)
        assert sweep() == 3
        assert sorted(number for *_, numbers in sent for number in numbers) == [7, 8, 9]
        assert cursor_row(handler.name, 8)["rescues_total"] == 1
        drain_all(handler.name, TOPIC, [7, 8, 9])
        age(2)
        assert sweep() == 0

    def test_leaves_alone_what_is_new_or_making_progress(self, make_handler, sent):
        handler = make_handler()
        append(1)
        age(-60)  # new for as long as this machine takes
        assert sweep() == 0  # its wake is on its way
        age(62)
        query("UPDATE events_cursor SET updated_at = clock_timestamp() + interval '60 seconds'")
        assert sweep() == 0  # somebody has just moved it
        assert cursor_row(handler.name)["rescues_total"] == 0

    def test_leaves_alone_what_is_stopped(self, make_handler, sent):
        handler = make_handler()
        append(1)
        age(2)
        stop_partition(handler.name, TOPIC, HERE, reason="a test")
        assert sweep() == 0

    def test_leaves_alone_what_backs_off_and_comes_back_to_it(self, make_handler, sent):
        def no_database(batch):
            raise OperationalError("lost")

        handler = make_handler(no_database)
        append(1)
        drain(handler.name, TOPIC, HERE)
        age(2)
        query("UPDATE events_cursor SET retry_at = retry_at + interval '60 seconds'")
        assert sweep() == 0
        query("UPDATE events_cursor SET retry_at = clock_timestamp() - interval '2 seconds'")
        assert sweep() == 1

    def test_leaves_alone_what_is_leased(self, make_handler, sent):
        make_handler()
        append(1)
        age(2)
        query("UPDATE events_cursor SET leased_until = clock_timestamp() + interval '1 hour'")
        assert sweep() == 0
        # not renewed for so long: its holder may be dead
        query("UPDATE events_cursor SET leased_until = clock_timestamp() + interval '6 seconds'")
        assert sweep() == 1

    def test_leaves_alone_what_somebody_works_on_and_waits_for_nobody(self, make_handler, sent):
        """A rebuild may hold a handler's cursors for minutes; the other handlers need the sweep."""

        def other(batch):
            pass

        busy, idle = make_handler(), make_handler(other)
        append(1)
        age(2)
        sent.clear()
        with psycopg.connect(**connection.get_connection_params()) as holder:
            holder.execute("SELECT FROM events_cursor WHERE handler = %s FOR UPDATE", [busy.name])
            query("SET statement_timeout = '60s'")
            try:
                assert sweep() == 1
            finally:
                query("SET statement_timeout = 0")
            holder.rollback()
        assert [name for _, name, _, _ in sent] == [idle.name]

    def test_leaves_handlers_of_other_releases_alone(self, make_handler, sent):
        handler = make_handler()
        append(1)
        age(2)
        registry.unregister(handler.name)
        assert sweep() == 0

    def test_one_at_a_time_sweeps(self, make_handler, sent):
        make_handler()
        append(1)
        age(2)
        with psycopg.connect(**connection.get_connection_params()) as other:
            other.execute("SELECT pg_advisory_lock(%s)", [sweeping.SWEEP_LOCK])
            assert sweep() == 0
            other.execute("SELECT pg_advisory_unlock(%s)", [sweeping.SWEEP_LOCK])
        assert sweep() == 1

    def test_once_in_a_second_is_enough_for_all_workers(self, make_handler, sent, turn):
        make_handler()
        append(1)
        age(2)
        waking.client().set(turn, 1)  # another worker had its turn
        assert sweep_in_turn() == 0
        waking.client().delete(turn)
        assert sweep_in_turn() == 1

    def test_whose_turn_it_was_is_forgotten_before_a_worker_looks_again(self, turn, make_handler):
        """However a worker dies in its sweep, the next one comes at the next second."""
        make_handler()
        sweep_in_turn()
        left = waking.client().pttl(turn)
        assert left != -1  # it ends by itself
        assert left < sweeping.SWEEP_SECONDS * 1000

    def test_without_redis_everyone_sweeps(self, make_handler, sent, monkeypatch):
        make_handler()
        append(1)
        age(2)
        nowhere = ImpatientRedis(lambda: "redis://127.0.0.1:1/0", lambda: 0.2)
        monkeypatch.setattr(waking, "client", nowhere)
        assert sweep_in_turn() == 1
        age(2)
        assert sweep_in_turn() == 1

    def test_lets_go_of_its_lock_after_an_error(self, make_handler, sent, monkeypatch):
        make_handler()
        append(1)
        age(2)
        monkeypatch.setattr(sweeping, "RESCUE", "SELECT 1 / 0, %s, %s")
        with pytest.raises(Exception, match="division"):
            sweep()
        monkeypatch.undo()
        assert in_threads(sweep) == [1]

    def test_a_broken_redis_does_not_stop_it(self, make_handler, monkeypatch):
        make_handler()
        append(1)
        age(2)
        monkeypatch.setattr(waking, "_broken_until", time.monotonic() + 60)
        assert sweep() == 1


class TestFullQueues:
    """Without a worker, wakes must not fill Redis: more than a queue holds already tell nothing."""

    def test_take_no_more_wakes(self, make_handler, monkeypatch):
        # A queue that nobody else's wakes can come to.
        monkeypatch.setattr(registry, "LANES", (*registry.LANES, "alone"))
        handler = make_handler(queue="alone")
        monkeypatch.setattr(waking, "QUEUE_MAX", 20)
        monkeypatch.setattr(waking, "LOOK_SECONDS", 0.0)
        queue = f"alone.{HERE % 2}"
        monkeypatch.setitem(current_app.amqp.queues, queue, Queue(queue, routing_key=queue))
        length = lambda: waking.client().llen(queue)  # noqa: E731 - read twice below
        for _ in range(40):
            waking.wake([(handler.name, TOPIC, HERE)], heed_flags=False)
        assert length() == 20
        message = json.loads(waking.client().lpop(queue))
        assert message["headers"]["task"] == "events.drain"
        waking.wake([(handler.name, TOPIC, HERE)], heed_flags=False)
        assert length() == 20
        waking.client().delete(queue)


class TestDrainTask:
    def test_wakes_again_where_there_is_more(self, make_handler, sent, monkeypatch):
        handler = make_handler()
        append(1, 2)
        sent.clear()
        monkeypatch.setattr(draining, "SLICE_SECONDS", 0)
        monkeypatch.setattr(draining, "_limits", {handler.name: 1})
        tasks.drain(handler=handler.name, topic=TOPIC, partitions=[HERE])
        assert sent == [(f"positions.{HERE % 2}", handler.name, TOPIC, [HERE])]

    def test_many_partitions_share_one_time_slice(self, make_handler, monkeypatch):
        """Or a shard's other handlers would wait for all of them."""
        clock = [0.0]
        taken = []

        def slow(batch):
            clock[0] += 0.9
            taken.append(len(batch.events))

        handler = make_handler(slow)
        monkeypatch.setattr(draining, "SLICE_SECONDS", 2.0)
        monkeypatch.setattr(draining, "_limits", {handler.name: 4})
        monkeypatch.setattr(draining, "_learn", lambda *_args: None)
        for number in (1, 2, 3, 4):
            append(*range(9), key=keys_in(number, 1)[0])
        monkeypatch.setattr(convoys.time, "monotonic", lambda: clock[0])
        assert drain_all(handler.name, TOPIC, [1, 2, 3, 4]) == [1, 2, 3, 4]
        assert taken == [4, 4, 4]  # till the two seconds were over

    def test_a_defect_at_one_partition_does_not_keep_the_others_waiting(
        self, make_handler, monkeypatch
    ):
        handler = make_handler()
        one, other = keys_in(1, 1)[0], keys_in(2, 1)[0]
        append(1, key=one)
        append(2, key=other)

        def broken(point, place):
            # Not the handler's: one that taking events one by one does not find either.
            if point == "after_read" and getattr(place, "partition", 1) == 1:
                raise KeyError("a defect")

        monkeypatch.setattr(barriers, "hook", broken)
        monkeypatch.setattr(draining, "SLICE_SECONDS", 1.0)  # it is tried for as long
        tasks.drain(handler=handler.name, topic=TOPIC, partitions=[1, 2])
        assert seen() == [2]

    def test_a_lost_database_is_no_error_of_the_task(self, make_handler, monkeypatch):
        handler = make_handler()
        append(1)

        def lost(*_args):
            raise OperationalError("the server closed the connection")

        monkeypatch.setattr(places, "begin", lost)
        tasks.drain(handler=handler.name, topic=TOPIC, partitions=[HERE])
        monkeypatch.undo()
        tasks.drain(handler=handler.name, topic=TOPIC, partitions=[HERE])
        assert seen() == [1]

    def test_any_arguments_of_a_later_release_are_ignored(self, make_handler):
        handler = make_handler()
        append(1)
        tasks.drain(handler=handler.name, topic=TOPIC, partitions=[HERE], priority="high")
        assert seen() == [1]

    def test_three_times_the_wakes_have_one_effect(self, make_handler):
        """R5, in one process; tests/chaos does it with workers."""
        handler = make_handler()
        partitions = [keys_in(number, 1)[0] for number in (1, 2, 3)]
        for number in range(60):
            append(number, key=partitions[number % 3])

        def wake():
            for _ in range(3):
                tasks.drain(handler=handler.name, topic=TOPIC, partitions=[1, 2, 3])

        in_threads(wake, wake, wake)
        for index, key in enumerate(partitions):
            assert seen(key) == list(range(index, 60, 3))


class TestReshard:
    """R12: from N to M queues is a change of the map, under load, without loss of order."""

    def test_spreads_partitions(self, make_handler):
        make_handler()
        reshard(3)
        shards = query("SELECT number, queue_shard FROM events_partition WHERE topic = %s", TOPIC)
        assert dict(shards) == {number: number % 3 for number in range(PARTITIONS)}

    @pytest.mark.parametrize("count", [0, 65])
    def test_has_limits(self, transactional_db, count):
        with pytest.raises(ValueError, match="between 1 and 64"):
            reshard(count)

    def test_new_topics_follow_the_present_map(self, make_handler):
        """Or a new topic of a one-shard installation would wait on a queue that nobody serves."""
        reshard(1)
        make_handler()
        query("DELETE FROM events_partition WHERE topic = %s", TOPIC)
        register_cursors()
        assert query("SELECT max(queue_shard) FROM events_partition") == [(0,)]
        reshard(8)
        query("DELETE FROM events_partition WHERE topic = %s", TOPIC)
        register_cursors()
        shards = query(
            "SELECT count(DISTINCT queue_shard) FROM events_partition WHERE topic = %s", TOPIC
        )
        assert shards == [(8,)]

    def test_under_load_keeps_the_order(self, make_handler, sent, monkeypatch):
        """Two workers serve the queues as they are sent to, while the map changes under them."""
        handler = make_handler()
        monkeypatch.setattr(waking, "MAP_SECONDS", 0.0)
        keys = [keys_in(number, 1)[0] for number in range(8)]
        told = threading.Event()
        served: dict[str, int] = {}

        def tell():
            try:
                for number in range(30):
                    for key in keys:
                        append(number, key=key)
                    reshard(1 + number % 5)
            finally:
                told.set()

        def work():
            """Whatever queue a wake is on, and however late: stale ones, too."""
            while True:
                try:
                    queue, name, topic, numbers = sent.pop()
                except IndexError:
                    if told.wait(0.005):
                        return
                    continue
                served[queue] = served.get(queue, 0) + 1
                tasks.drain(handler=name, topic=topic, partitions=numbers)

        in_threads(tell, work, work)
        drain_all(handler.name, TOPIC, list(range(8)))
        assert {key: seen(key) for key in keys} == {key: list(range(30)) for key in keys}
        assert len(served) > 2


class TestNewHandlers:
    def test_start_at_the_beginning(self, make_handler):
        make_handler()
        append(1, 2)

        def late(batch):
            note_effects(batch)

        handler = make_handler(late)
        drain(handler.name, TOPIC, HERE)
        assert seen() == [1, 2]

    def test_or_at_the_end_if_they_say_so(self, make_handler):
        make_handler()
        append(1, 2)

        def late(batch):
            note_effects(batch)

        handler = make_handler(late, from_head=True)
        append(3)
        drain(handler.name, TOPIC, HERE)
        assert seen() == [3]

    def test_registering_again_changes_nothing(self, make_handler):
        handler = make_handler()
        append(1)
        drain(handler.name, TOPIC, HERE)
        register_cursors()
        assert cursor_row(handler.name)["offset"] == 1
