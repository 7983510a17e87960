"""Convoys: several partitions in one transaction, and no worse than one at a time."""

import contextlib

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from apps.events.services import barriers, convoys, drain_all, draining, resume
from tests.events.conftest import note_effects, seen
from tests.events.helpers import TOPIC, advisory_locks, append, cursor_row, keys_in, query

HERE = tuple(range(7, 15))


@pytest.fixture
def keys():
    return [keys_in(partition, 1)[0] for partition in HERE]


def tell(keys, *numbers):
    for key in keys:
        append(*numbers, key=key)


def offsets(handler):
    return [cursor_row(handler.name, number)["offset"] for number in HERE]


class TestConvoy:
    def test_takes_all_partitions_in_one_batch(self, make_handler, keys):
        batches = []

        def note(batch):
            batches.append([(one.key, one.event.number) for one in batch.events])
            note_effects(batch)

        handler = make_handler(note)
        tell(keys, 1, 2)
        assert drain_all(handler.name, TOPIC, HERE) == []
        assert batches == [[(key, number) for key in keys for number in (1, 2)]]
        assert offsets(handler) == [2] * len(HERE)
        assert cursor_row(handler.name, HERE[0])["attempts"] == 0
        assert cursor_row(handler.name, HERE[0])["events_total"] == 2

    def test_costs_the_same_however_many_partitions(self, make_handler, keys):
        def queries(handler, partitions):
            with CaptureQueriesContext(connection) as captured:
                drain_all(handler.name, TOPIC, partitions)
            return len(captured)

        handler = make_handler(lambda batch: None)
        tell(keys, 1)
        many = queries(handler, HERE)
        tell(keys[:1], 1)
        assert queries(handler, HERE[:1]) == many

    def test_keeps_to_the_limit_of_a_batch(self, make_handler, keys, monkeypatch):
        sizes = []

        def note(batch):
            sizes.append(len(batch.events))
            note_effects(batch)

        handler = make_handler(note)
        monkeypatch.setattr(draining, "_limits", {handler.name: 16})
        monkeypatch.setattr(draining, "_learn", lambda *_args: None)
        tell(keys, 1)
        append(*range(2, 40), key=keys[3])
        drain_all(handler.name, TOPIC, HERE)
        assert max(sizes) == 16
        assert seen(keys[3]) == list(range(1, 40))
        assert [seen(key) for key in keys[:3]] == [[1]] * 3

    def test_lets_go_of_its_claims(self, make_handler, keys):
        handler = make_handler()
        tell(keys, 1)
        drain_all(handler.name, TOPIC, HERE)
        assert advisory_locks() == []

    def test_sees_what_was_appended_while_it_let_go(self, make_handler, keys, monkeypatch):
        handler = make_handler()
        tell(keys, 1)

        def late(point, _place):
            if point == "before_unlock":
                monkeypatch.setattr(barriers, "hook", None)
                append(2, key=keys[5])

        monkeypatch.setattr(barriers, "hook", late)
        drain_all(handler.name, TOPIC, HERE)
        assert seen(keys[5]) == [1, 2]


class TestTrouble:
    def test_poison_in_one_partition_parks_its_key_alone(self, make_handler, keys):
        poison = {13}

        def refuse(batch):
            if any(one.event.number in poison for one in batch.events):
                raise ValueError("thirteen")
            note_effects(batch)

        handler = make_handler(refuse)
        tell(keys, 1)
        append(13, 14, key=keys[2])
        tell(keys, 15)
        drain_all(handler.name, TOPIC, HERE)
        others = [key for key in keys if key != keys[2]]
        assert [seen(key) for key in others] == [[1, 15]] * len(others)
        assert seen(keys[2]) == [1]
        assert query("SELECT key FROM events_parkedkey") == [(keys[2],)]
        assert query("SELECT count(*) FROM events_parkedevent") == [(3,)]

        # What comes later is held in the convoy, too, and resumed in order.
        tell(keys, 16)
        drain_all(handler.name, TOPIC, HERE)
        assert seen(keys[2]) == [1]
        poison.clear()
        resume(handler.name, TOPIC, HERE[2], keys[2])
        assert seen(keys[2]) == [1, 13, 14, 15, 16]

    def test_an_outage_backs_all_of_them_off_and_parks_nothing(self, make_handler, keys):
        def breaks(batch):
            raise OperationalError("gone")

        handler = make_handler(breaks)
        tell(keys, 1)
        assert drain_all(handler.name, TOPIC, HERE) == []
        rows = [cursor_row(handler.name, number) for number in HERE]
        assert {(row["failures"], row["attempts"], row["offset"]) for row in rows} == {(1, 0, 0)}
        assert query("SELECT 1 FROM events_parkedkey") == []

    def test_a_killer_costs_its_neighbours_nothing(self, make_handler, keys):
        """Deaths that befell while they waited for their turn are not theirs."""

        class Death(BaseException):
            pass

        def die(batch):
            if any(one.event.number == 13 for one in batch.events):
                raise Death
            note_effects(batch)

        handler = make_handler(die)
        append(13, key=keys[0])
        tell(keys[1:], 1)
        for _ in range(5):
            with contextlib.suppress(Death):
                drain_all(handler.name, TOPIC, HERE)
        assert query("SELECT key FROM events_parkedkey") == [(keys[0],)]
        assert [seen(key) for key in keys[1:]] == [[1]] * (len(keys) - 1)

    def test_a_death_leaves_an_attempt_in_each_and_makes_the_next_one_careful(
        self, make_handler, keys, monkeypatch
    ):
        class Death(BaseException):
            pass

        def die(point, _place):
            if point == "before_commit":
                raise Death

        handler = make_handler()
        tell(keys, 1, 2)
        monkeypatch.setattr(barriers, "hook", die)
        with pytest.raises(Death):
            drain_all(handler.name, TOPIC, HERE)
        monkeypatch.setattr(barriers, "hook", None)
        assert {cursor_row(handler.name, number)["attempts"] for number in HERE} == {1}
        drain_all(handler.name, TOPIC, HERE)
        assert [seen(key) for key in keys] == [[1, 2]] * len(keys)
        assert {cursor_row(handler.name, number)["attempts"] for number in HERE} == {0}


class TestShares:
    @given(
        st.dictionaries(st.integers(0, 63), st.integers(1, 2_000), min_size=1),
        st.integers(1, 500),
    )
    def test_are_fair_and_waste_nothing(self, behind, limit):
        found = convoys.shares(behind, limit)
        assert found.keys() == behind.keys()
        assert all(1 <= found[one] <= behind[one] for one in behind)
        total = sum(found.values())
        assert total <= max(limit, len(behind))
        if sum(behind.values()) >= limit >= len(behind):
            assert total > limit - len(behind)
        # Whoever got less than it has got no less than anybody else.
        assert all(
            found[one] == behind[one] or found[one] >= max(found.values()) - 1 for one in behind
        )
