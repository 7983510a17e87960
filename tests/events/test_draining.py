"""Drain: in order, exactly once in effect, whatever fails."""

from decimal import Decimal

import pytest
from django.db import OperationalError, connection
from redis.exceptions import RedisError

from apps.core.exceptions import Unavailable
from apps.events import selectors
from apps.events.exceptions import StillFailing
from apps.events.registry import Batch, Policy
from apps.events.services import (
    Outcome,
    barriers,
    drain,
    draining,
    parking,
    resume,
    resume_partition,
    sweep,
    unit_of_work,
)
from tests.events.conftest import ThingAdded, note_effects, seen
from tests.events.helpers import HERE, KEY, TOPIC, append, cursor_row, in_threads, keys_in, query


class TestDrain:
    def test_takes_everything_in_order_and_moves_the_cursor(self, make_handler):
        handler = make_handler()
        append(*range(1_200))
        assert drain(handler.name, TOPIC, HERE) is Outcome.DONE
        assert seen() == list(range(1_200))
        assert cursor_row(handler.name)["offset"] == 1_200
        assert cursor_row(handler.name)["attempts"] == 0

    def test_a_second_drain_does_nothing(self, make_handler):
        handler = make_handler()
        append(1, 2)
        drain(handler.name, TOPIC, HERE)
        drain(handler.name, TOPIC, HERE)
        assert seen() == [1, 2]

    def test_effects_and_cursor_are_one_transaction(self, make_handler):
        calls = []

        def breaks_late(batch: Batch) -> None:
            note_effects(batch)
            calls.append(len(batch.events))
            raise OperationalError("the connection went away")

        handler = make_handler(breaks_late)
        append(1, 2)
        drain(handler.name, TOPIC, HERE)
        assert calls == [2]
        assert seen() == []
        assert cursor_row(handler.name)["offset"] == 0

    def test_batches_have_a_limit(self, make_handler):
        sizes = []

        def measure(batch: Batch) -> None:
            sizes.append(len(batch.events))

        handler = make_handler(measure)
        append(*range(1_100))
        drain(handler.name, TOPIC, HERE)
        assert max(sizes) <= draining.BATCH_MAX
        assert sum(sizes) == 1_100

    def test_two_handlers_have_their_own_cursors(self, make_handler):
        def second(batch: Batch) -> None:
            note_effects(batch)

        first, other = make_handler(), make_handler(second)
        append(1, 2)
        drain(first.name, TOPIC, HERE)
        assert seen() == [1, 2]
        drain(other.name, TOPIC, HERE)
        assert seen() == [1, 2, 1, 2]


class TestLostWake:
    """R1: an append whose wake met a busy drain is seen by that drain, after it let go."""

    @pytest.mark.parametrize("point", ["after_read", "after_commit", "before_unlock"])
    def test_a_wake_that_finds_the_drain_busy_is_not_lost(self, make_handler, monkeypatch, point):
        """At the last point the drain has looked for the last time before it lets go."""
        handler = make_handler()
        append(1)
        answers = []

        def append_and_wake():
            append(2)
            answers.append(drain(handler.name, TOPIC, HERE))

        def meanwhile(passed: str, place: object) -> None:
            if passed == point and not answers:
                in_threads(append_and_wake)

        monkeypatch.setattr(barriers, "hook", meanwhile)
        assert drain(handler.name, TOPIC, HERE) is Outcome.DONE
        assert answers == [Outcome.BUSY]
        assert seen() == [1, 2]


class TestInfrastructureErrors:
    def test_back_off_the_partition_and_park_nothing(self, make_handler):
        def no_database(batch: Batch) -> None:
            raise OperationalError("lost")

        handler = make_handler(no_database)
        append(1)
        drain(handler.name, TOPIC, HERE)
        row = cursor_row(handler.name)
        assert (row["failures"], row["attempts"], row["state"]) == (1, 0, "running")
        assert row["retry_at"] is not None
        assert "lost" in row["error"]
        assert selectors.parked_count() == {}
        # until then the place is left alone
        query("UPDATE events_cursor SET retry_at = retry_at + interval '60 seconds'")
        assert drain(handler.name, TOPIC, HERE) is Outcome.DONE
        assert cursor_row(handler.name)["failures"] == 1

    def test_back_offs_grow_to_a_minute(self, make_handler):
        def no_database(batch: Batch) -> None:
            raise OperationalError("lost")

        handler = make_handler(no_database)
        append(1)
        waits = []
        for failures in (0, 1, 2, 5, 6, 49):
            query("UPDATE events_cursor SET failures = %s, retry_at = NULL", failures)
            drain(handler.name, TOPIC, HERE)
            row = cursor_row(handler.name)
            assert row["failures"] == failures + 1
            waits.append(round((row["retry_at"] - row["updated_at"]).total_seconds()))
        assert waits == [1, 2, 4, 32, 60, 60]

    @pytest.mark.parametrize("error", [RedisError("gone"), TimeoutError(), Unavailable()])
    def test_are_of_many_kinds(self, make_handler, error):
        def fail(batch: Batch) -> None:
            raise error

        handler = make_handler(fail)
        append(1)
        drain(handler.name, TOPIC, HERE)
        assert cursor_row(handler.name)["failures"] == 1
        assert selectors.parked_count() == {}


