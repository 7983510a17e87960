"""Tries are counted before they are made: an event that kills its workers is parked.

A death is played by an exception that nobody catches; tests/chaos kills real processes.
"""

import threading

import psycopg
import pytest
from django.db import OperationalError, connection

from apps.events import selectors
from apps.events.registry import Policy
from apps.events.services import Outcome, barriers, drain, draining, failing, resume
from tests.events.conftest import note_effects, seen
from tests.events.helpers import (
    HERE,
    KEY,
    TOPIC,
    WAITING,
    append,
    cursor_row,
    in_threads,
    keys_in,
    query,
)
from tests.waiting import wait_until


class Death(BaseException):
    """Not an error: whatever catches errors does not see it."""


def killer(number: int):
    def kill(batch):
        if any(one.event.number == number for one in batch.events):
            raise Death
        note_effects(batch)

    return kill


def die_at(point: str, *, passes: int = 0):
    left = [passes]

    def hook(passed, _place):
        if passed == point:
            if left[0] == 0:
                raise Death
            left[0] -= 1

    return hook


def drain_to_death(name: str) -> int:
    """Drain as workers do that die and are started again; how many died."""
    deaths = 0
    while True:
        try:
            if drain(name, TOPIC, HERE) is Outcome.DONE:
                return deaths
        except Death:
            deaths += 1
            assert deaths < 20


class TestDeathAtEveryStep:
    """R9: wherever a worker dies, effects and cursor go together."""

    @pytest.mark.parametrize("point", barriers.POINTS)
    @pytest.mark.parametrize("passes", [0, 1])
    def test_nothing_is_lost_and_nothing_twice(self, make_handler, monkeypatch, point, passes):
        handler = make_handler()
        monkeypatch.setattr(draining, "_limits", {handler.name: 2})
        monkeypatch.setattr(draining, "_learn", lambda *_args: None)
        append(1, 2, 3, 4, 5)
        monkeypatch.setattr(barriers, "hook", die_at(point, passes=passes))
        try:
            drain(handler.name, TOPIC, HERE)
        except Death:
            done = seen()
            assert done == list(range(1, len(done) + 1))
            assert cursor_row(handler.name)["offset"] == len(done)
        else:
            assert point in {"before_unlock", "after_unlock"}  # passed only once a drain
            assert passes == 1
        monkeypatch.setattr(barriers, "hook", None)
        drain(handler.name, TOPIC, HERE)
        assert seen() == [1, 2, 3, 4, 5]
        row = cursor_row(handler.name)
        assert (row["offset"], row["attempts"]) == (5, 0)
        assert selectors.parked_count() == {}

    @pytest.mark.parametrize("point", ["before_append", "after_append", "before_wake"])
    def test_of_a_publisher_too(self, make_handler, monkeypatch, point):
        handler = make_handler()
        monkeypatch.setattr(barriers, "hook", die_at(point))
        with pytest.raises(Death):
            append(1, 2)
        monkeypatch.setattr(barriers, "hook", None)
        drain(handler.name, TOPIC, HERE)
        assert seen() == ([1, 2] if point == "before_wake" else [])

    def test_one_death_harms_nobody(self, make_handler, monkeypatch):
        """After it, what was in that batch is taken one by one; then all is as before."""
        sizes = []

        def measured(batch):
            sizes.append(len(batch.events))
            note_effects(batch)

        handler = make_handler(measured)
        append(*range(10))
        monkeypatch.setattr(draining, "_limits", {handler.name: 4})
        monkeypatch.setattr(draining, "_learn", lambda *_args: None)
        monkeypatch.setattr(barriers, "hook", die_at("before_commit"))
        with pytest.raises(Death):
            drain(handler.name, TOPIC, HERE)
        monkeypatch.setattr(barriers, "hook", None)
        drain(handler.name, TOPIC, HERE)
        assert sizes == [4, 1, 1, 1, 1, 4, 2]
        assert seen() == list(range(10))


