"""Handlers that call the outside: concurrent by key, in order within a key, told again after a crash."""

import asyncio
import contextlib
import threading
import time
from collections import defaultdict

import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError, connection

from apps.core.exceptions import Unavailable
from apps.events import invariants, selectors
from apps.events.contracts import partition_of
from apps.events.exceptions import Busy, StillFailing
from apps.events.registry import Policy
from apps.events.services import (
    barriers,
    calling,
    drain,
    drain_all,
    draining,
    failing,
    leases,
    parking,
    places,
    resume,
    resume_partition,
    window,
)
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
from tests.waiting import wait_until


class Provider:
    """The outside: notes who called when, answers slowly, fails or hangs as it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []
        self.answers: list[tuple[str, int]] = []
        self.failing: dict[int, Exception] = {}
        self.deadly: set[int] = set()
        self.slow: dict[str, threading.Event | float] = {}
        """For how long, in seconds, or until when each key is slow."""
        self.in_the_air = 0
        self.most_in_the_air = 0
        self.at_work = defaultdict(int)

    async def __call__(self, one) -> None:
        number = one.event.number
        self.calls.append((one.key, number))
        if number in self.deadly:
            raise Death
        assert self.at_work[one.key] == 0, "two events of one key at the same time"
        self.at_work[one.key] += 1
        self.in_the_air += 1
        self.most_in_the_air = max(self.most_in_the_air, self.in_the_air)
        try:
            slow = self.slow.get(one.key, 0.0)
            if isinstance(slow, threading.Event):
                assert await asyncio.to_thread(slow.wait, 120)
            else:
                await asyncio.sleep(slow)
        finally:
            self.in_the_air -= 1
            self.at_work[one.key] -= 1
        if number in self.failing:
            raise self.failing[number]
        self.answers.append((one.key, number))

    def answered(self, key: str) -> list[int]:
        return [number for one, number in self.answers if one == key]


class Death(BaseException):
    """The end of a worker, played."""


@pytest.fixture
def provider():
    return Provider()


@pytest.fixture
def handler(make_handler, provider):
    async def call(one):
        await provider(one)

    return make_handler(call, calls_out=True)


@pytest.fixture
def relay(make_handler, provider):
    """A plain function that takes batches in order, as relays do."""

    def deliver(batch):
        for one in batch.events:
            provider.calls.append((one.key, one.event.number))
            if one.event.number in provider.deadly:
                raise Death
            if one.event.number in provider.failing:
                raise provider.failing[one.event.number]
        provider.answers.extend((one.key, one.event.number) for one in batch.events)

    return make_handler(deliver, calls_out=True)


@contextlib.contextmanager
def at_work_elsewhere(handler):
    """Another worker holds the lease, and lives."""
    ids = places._claim_ids(places.Place(handler, TOPIC, HERE))
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s, %s)", ids)
        query("UPDATE events_cursor SET lease = gen_random_uuid(), leased_until = now() + '1 min'")
        yield
        other.execute("SELECT pg_advisory_unlock(%s, %s)", ids)


def no_invariant_is_broken() -> bool:
    return all(check(None).ok for check in invariants.INVARIANTS)


class TestConcurrency:
    def test_keys_run_side_by_side_and_each_in_order(self, handler, provider):
        keys = keys_in(HERE, 20)
        provider.slow = dict.fromkeys(keys, 0.2)
        for number in range(5):
            for key in keys:
                append(number, key=key)
        drain(handler.name, TOPIC, HERE)
        assert all(provider.answered(key) == [0, 1, 2, 3, 4] for key in keys)
        assert provider.most_in_the_air == 20
        row = cursor_row(handler.name)
        assert (row["offset"], row["lease"], row["attempts"]) == (100, None, 0)
        assert row["events_total"] == 100

    def test_a_slow_key_blocks_no_other(self, handler, provider, monkeypatch):
        """Neither of those told with it, nor of those told while it is in the air."""
        slow, fast = keys_in(HERE, 2)
        provider.slow = {slow: 30.0}
        append(1, key=slow)
        append(2, key=fast)
        told = []

        def impatient():
            wait_until(lambda: provider.answered(fast) == [2])
            append(3, key=fast)
            told.append(time.monotonic())
            wait_until(lambda: provider.answered(fast) == [2, 3])
            told.append(time.monotonic())
            query("UPDATE events_cursor SET lease = NULL")  # ends the drain: somebody took over

        monkeypatch.setattr(leases, "RENEW_SECONDS", 0.0)
        in_threads(lambda: drain(handler.name, TOPIC, HERE, seconds=0.5), impatient)
        assert told[1] - told[0] < 25.0
        assert provider.answered(slow) == []

    def test_the_cursor_waits_for_the_slow(self, handler, provider):
        slow, fast = keys_in(HERE, 2)
        provider.slow = {slow: threading.Event()}
        append(1, key=fast)
        append(2, key=slow)
        append(3, key=fast)
        offsets = []

        def look():
            wait_until(lambda: provider.answered(fast) == [1, 3])
            wait_until(lambda: cursor_row(handler.name)["offset"] == 1)
            offsets.append(cursor_row(handler.name)["offset"])
            provider.slow[slow].set()

        in_threads(lambda: drain(handler.name, TOPIC, HERE), look)
        assert offsets == [1]
        assert cursor_row(handler.name)["offset"] == 3

    def test_partitions_run_side_by_side(self, handler, provider):
        keys = [keys_in(partition, 1)[0] for partition in (1, 2, 3)]
        provider.slow = {keys[0]: threading.Event()}
        for key in keys:
            append(1, key=key)

        def let_go():
            wait_until(lambda: len(provider.answers) == 2)
            provider.slow[keys[0]].set()

        left, _ = in_threads(lambda: drain_all(handler.name, TOPIC, [1, 2, 3]), let_go)
        assert left == []
        assert {key for key, _ in provider.answers} == set(keys)
        assert provider.answers[-1] == (keys[0], 1)  # and nobody waited for the slow one

    def test_the_window_has_a_limit(self, handler, provider, monkeypatch):
        monkeypatch.setattr(window, "WINDOW", 4)
        keys = keys_in(HERE, 12)
        provider.slow = dict.fromkeys(keys, 0.2)
        for key in keys:
            append(1, key=key)
        drain(handler.name, TOPIC, HERE)
        assert provider.most_in_the_air == 4
        assert len(provider.answers) == 12

    def test_events_of_no_interest_are_passed(self, handler, provider):
        query(
            """INSERT INTO events_event SELECT %s, %s, n, gen_random_uuid(), 1, 'k', 'test.other', 1,
               '{}', '{}', now(), now() FROM generate_series(1, 600) n""",
            TOPIC,
            HERE,
        )
        append(1)
        drain(handler.name, TOPIC, HERE)
        assert provider.answered(KEY) == [1]
        assert cursor_row(handler.name)["offset"] == 601

    def test_after_the_slice_it_asks_to_be_woken_again(self, handler, provider, monkeypatch):
        monkeypatch.setattr(draining, "SLICE_SECONDS", 0.5)
        monkeypatch.setattr(window, "WINDOW", 4)  # what is in the air is waited for
        provider.slow = {KEY: 0.05}
        append(*range(40))
        assert drain_all(handler.name, TOPIC, [HERE]) == [HERE]
        calling_again = 0
        while drain_all(handler.name, TOPIC, [HERE]):
            calling_again += 1
            assert calling_again < 50
        assert provider.answered(KEY) == list(range(40))


class TestConnections:
    """R8: calls and their services use the one connection that is kept healthy between tasks."""

    def test_the_database_work_of_a_call_runs_on_the_drains_connection(self, make_handler):
        backends = set()

        def pid():
            backends.add(connection.connection.info.backend_pid)

        async def call(one):
            await sync_to_async(pid)()

        handler = make_handler(call, calls_out=True)
        append(1, 2, 3)
        drain(handler.name, TOPIC, HERE)
        assert backends == {connection.connection.info.backend_pid}

    def test_no_transaction_is_open_during_a_call(self, make_handler):
        states = []

        def look():
            states.append(connection.in_atomic_block)
            with psycopg.connect(**connection.get_connection_params()) as other:
                states.append(
                    other.execute(
                        "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%%' AND pid = %s",
                        [connection.connection.info.backend_pid],
                    ).fetchone()[0]
                )

        async def call(one):
            await sync_to_async(look)()

        handler = make_handler(call, calls_out=True)
        append(1)
        drain(handler.name, TOPIC, HERE)
        assert states == [False, 0]


class TestErrors:
    def test_a_refusal_parks_the_key_and_holds_what_comes_behind(self, handler, provider):
        bad, good = keys_in(HERE, 2)
        provider.failing = {13: ValueError("cannot take it")}
        append(12, 13, 14, key=bad)
        append(21, 22, key=good)
        drain(handler.name, TOPIC, HERE)
        append(15, key=bad)
        drain(handler.name, TOPIC, HERE)
        assert provider.answered(bad) == [12]
        assert provider.answered(good) == [21, 22]
        assert query('SELECT "offset" FROM events_parkedevent ORDER BY 1') == [(2,), (3,), (6,)]
        assert no_invariant_is_broken()

    def test_what_is_read_while_a_key_is_being_parked_is_held_too(
        self, handler, provider, monkeypatch
    ):
        """Or it would be marked as done without having been done: lost."""
        provider.failing = {13: ValueError("cannot take it")}
        append(13, 14)
        park = window.Window._park
        appended = []

        def slow_park(self, row, error):
            """Between the decision to park and the parking, the window reads on."""
            append(15)
            for row_, is_free in self._read_rows(10):
                self.read_to = row_.offset
                self.unfinished[row_.offset] = not is_free
                if is_free:
                    self.waiting[row_.key].append(row_)
            appended.append(1)
            return park(self, row, error)

        monkeypatch.setattr(window.Window, "_park", slow_park)
        drain(handler.name, TOPIC, HERE)
        assert appended == [1]
        assert query('SELECT "offset" FROM events_parkedevent ORDER BY 1') == [(1,), (2,), (3,)]
        provider.failing.clear()
        resume(handler.name, TOPIC, HERE, KEY)
        assert provider.answered(KEY) == [13, 14, 15]

    def test_infrastructure_errors_are_tried_again_and_then_back_off(
        self, handler, provider, monkeypatch
    ):
        monkeypatch.setattr(window, "PAUSE_SECONDS", 0.001)
        provider.failing = {13: Unavailable("the provider is away")}
        append(13)
        drain(handler.name, TOPIC, HERE)
        assert len(provider.calls) == window.TRIES
        row = cursor_row(handler.name)
        assert (row["failures"], row["attempts"], row["lease"]) == (1, 0, None)
        assert "provider is away" in row["error"]
        assert row["retry_at"] is not None
        assert selectors.parked_count() == {}
        provider.failing.clear()
        query("UPDATE events_cursor SET retry_at = NULL")
        drain(handler.name, TOPIC, HERE)
        assert provider.answered(KEY) == [13]
        assert cursor_row(handler.name)["failures"] == 0

    def test_a_call_that_cancels_itself_counts_as_the_worlds_failure(self, make_handler):
        async def call(one):
            raise asyncio.CancelledError

        handler = make_handler(call, calls_out=True)
        append(1)
        drain(handler.name, TOPIC, HERE)
        row = cursor_row(handler.name)
        assert (row["offset"], row["failures"], row["lease"]) == (0, 1, None)

    def test_before_backing_off_the_cursor_keeps_what_was_answered(
        self, handler, provider, monkeypatch
    ):
        monkeypatch.setattr(window, "PAUSE_SECONDS", 0.001)
        good, bad = keys_in(HERE, 2)
        provider.failing = {13: TimeoutError()}
        append(1, key=good)
        append(13, key=bad)
        drain(handler.name, TOPIC, HERE)
        assert cursor_row(handler.name)["offset"] == 1

    def test_policy_skip_sets_only_the_event_aside(self, make_handler, provider):
        async def call(one):
            await provider(one)

        handler = make_handler(call, calls_out=True, policy=Policy.SKIP)
        provider.failing = {13: ValueError("no")}
        append(12, 13, 14, 15)
        drain(handler.name, TOPIC, HERE)
        assert provider.answered(KEY) == [12, 14, 15]
        assert query('SELECT "offset" FROM events_parkedevent') == [(2,)]

    def test_policy_stop_stops_before_the_event(self, make_handler, provider):
        async def call(one):
            await provider(one)

        handler = make_handler(call, calls_out=True, policy=Policy.STOP)
        provider.failing = {13: ValueError("no")}
        append(12, 13, 14)
        drain(handler.name, TOPIC, HERE)
        row = cursor_row(handler.name)
        assert (row["state"], row["offset"], row["lease"]) == ("stopped", 1, None)
        assert "ValueError: no" in row["error"]
        provider.failing.clear()
        resume_partition(handler.name, TOPIC, HERE)
        drain(handler.name, TOPIC, HERE)
        assert provider.answered(KEY) == [12, 13, 14]

    def test_a_storm_of_parked_keys_stops_the_partition(self, handler, provider, monkeypatch):
        monkeypatch.setattr(parking, "STORM", 3)
        provider.failing = {number: ValueError("no") for number in range(9)}
        for number, key in enumerate(keys_in(HERE, 9)):
            append(number, key=key)
        drain(handler.name, TOPIC, HERE)
        assert cursor_row(handler.name)["state"] == "stopped"
        assert selectors.parked_count() == {handler.name: 3}

    def test_an_event_that_breaks_its_contract_is_parked(self, handler, provider):
        append(1)
        query("SET session_replication_role = replica")
        query("UPDATE events_event SET data = '{}'")
        query("SET session_replication_role = origin")
        drain(handler.name, TOPIC, HERE)
        [(error,)] = query("SELECT error FROM events_parkedkey")
        assert error.startswith("ValidationError")


class TestResume:
    def test_calls_again_in_order(self, handler, provider):
        provider.failing = {13: ValueError("no")}
        append(13, 14, 15)
        drain(handler.name, TOPIC, HERE)
        provider.failing.clear()
        assert resume(handler.name, TOPIC, HERE, KEY) == 3
        assert provider.answered(KEY) == [13, 14, 15]
        assert selectors.parked_count() == {}
        assert query("SELECT * FROM events_parkedevent") == []
        assert cursor_row(handler.name)["lease"] is None
        append(16)
        drain(handler.name, TOPIC, HERE)
        assert provider.answered(KEY) == [13, 14, 15, 16]

    def test_that_fails_again_stays_parked_there(self, handler, provider):
        provider.failing = {13: ValueError("no"), 15: ValueError("still no")}
        append(13, 14, 15, 16)
        drain(handler.name, TOPIC, HERE)
        del provider.failing[13]
        with pytest.raises(StillFailing) as refusal:
            resume(handler.name, TOPIC, HERE, KEY)
        assert refusal.value.facts["replayed"] == 2
        [(first, error)] = query("SELECT first_offset, error FROM events_parkedkey")
        assert (first, error) == (3, "ValueError: still no")

    def test_of_a_relay(self, relay, provider):
        provider.failing = {13: ValueError("no")}
        append(13, 14)
        drain(relay.name, TOPIC, HERE)
        provider.failing.clear()
        assert resume(relay.name, TOPIC, HERE, KEY) == 2
        assert provider.answered(KEY) == [13, 14]

    def test_waits_for_the_lease_and_says_so_when_it_cannot_have_it(
        self, handler, provider, monkeypatch
    ):
        provider.failing = {13: ValueError("no")}
        append(13)
        drain(handler.name, TOPIC, HERE)
        provider.failing.clear()
        monkeypatch.setattr(calling, "PATIENCE_SECONDS", 0.1)
        with at_work_elsewhere(handler), pytest.raises(Busy):
            resume(handler.name, TOPIC, HERE, KEY)
        assert resume(handler.name, TOPIC, HERE, KEY) == 1

    def test_under_concurrent_drains_and_appends_keeps_the_order(self, handler, provider):
        provider.failing = {13: ValueError("no")}
        append(*range(13, 33))
        drain(handler.name, TOPIC, HERE)
        provider.failing.clear()
        over = threading.Event()

        def tell():
            for number in range(33, 73):
                append(number)

        def let_go():
            try:
                resume(handler.name, TOPIC, HERE, KEY)
            finally:
                over.set()

        def drain_all_the_time():
            while not over.wait(0.001):
                drain(handler.name, TOPIC, HERE, seconds=0.05)

        in_threads(tell, let_go, drain_all_the_time)
        drain(handler.name, TOPIC, HERE)
        assert provider.answered(KEY) == list(range(13, 73))
        assert no_invariant_is_broken()


class TestCrash:
    """R9: after a crash only what was not finished is told again, and a killer is parked."""

    def test_only_the_unfinished_is_told_again(self, handler, provider):
        done, deadly = keys_in(HERE, 2)
        append(1, 2, key=done)
        provider.deadly = {13}
        provider.slow = {deadly: 0.0}
        drain(handler.name, TOPIC, HERE)
        append(13, key=deadly)
        append(3, key=done)
        with pytest.raises(Death):
            drain(handler.name, TOPIC, HERE)
        query("UPDATE events_cursor SET leased_until = now() - interval '1 second'")
        provider.deadly.clear()
        drain(handler.name, TOPIC, HERE)
        assert provider.calls.count((done, 1)) == provider.calls.count((done, 2)) == 1
        assert provider.answered(deadly) == [13]
        assert set(provider.answered(done)) == {1, 2, 3}

    def test_a_lease_of_the_living_is_respected(self, handler, provider):
        append(1)
        with at_work_elsewhere(handler):
            drain(handler.name, TOPIC, HERE)
            assert provider.calls == []

    def test_a_lease_of_the_dead_is_taken_over_at_once(self, handler, provider):
        """The claim of a dead worker's session is free."""
        append(1)
        with at_work_elsewhere(handler):
            pass
        drain(handler.name, TOPIC, HERE)
        assert provider.answered(KEY) == [1]

    def test_a_lease_of_one_that_hangs_is_taken_over_once_it_has_run_out(self, handler, provider):
        append(1)
        with at_work_elsewhere(handler):
            query("UPDATE events_cursor SET leased_until = clock_timestamp() - interval '1 second'")
            drain(handler.name, TOPIC, HERE)
            append(2)
            drain(handler.name, TOPIC, HERE)
            assert provider.answered(KEY) == [1, 2]
        assert cursor_row(handler.name)["lease"] is None
        append(3)
        drain(handler.name, TOPIC, HERE)
        assert provider.answered(KEY) == [1, 2, 3]
        assert cursor_row(handler.name)["leased_until"] is None

    def test_what_is_just_being_given_back_is_not_taken(self, handler, provider):
        """Whoever took it would have no claim soon after, and would look dead to the next."""
        append(1)
        with at_work_elsewhere(handler):
            query("UPDATE events_cursor SET lease = NULL, leased_until = NULL")
            assert drain(handler.name, TOPIC, HERE) is draining.Outcome.MORE
            assert provider.calls == []
        drain(handler.name, TOPIC, HERE)
        assert provider.answered(KEY) == [1]

    def test_claims_end_with_their_leases(self, handler, provider):
        provider.failing = {3: ValueError("no"), 4: Unavailable()}
        append(1, 2)
        drain(handler.name, TOPIC, HERE)
        drain(handler.name, TOPIC, HERE)  # nothing to do
        append(3)
        append(4, key=keys_in(HERE, 1)[0])
        drain(handler.name, TOPIC, HERE)
        assert advisory_locks() == []

    def test_whoever_lost_its_lease_moves_nothing(self, handler):
        append(1, 2)
        [place] = [calling.Place(handler, TOPIC, HERE)]
        old = leases.take(place)
        query("UPDATE events_cursor SET leased_until = now() - interval '1 second'")
        new = leases.take(place)
        assert leases.move(old, 1, 1) is False
        assert leases.renew(old) is False
        leases.end(old, OperationalError("lost"))
        row = cursor_row(handler.name)
        assert (row["lease"], row["offset"], row["failures"]) == (new.id, 0, 0)
        assert leases.move(new, 1, 1) is True

    def test_a_lease_lives_as_long_as_its_holder(self, handler, provider, monkeypatch):
        monkeypatch.setattr(leases, "SECONDS", 3.0)
        monkeypatch.setattr(leases, "RENEW_SECONDS", 0.1)
        provider.slow = {KEY: 4.0}
        append(1)
        rivals = []

        def rival():
            wait_until(lambda: provider.calls)
            while not provider.answers:
                drain(handler.name, TOPIC, HERE)
                rivals.append(len(provider.calls))

        in_threads(lambda: drain(handler.name, TOPIC, HERE), rival)
        assert provider.calls == [(KEY, 1)]
        assert len(rivals) > 1

    @pytest.mark.parametrize("kind", ["handler", "relay"])
    def test_a_killer_is_parked_after_three_deaths(self, request, provider, kind):
        handler = request.getfixturevalue(kind)
        bad, *good = keys_in(HERE, 4)
        provider.deadly = {13}
        for number, key in enumerate(good):
            append(number, key=key)
        append(13, 14, key=bad)
        append(3, key=good[0])
        deaths = 0
        for _ in range(12):
            try:
                drain(handler.name, TOPIC, HERE)
            except Death:
                deaths += 1
                query("UPDATE events_cursor SET leased_until = now() - interval '1 second'")
                # in a real death the lease is never given back
                query("UPDATE events_cursor SET attempts = %s", deaths)
        assert deaths <= failing.DEATHS + 1
        [(key, error)] = query("SELECT key, error FROM events_parkedkey")
        assert (key, error) == (bad, "the worker died 3 times at this event")
        assert provider.answered(bad) == []
        assert set(provider.answered(good[0])) == {0, 3}
        assert cursor_row(handler.name)["offset"] == 6