def poison(numbers: set[int]):
    def refuse(batch: Batch) -> None:
        for one in batch.events:
            if one.event.number in numbers:
                raise ValueError(f"cannot take {one.event.number}")
        note_effects(batch)

    return refuse


class TestPoison:
    """R10: only the key of a poison event waits; resume replays it in order."""

    def test_stops_only_its_key(self, make_handler):
        handler = make_handler(poison({13}))
        bad, good = keys_in(HERE, 2)
        append(1, key=bad)
        append(13, 14, key=bad)
        append(21, 22, key=good)
        append(15, key=bad)
        drain(handler.name, TOPIC, HERE)
        assert seen(bad) == [1]
        assert seen(good) == [21, 22]
        assert selectors.parked_count() == {handler.name: 1}
        assert cursor_row(handler.name)["offset"] == 6

    def test_later_events_are_held_and_resume_replays_in_order(self, make_handler):
        bad_numbers = {13}
        handler = make_handler(poison(bad_numbers))
        append(13, 14)
        drain(handler.name, TOPIC, HERE)
        append(15)
        drain(handler.name, TOPIC, HERE)
        assert seen() == []
        bad_numbers.clear()
        assert resume(handler.name, TOPIC, HERE, KEY) == 3
        assert seen() == [13, 14, 15]
        assert selectors.parked_count() == {}
        append(16)
        drain(handler.name, TOPIC, HERE)
        assert seen() == [13, 14, 15, 16]

    def test_resume_that_fails_again_keeps_what_went_well_and_stays_parked(self, make_handler):
        numbers = {13, 15}
        handler = make_handler(poison(numbers))
        append(13, 14, 15, 16)
        drain(handler.name, TOPIC, HERE)
        numbers.discard(13)
        with pytest.raises(StillFailing) as refusal:
            resume(handler.name, TOPIC, HERE, KEY)
        assert refusal.value.facts["replayed"] == 2
        assert seen() == [13, 14]
        numbers.clear()
        resume(handler.name, TOPIC, HERE, KEY)
        assert seen() == [13, 14, 15, 16]

    def test_policy_skip_lets_the_key_go_on(self, make_handler):
        handler = make_handler(poison({13}), policy=Policy.SKIP)
        append(12, 13, 14)
        drain(handler.name, TOPIC, HERE)
        assert seen() == [12, 14]
        assert selectors.parked_count() == {handler.name: 1}

    def test_policy_stop_stops_the_partition_before_the_event(self, make_handler):
        numbers = {13}
        handler = make_handler(poison(numbers), policy=Policy.STOP)
        append(12, 13, 14)
        drain(handler.name, TOPIC, HERE)
        row = cursor_row(handler.name)
        assert (row["state"], row["offset"]) == ("stopped", 1)
        assert "cannot take 13" in row["error"]
        assert sweep() == 0
        numbers.clear()
        resume_partition(handler.name, TOPIC, HERE)
        drain(handler.name, TOPIC, HERE)
        assert seen() == [12, 13, 14]

    def test_a_storm_of_parked_keys_stops_the_partition(self, make_handler):
        handler = make_handler(poison(set(range(100))))
        keys = keys_in(HERE, parking.STORM + 5)
        for number, key in enumerate(keys):
            append(number, key=key)
        drain(handler.name, TOPIC, HERE)
        row = cursor_row(handler.name)
        assert row["state"] == "stopped"
        assert row["offset"] == parking.STORM
        assert selectors.parked_count() == {handler.name: parking.STORM}

    def test_what_a_failed_event_published_is_taken_back(self, make_handler):
        def publish_then_fail(batch: Batch) -> None:
            with unit_of_work() as work:
                for one in batch.events:
                    echo = ThingAdded(amount=Decimal(2), number=one.event.number + 1_000)
                    if one.event.number < 1_000:
                        work.publish(echo, tenant=1, key=one.key)
                    if one.event.number == 13:
                        raise ValueError("after publishing")

        handler = make_handler(publish_then_fail)
        bad, good = keys_in(HERE, 2)
        append(13, key=bad)
        append(14, key=good)
        drain(handler.name, TOPIC, HERE)
        with connection.cursor() as cursor:
            cursor.execute("SELECT data->>'number' FROM events_event ORDER BY \"offset\"")
            assert [number for (number,) in cursor.fetchall()] == ["13", "14", "1014"]