class TestKillers:
    """R9: the event at which three tries died is parked, and no other."""

    @pytest.mark.parametrize("position", [0, 2, 4])
    def test_are_parked(self, make_handler, position):
        bad, *good = keys_in(HERE, 5)
        handler = make_handler(killer(13))
        keys = [*good[:position], bad, *good[position:]]
        for number, key in enumerate(keys):
            append(13 if key == bad else number, key=key)
        append(99, key=bad)
        deaths = drain_to_death(handler.name)
        assert deaths == failing.DEATHS + (1 if position else 0)
        assert [seen(key) for key in good] == [[keys.index(key)] for key in good]
        assert seen(bad) == []
        [parked] = query("SELECT key, first_offset, error FROM events_parkedkey")
        assert parked[:2] == (bad, position + 1)
        assert parked[2] == "the worker died 3 times at this event"
        assert query('SELECT "offset" FROM events_parkedevent ORDER BY 1') == [
            (position + 1,),
            (6,),
        ]

    def test_two_in_one_batch_are_both_found(self, make_handler):
        def kill(batch):
            if any(one.event.number in {13, 15} for one in batch.events):
                raise Death
            note_effects(batch)

        handler = make_handler(kill)
        keys = keys_in(HERE, 6)
        for number, key in enumerate(keys, start=11):
            append(number, key=key)
        assert drain_to_death(handler.name) == 1 + 2 * failing.DEATHS
        assert seen() == [11, 12, 14, 16]
        assert selectors.parked_count() == {handler.name: 2}

    def test_once_harmless_the_key_goes_on(self, make_handler):
        numbers = {13}

        def kill(batch):
            if any(one.event.number in numbers for one in batch.events):
                raise Death
            note_effects(batch)

        handler = make_handler(kill)
        append(13, 14)
        drain_to_death(handler.name)
        numbers.clear()
        resume(handler.name, TOPIC, HERE, KEY)
        assert seen() == [13, 14]

    def test_policy_stop_stops_instead(self, make_handler):
        """Going on past the event would break the promise that this policy makes."""
        handler = make_handler(killer(13), policy=Policy.STOP)
        append(12, 13, 14)
        drain_to_death(handler.name)
        row = cursor_row(handler.name)
        assert (row["state"], row["offset"]) == ("stopped", 1)
        assert "the worker died 3 times" in row["error"]
        assert seen() == [12]
        assert selectors.parked_count() == {}

    def test_an_error_at_the_commit_is_found_like_a_killer(self, make_handler, monkeypatch):
        """What no savepoint shows: nothing is lost, and in the end its key is parked."""
        real = connection.commit
        handler = make_handler()

        def commit():
            if query("SELECT 1 FROM test_effect WHERE number = 13"):
                connection.rollback()
                raise ValueError("refused at the commit")
            real()

        append(12, 13, 14)
        bad, good = KEY, keys_in(HERE, 1)[0]
        append(20, key=good)
        monkeypatch.setattr(connection, "commit", commit)
        for _ in range(6):
            try:
                drain(handler.name, TOPIC, HERE)
            except ValueError:
                continue
        monkeypatch.undo()
        assert seen(bad) == [12]
        assert seen(good) == [20]
        assert selectors.parked_count() == {handler.name: 1}


class TestCounting:
    def test_rivals_leave_no_attempt_behind(self, make_handler):
        """Only a death does; else a busy place would look deadly and park the innocent."""
        handler = make_handler()
        append(*range(50))
        in_threads(*[lambda: drain(handler.name, TOPIC, HERE)] * 6)
        drain(handler.name, TOPIC, HERE)
        row = cursor_row(handler.name)
        assert (row["attempts"], row["suspect_until"]) == (0, 0)
        assert seen() == list(range(50))

    def test_whoever_holds_the_cursor_for_a_moment_is_waited_for(self, make_handler, monkeypatch):
        """A sweep counts a rescue, a person stops a partition: neither is a death."""
        handler = make_handler()
        append(1)
        locked, free = threading.Event(), threading.Event()

        def hold():
            with psycopg.connect(**connection.get_connection_params()) as other:
                other.execute("SELECT FROM events_cursor FOR UPDATE")
                locked.set()
                wait_until(lambda: other.execute(WAITING).rowcount)
                other.rollback()
            free.set()

        def meanwhile(point, _place):
            if point == "after_begin" and not locked.is_set():
                threading.Thread(target=hold).start()
                locked.wait(120)

        monkeypatch.setattr(barriers, "hook", meanwhile)
        assert drain(handler.name, TOPIC, HERE) is Outcome.DONE
        assert free.wait(120)
        assert seen() == [1]
        assert cursor_row(handler.name)["attempts"] == 0

    def test_an_infrastructure_error_is_no_death(self, make_handler):
        calls = []

        def fails_at_first(batch):
            calls.append(len(batch.events))
            if len(calls) < 5:
                raise OperationalError("lost")
            note_effects(batch)

        handler = make_handler(fails_at_first)
        append(1, 2)
        for _ in range(5):
            drain(handler.name, TOPIC, HERE)
            query("UPDATE events_cursor SET retry_at = NULL")
        assert calls == [2] * 5
        assert seen() == [1, 2]

    def test_a_lost_database_is_no_death_either(self, make_handler, monkeypatch):
        """The count is undone when the database is back."""
        handler = make_handler()
        append(1, 2)

        def lose_connection(point, _place):
            if point == "before_commit":
                with psycopg.connect(
                    **connection.get_connection_params(), autocommit=True
                ) as other:
                    pid = connection.connection.info.backend_pid
                    other.execute("SELECT pg_terminate_backend(%s)", [pid])
                    wait_until(
                        lambda: (
                            not other.execute(
                                "SELECT FROM pg_stat_activity WHERE pid = %s", [pid]
                            ).rowcount
                        )
                    )
                monkeypatch.setattr(barriers, "hook", None)

        for _ in range(4):
            monkeypatch.setattr(barriers, "hook", lose_connection)
            try:
                drain(handler.name, TOPIC, HERE)
            except OperationalError:
                connection.close()
            query("UPDATE events_cursor SET retry_at = NULL")
            if seen():
                break
        monkeypatch.setattr(barriers, "hook", None)
        drain(handler.name, TOPIC, HERE)
        assert seen() == [1, 2]
        assert cursor_row(handler.name)["attempts"] == 0
        assert selectors.parked_count() == {}
