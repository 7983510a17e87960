"""Parked keys: held in order, resumed in order, whatever happens meanwhile."""

import threading

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from apps.events import invariants, selectors
from apps.events.exceptions import NotParked, StillFailing, UnknownHandler
from apps.events.registry import Policy
from apps.events.services import (
    barriers,
    drain,
    parking,
    resume,
    resume_partition,
    resuming,
    stop_partition,
    unit_of_work,
)
from tests.events.conftest import note_effects, seen
from tests.events.helpers import (
    HERE,
    KEY,
    TOPIC,
    advisory_locks,
    append,
    cursor_row,
    in_threads,
    keys_in,
    query,
)


class Poison:
    """A handler that refuses these numbers, for as long as they are in the set."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = set(numbers)

    def handler(self):
        def refuse(batch):
            for one in batch.events:
                if one.event.number in self.numbers:
                    raise ValueError(f"cannot take {one.event.number}")
            note_effects(batch)

        return refuse


@pytest.fixture
def poison():
    return Poison(13)


@pytest.fixture
def handler(make_handler, poison):
    return make_handler(poison.handler())


def held() -> list[int]:
    return [offset for (offset,) in query('SELECT "offset" FROM events_parkedevent ORDER BY 1')]


def no_invariant_is_broken() -> bool:
    return all(check(None).ok for check in invariants.INVARIANTS)


class TestParking:
    """R10: a poison event stops its key and nothing else."""

    def test_keeps_the_error_and_its_trace(self, handler):
        append(13)
        drain(handler.name, TOPIC, HERE)
        [parked], count = selectors.parked(1, limit=10)
        assert (count, parked.key, parked.handler) == (1, KEY, handler.name)
        assert parked.error == "ValueError: cannot take 13"
        [(trace,)] = query("SELECT trace FROM events_parkedkey")
        assert "in refuse" in trace

    def test_is_shown_only_to_its_tenant(self, handler):
        append(13)
        drain(handler.name, TOPIC, HERE)
        assert selectors.parked(2, limit=10) == ([], 0)

    def test_of_many_keys_at_once(self, handler, poison):
        keys = keys_in(HERE, 10)
        poison.numbers = {3, 5}
        for number, key in enumerate(keys):
            append(number, key=key)
        drain(handler.name, TOPIC, HERE)
        assert seen() == [0, 1, 2, 4, 6, 7, 8, 9]
        assert selectors.parked_count() == {handler.name: 2}

    def test_of_one_handler_does_not_touch_the_others(self, handler, make_handler):
        def healthy(batch):
            note_effects(batch)

        other = make_handler(healthy)
        append(13, 14)
        drain(handler.name, TOPIC, HERE)
        drain(other.name, TOPIC, HERE)
        assert seen() == [13, 14]

    def test_deferred_constraints_find_their_own_offender(self, make_handler):
        """Django's foreign keys speak at the commit: there they would be everybody's fault."""
        query("CREATE TABLE test_thing (number int PRIMARY KEY)")
        query(
            "CREATE TABLE test_part (number int REFERENCES test_thing DEFERRABLE INITIALLY DEFERRED)"
        )
        query("INSERT INTO test_thing SELECT generate_series(1, 5)")
        try:

            def add_parts(batch):
                note_effects(batch)
                for one in batch.events:
                    query("INSERT INTO test_part VALUES (%s)", one.event.number)

            handler = make_handler(add_parts)
            bad, good = keys_in(HERE, 2)
            append(1, key=good)
            append(77, 3, key=bad)
            append(2, key=good)
            drain(handler.name, TOPIC, HERE)
            assert seen() == [1, 2]
            [(key, error)] = query("SELECT key, error FROM events_parkedkey")
            assert key == bad
            assert "foreign key" in error
            query("INSERT INTO test_thing VALUES (77)")
            assert resume(handler.name, TOPIC, HERE, bad) == 2
            assert seen(bad) == [77, 3]
        finally:
            query("DROP TABLE test_part, test_thing")

    def test_a_deferred_constraint_fails_a_resumption_too(self, make_handler):
        query("CREATE TABLE test_thing (number int PRIMARY KEY)")
        query(
            "CREATE TABLE test_part (number int REFERENCES test_thing DEFERRABLE INITIALLY DEFERRED)"
        )
        try:

            def add_parts(batch):
                for one in batch.events:
                    query("INSERT INTO test_part VALUES (%s)", one.event.number)

            handler = make_handler(add_parts)
            append(77)
            drain(handler.name, TOPIC, HERE)
            with pytest.raises(StillFailing):
                resume(handler.name, TOPIC, HERE, KEY)
            assert selectors.parked_count() == {handler.name: 1}
        finally:
            query("DROP TABLE test_part, test_thing")

    def test_skip_sets_only_the_event_aside(self, make_handler, poison):
        handler = make_handler(poison.handler(), policy=Policy.SKIP)
        poison.numbers = {13, 15}
        append(12, 13, 14, 15, 16)
        drain(handler.name, TOPIC, HERE)
        assert seen() == [12, 14, 16]
        assert held() == [2, 4]
        poison.numbers.clear()
        assert resume(handler.name, TOPIC, HERE, KEY) == 2
        assert seen() == [12, 14, 16, 13, 15]
        assert held() == []

    def test_a_storm_stops_before_the_event_and_says_why(self, handler, poison):
        poison.numbers = set(range(100))
        for number, key in enumerate(keys_in(HERE, parking.STORM + 1)):
            append(number, key=key)
        drain(handler.name, TOPIC, HERE)
        row = cursor_row(handler.name)
        assert row["state"] == "stopped"
        assert "20 keys were parked within a minute" in row["error"]
        assert "cannot take 20" in row["error"]
        poison.numbers.clear()
        resume_partition(handler.name, TOPIC, HERE)
        drain(handler.name, TOPIC, HERE)
        assert seen() == [20]

    def test_old_parked_keys_make_no_storm(self, handler, poison):
        poison.numbers = set(range(100))
        keys = keys_in(HERE, parking.STORM + 1)
        for number, key in enumerate(keys):
            if number == parking.STORM:
                drain(handler.name, TOPIC, HERE)
                query("UPDATE events_parkedkey SET parked_at = parked_at - interval '2 minutes'")
            append(number, key=key)
        drain(handler.name, TOPIC, HERE)
        assert cursor_row(handler.name)["state"] == "running"
        assert selectors.parked_count() == {handler.name: parking.STORM + 1}


class TestStopping:
    def test_the_kill_switch_and_back(self, make_handler):
        handler = make_handler()
        append(1)
        stop_partition(handler.name, TOPIC, HERE, reason="maintenance")
        drain(handler.name, TOPIC, HERE)
        assert seen() == []
        assert cursor_row(handler.name)["error"] == "maintenance"
        resume_partition(handler.name, TOPIC, HERE)
        drain(handler.name, TOPIC, HERE)
        assert seen() == [1]
        assert cursor_row(handler.name)["error"] == ""

    def test_during_a_drain_it_stops_after_the_batch(self, make_handler, monkeypatch):
        handler = make_handler()
        append(1)
        stopped = []

        def stop(point, _place):
            if point == "after_commit" and not stopped:
                stopped.append(1)
                append(2)
                stop_partition(handler.name, TOPIC, HERE, reason="now")

        monkeypatch.setattr(barriers, "hook", stop)
        drain(handler.name, TOPIC, HERE)
        assert seen() == [1]


class TestResume:
    """R10: resuming replays the key in order, and lets it go in the same transaction."""

    def test_of_what_is_not_parked_is_refused(self, handler):
        with pytest.raises(NotParked):
            resume(handler.name, TOPIC, HERE, KEY)
        with pytest.raises(UnknownHandler):
            resume("nobody.knows", TOPIC, HERE, KEY)

    def test_of_more_events_than_a_chunk_holds(self, handler, poison, monkeypatch):
        monkeypatch.setattr(resuming, "CHUNK", 100)
        append(*range(13, 320))
        drain(handler.name, TOPIC, HERE)
        assert len(held()) == 307
        poison.numbers.clear()
        assert resume(handler.name, TOPIC, HERE, KEY) == 307
        assert seen() == list(range(13, 320))
        assert held() == []
        assert selectors.parked_count() == {}

    @pytest.mark.parametrize("count", [99, 100, 101, 200])
    def test_of_exactly_a_chunk(self, handler, poison, monkeypatch, count):
        monkeypatch.setattr(resuming, "CHUNK", 100)
        append(*range(13, 13 + count))
        drain(handler.name, TOPIC, HERE)
        poison.numbers.clear()
        assert resume(handler.name, TOPIC, HERE, KEY) == count
        assert selectors.parked_count() == {}

    def test_of_more_than_five_hundred(self, handler, poison):
        append(*range(13, 613))
        drain(handler.name, TOPIC, HERE)
        poison.numbers.clear()
        assert resume(handler.name, TOPIC, HERE, KEY) == 600
        assert seen() == list(range(13, 613))

    def test_events_that_come_meanwhile_are_held_and_come_after(self, handler, poison, monkeypatch):
        """Between two chunks the key is still parked: a drain there holds what it finds."""
        monkeypatch.setattr(resuming, "CHUNK", 3)
        append(13, 14, 15, 16)
        drain(handler.name, TOPIC, HERE)
        poison.numbers.clear()
        chunk = resuming._resume_chunk
        number = iter(range(17, 20))

        def chunk_then_more(place, key):
            done = chunk(place, key)
            for one in number:
                append(one)
                drain(handler.name, TOPIC, HERE)
                break
            return done

        monkeypatch.setattr(resuming, "_resume_chunk", chunk_then_more)
        resume(handler.name, TOPIC, HERE, KEY)
        drain(handler.name, TOPIC, HERE)
        assert seen() == sorted(seen())
        assert seen()[:5] == [13, 14, 15, 16, 17]
        assert no_invariant_is_broken()

    def test_under_concurrent_drains_and_appends_keeps_the_order(
        self, handler, poison, monkeypatch
    ):
        monkeypatch.setattr(resuming, "CHUNK", 7)
        append(*range(13, 63))
        drain(handler.name, TOPIC, HERE)
        poison.numbers.clear()
        over = threading.Event()

        def tell():
            for number in range(63, 123):
                append(number)

        def let_go():
            try:
                resume(handler.name, TOPIC, HERE, KEY)
            finally:
                over.set()

        def drain_all_the_time():
            while not over.is_set():
                drain(handler.name, TOPIC, HERE)

        in_threads(tell, let_go, drain_all_the_time, drain_all_the_time)
        drain(handler.name, TOPIC, HERE)
        assert seen() == list(range(13, 123))
        assert selectors.parked_count() == {}
        assert cursor_row(handler.name)["attempts"] == 0
        assert no_invariant_is_broken()

    def test_by_two_people_at_once(self, handler, poison, monkeypatch):
        monkeypatch.setattr(resuming, "CHUNK", 5)
        append(*range(13, 53))
        drain(handler.name, TOPIC, HERE)
        poison.numbers.clear()

        def let_go():
            try:
                return resume(handler.name, TOPIC, HERE, KEY)
            except NotParked:
                return 0

        assert sum(in_threads(let_go, let_go)) == 40
        assert seen() == list(range(13, 53))

    def test_that_dies_leaves_the_key_parked(self, handler, poison, monkeypatch):
        """What a chunk did and that it is done is one transaction."""
        monkeypatch.setattr(resuming, "CHUNK", 2)
        append(13, 14, 15)
        drain(handler.name, TOPIC, HERE)
        poison.numbers.clear()
        passes = []

        def die(point, _place):
            if point == "after_append":
                passes.append(1)
                if len(passes) == 2:
                    raise KeyboardInterrupt

        monkeypatch.setattr(barriers, "hook", die)
        with pytest.raises(KeyboardInterrupt):
            resume(handler.name, TOPIC, HERE, KEY)
        monkeypatch.setattr(barriers, "hook", None)
        assert seen() == [13, 14]
        assert held() == [3]
        assert selectors.parked_count() == {handler.name: 1}
        assert resume(handler.name, TOPIC, HERE, KEY) == 1
        assert seen() == [13, 14, 15]

    def test_an_infrastructure_error_ends_it_without_blaming_the_event(self, make_handler, poison):
        away = []

        def sometimes(batch):
            if away:
                raise OperationalError("lost")
            poison.handler()(batch)

        handler = make_handler(sometimes)
        append(13)
        drain(handler.name, TOPIC, HERE)
        poison.numbers.clear()
        away.append(1)
        with pytest.raises(OperationalError):
            resume(handler.name, TOPIC, HERE, KEY)
        away.clear()
        [(attempts, error)] = query("SELECT attempts, error FROM events_parkedkey")
        assert (attempts, error) == (1, "ValueError: cannot take 13")
        assert resume(handler.name, TOPIC, HERE, KEY) == 1

    def test_what_a_failed_event_published_is_taken_back(self, make_handler):
        fail = [True]

        def echo(batch):
            with unit_of_work() as work:
                for one in batch.events:
                    if one.event.number < 1_000:
                        work.publish(
                            type(one.event)(amount=1, number=one.event.number + 1_000),
                            tenant=1,
                            key=one.key,
                        )
                    if fail[0] and one.event.number == 14:
                        raise ValueError("after publishing")

        handler = make_handler(echo)
        append(13, 14)
        drain(handler.name, TOPIC, HERE)
        with pytest.raises(StillFailing):
            resume(handler.name, TOPIC, HERE, KEY)
        fail[0] = False
        resume(handler.name, TOPIC, HERE, KEY)
        numbers = query("SELECT (data->>'number')::int FROM events_event ORDER BY \"offset\"")
        assert [number for (number,) in numbers] == [13, 14, 1013, 1014]

    def test_the_command(self, handler, poison, capsys):
        keys = keys_in(HERE, 2)
        for key in keys:
            append(13, key=key)
        drain(handler.name, TOPIC, HERE)
        with pytest.raises(CommandError, match="Name one KEY"):
            call_command("resume", handler.name)
        with pytest.raises(CommandError, match="Nothing is parked"):
            call_command("resume", handler.name, "another")
        with pytest.raises(SystemExit):
            call_command("resume", handler.name, keys[0])
        poison.numbers.clear()
        call_command("resume", handler.name, "--all")
        assert sorted(seen()) == [13, 13]
        assert "1 events replayed" in capsys.readouterr().out

    def test_leaves_the_connection_as_it_was(self, handler, poison):
        append(13)
        drain(handler.name, TOPIC, HERE)
        poison.numbers.clear()
        resume(handler.name, TOPIC, HERE, KEY)
        assert not connection.in_atomic_block
        assert advisory_locks() == []