class TestRelay:
    """The shape of relays: a plain function, batches in order, the cursor only after delivery."""

    def test_takes_batches_in_order(self, relay, provider):
        one, other = keys_in(HERE, 2)
        for number in range(10):
            append(number, key=one if number % 2 else other)
        drain(relay.name, TOPIC, HERE)
        assert [number for _, number in provider.answers] == list(range(10))
        assert cursor_row(relay.name)["offset"] == 10

    def test_is_not_in_a_transaction(self, make_handler):
        states = []

        def deliver(batch):
            states.append(connection.in_atomic_block)

        handler = make_handler(deliver, calls_out=True)
        append(1)
        drain(handler.name, TOPIC, HERE)
        assert states == [False]

    def test_the_cursor_does_not_move_before_the_delivery(self, relay, provider):
        provider.failing = {2: ConnectionError("the other side is away")}
        append(1, 2)
        drain(relay.name, TOPIC, HERE)
        row = cursor_row(relay.name)
        assert (row["offset"], row["failures"]) == (0, 1)
        provider.failing.clear()
        query("UPDATE events_cursor SET retry_at = NULL")
        drain(relay.name, TOPIC, HERE)
        assert provider.answered(KEY) == [1, 2]

    def test_a_refused_batch_is_delivered_event_by_event(self, relay, provider):
        bad, good = keys_in(HERE, 2)
        provider.failing = {13: ValueError("too large")}
        append(1, key=good)
        append(13, 14, key=bad)
        append(2, key=good)
        drain(relay.name, TOPIC, HERE)
        assert provider.answered(good) == [1, 2]
        assert provider.answered(bad) == []
        assert selectors.parked_count() == {relay.name: 1}
        assert query('SELECT "offset" FROM events_parkedevent ORDER BY 1') == [(2,), (3,)]

    def test_policy_stop_keeps_the_order_of_the_whole_partition(self, make_handler, provider):
        """For a stream that takes only growing offsets, a key resumed later would be refused."""

        def deliver(batch):
            if any(one.event.number in provider.failing for one in batch.events):
                raise ValueError("no")
            provider.answers.extend((one.key, one.event.number) for one in batch.events)

        handler = make_handler(deliver, calls_out=True, policy=Policy.STOP)
        provider.failing = {13: ValueError()}
        append(12, 13, 14)
        drain(handler.name, TOPIC, HERE)
        row = cursor_row(handler.name)
        assert (row["state"], row["offset"], row["lease"]) == ("stopped", 1, None)
        provider.failing.clear()
        resume_partition(handler.name, TOPIC, HERE)
        drain(handler.name, TOPIC, HERE)
        assert provider.answered(KEY) == [12, 13, 14]

    def test_a_lost_database_leaves_the_lease_to_end_by_itself(self, relay, monkeypatch):
        append(1)
        place = calling.Place(relay, TOPIC, HERE)
        lease = leases.take(place)
        with psycopg.connect(**connection.get_connection_params(), autocommit=True) as other:
            pid = connection.connection.info.backend_pid
            other.execute("SELECT pg_terminate_backend(%s)", [pid])
            wait_until(
                lambda: (
                    not other.execute("SELECT FROM pg_stat_activity WHERE pid = %s", [pid]).rowcount
                )
            )
        leases.end(lease, None)
        assert cursor_row(relay.name)["lease"] == lease.id


def test_keys_of_other_partitions_are_not_touched(handler, provider):
    other = keys_in((HERE + 1) % 64, 1)[0]
    append(1)
    append(2, key=other)
    drain(handler.name, TOPIC, HERE)
    assert provider.answers == [(KEY, 1)]
    drain(handler.name, TOPIC, partition_of(other))
    assert provider.answers == [(KEY, 1), (other, 2)]
    assert barriers.hook is None
