"""The whole protocol against a model: any order of appends, wakes, deaths, poison, resumptions,
retention and resharding keeps the promise, and once the faults stop the log runs dry.

The search is Hypothesis's; a failure prints the steps to it. `CHAOS_SECONDS` searches for longer.
"""

import contextlib
import os
from collections import Counter
from decimal import Decimal

from django.db import OperationalError
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from apps.events import invariants, selectors, tasks
from apps.events.exceptions import StillFailing
from apps.events.services import (
    barriers,
    reshard,
    resume,
    sweep,
    unit_of_work,
    waking,
)
from tests.events.conftest import ThingAdded, note_effects
from tests.events.helpers import TOPIC, in_threads, keys_in, query
from tests.events.test_wake import age

PARTITIONS = (1, 2)
KEYS = {key: partition for partition in PARTITIONS for key in keys_in(partition, 2)}
EXAMPLES = 15 + int(float(os.environ.get("CHAOS_SECONDS", "0")))
DRAIN_POINTS = ["after_begin", "after_read", "before_move", "before_append", "after_append",
                "before_commit", "before_wake", "after_commit", "before_unlock", "after_unlock"]  # fmt: skip

keys = st.sampled_from(sorted(KEYS))
facts = st.lists(st.tuples(keys, st.booleans()), min_size=1, max_size=6)
moments = st.tuples(st.sampled_from(DRAIN_POINTS), st.integers(0, 2))


class Death(BaseException):
    """A worker's end, played."""


class LogMachine(RuleBasedStateMachine):
    """The log as it should be, beside the log as it is."""

    poison: set[int]
    outage: bool

    def __init__(self) -> None:
        super().__init__()
        self.log: dict[int, list[tuple[str, int]]] = {number: [] for number in PARTITIONS}
        self.floors = dict.fromkeys(PARTITIONS, 0)
        self.number = 0
        self.wakes: list[dict] = []
        self.flags: set[tuple] = set()
        type(self).poison, type(self).outage = set(), False
        forget_everything()
        waking._send = self._send
        waking._not_yet_woken = self._heed_flags
        waking.clear_flags = self._clear_flags

    # --- what stands in for Redis; its flags live for ever, which is worse than the real ones

    def _send(self, wanted):
        for handler, topic, number in wanted:
            self.wakes.append({"handler": handler, "topic": topic, "partitions": [number]})

    def _heed_flags(self, wanted):
        new = [one for one in wanted if one not in self.flags]
        self.flags.update(new)
        return new

    def _clear_flags(self, handler, topic, partitions):
        self.flags -= {(handler, topic, number) for number in partitions}

    # --- what happens

    def _tell(self, told, end):
        numbered = []
        for key, is_poison in told:
            self.number += 1
            numbered.append((key, self.number))
            if is_poison:
                self.poison.add(self.number)
        try:
            with unit_of_work() as work:
                for key, number in numbered:
                    fact = ThingAdded(amount=Decimal(1), number=number)
                    work.publish(fact, tenant=1, key=key)
                if end == "rollback":
                    raise Death
        except Death:
            if end in {"rollback", "before_append", "after_append"}:
                return
        for key, number in numbered:
            self.log[KEYS[key]].append((key, number))

    @rule(
        told=facts,
        end=st.sampled_from(
            ["commit"] * 5 + ["rollback", "before_append", "after_append", "before_wake"]
        ),
    )
    def append(self, told, end):
        """A unit of work that is committed, rolled back, or dies at a step."""
        with death_at(end):
            self._tell(told, end)

    @precondition(lambda self: self.wakes)
    @rule(data=st.data(), twice=st.booleans(), death=st.none() | moments)
    def deliver(self, data, twice, death):
        """Any wake, whatever its age; perhaps not for the last time; perhaps to a worker that dies."""
        index = data.draw(st.integers(0, len(self.wakes) - 1))
        wake = self.wakes[index] if twice else self.wakes.pop(index)
        self._drain(wake, death)

    @rule(partitions=st.sampled_from([[1], [2], [1, 2]]), death=st.none() | moments)
    def drain(self, partitions, death):
        """A wake out of nowhere."""
        wake = {"handler": "tests.take", "topic": TOPIC, "partitions": partitions}
        self._drain(wake, death)

    @precondition(lambda self: self.wakes)
    @rule(told=facts, moment=moments)
    def deliver_while_others_append(self, told, moment):
        """Something is told in the middle of a drain, by another process."""
        point, passes = moment
        left = [passes]

        def hook(passed, _place):
            if passed == point and left[0] >= 0:
                left[0] -= 1
                if left[0] < 0:
                    barriers.hook = None
                    in_threads(lambda: self._tell(told, "commit"))

        barriers.hook = hook
        try:
            tasks.drain(**self.wakes.pop())
        finally:
            barriers.hook = None

    @precondition(lambda self: self.wakes)
    @rule(data=st.data())
    def lose_wake(self, data):
        """Redis forgets one."""
        self.wakes.pop(data.draw(st.integers(0, len(self.wakes) - 1)))

    @rule()
    def flush_redis(self):
        """Redis forgets all."""
        self.wakes.clear()
        self.flags.clear()

    @rule(partition=st.sampled_from(PARTITIONS))
    def lose_database(self, partition):
        """The database fails during one drain."""
        type(self).outage = True
        try:
            self.drain([partition], None)
        finally:
            type(self).outage = False

    @rule()
    def wait_and_sweep(self):
        """Time passes: back-offs end, and the sweep finds what stands still."""
        age(120)
        query("UPDATE events_cursor SET retry_at = retry_at - interval '120 seconds'")
        sweep()

    @precondition(lambda self: self.poison)
    @rule(data=st.data())
    def mend(self, data):
        """The cause of a refusal is mended."""
        self.poison.discard(data.draw(st.sampled_from(sorted(self.poison))))

    @rule(data=st.data(), death=st.none() | st.sampled_from(["before_append", "after_append"]))
    def resume(self, data, death):
        """A person lets a key go on."""
        parked = query("SELECT key, partition FROM events_parkedkey ORDER BY 1")
        if parked:
            key, partition = data.draw(st.sampled_from(parked))
            with death_at(death):
                try_to_resume(key, partition)

    @rule(partition=st.sampled_from(PARTITIONS))
    def retain(self, partition):
        """What every handler is through with is archived and removed."""
        [(floor,)] = query(
            """SELECT least(c."offset", (
                   SELECT min(h."offset") - 1 FROM events_parkedevent h WHERE h.partition = c.partition))
               FROM events_cursor c WHERE handler = 'tests.take' AND partition = %s""",
            partition,
        )
        query(
            "UPDATE events_partition SET floor = greatest(floor, %s) WHERE topic = %s AND number = %s",
            floor,
            TOPIC,
            partition,
        )
        query(
            'DELETE FROM events_event WHERE topic = %s AND partition = %s AND "offset" <= %s',
            TOPIC,
            partition,
            floor,
        )
        self.floors[partition] = max(self.floors[partition], floor)

    @rule(shards=st.integers(1, 8))
    def reshard(self, shards):
        """The map of queues changes."""
        reshard(shards)

    def _drain(self, wake, death):
        with death_at(*death) if death else death_at(None):
            tasks.drain(**wake)

    # --- what holds after every step

    @invariant()
    def the_log_is_what_was_committed_in_order(self):
        stored = query(
            "SELECT partition, \"offset\", key, (data->>'number')::int FROM events_event ORDER BY 1, 2"
        )
        expected = [
            (partition, offset, *fact)
            for partition, log in self.log.items()
            for offset, fact in enumerate(log, start=1)
            if offset > self.floors[partition]
        ]
        assert stored == expected

    @invariant()
    def effects_are_the_log_up_to_the_cursor_but_for_what_is_held(self):
        cursors = dict(
            query("SELECT partition, \"offset\" FROM events_cursor WHERE handler = 'tests.take'")
        )
        held = set(query('SELECT partition, "offset" FROM events_parkedevent'))
        parked = {key for (key,) in query("SELECT key FROM events_parkedkey")}
        effects = query("SELECT key, number FROM test_effect ORDER BY id")
        for partition, log in self.log.items():
            assert cursors[partition] <= len(log)
            for key in (key for key, at in KEYS.items() if at == partition):
                mine = [(offset, one) for offset, one in enumerate(log, start=1) if one[0] == key]
                passed = [(offset, one) for offset, one in mine if offset <= cursors[partition]]
                waiting = [offset for offset, _ in passed if (partition, offset) in held]
                done = [one for offset, one in passed if (partition, offset) not in held]
                assert [one for one in effects if one[0] == key] == done
                assert bool(waiting) <= (key in parked)
                # held is all from the first held on: order is kept
                assert waiting == [
                    offset for offset, _ in passed if waiting and offset >= waiting[0]
                ]

    @invariant()
    def nothing_happens_twice(self):
        counts = Counter(query("SELECT key, number FROM test_effect"))
        assert not [one for one, count in counts.items() if count > 1]

    @invariant()
    def the_products_own_checks_agree(self):
        assert all(check(None).ok for check in invariants.INVARIANTS)

    # --- the faults stop

    def teardown(self):
        self.poison.clear()
        for _ in range(30):
            self.wait_and_sweep()
            while self.wakes:
                tasks.drain(**self.wakes.pop())
            for key, partition in query("SELECT key, partition FROM events_parkedkey"):
                try_to_resume(key, partition)
            if all(not lag.events for lag in mine()) and not selectors.parked_count():
                break
        else:
            raise AssertionError(f"the log does not run dry: {mine()}")
        effects = query("SELECT key, number FROM test_effect ORDER BY id")
        for log in self.log.values():
            for key in {key for key, _ in log}:
                told = [one for one in log if one[0] == key]
                assert [one for one in effects if one[0] == key] == told
        # one more sweep finds nothing to do
        self.wakes.clear()
        age(5)
        assert sweep() == 0


class death_at:  # noqa: N801 - reads as a statement
    """Let the worker die when it passes a point for the n-th time."""

    def __init__(self, point, passes=0):
        self.point, self.left = point, passes

    def __enter__(self):
        barriers.hook = self.hook

    def hook(self, passed, _place):
        if passed == self.point:
            self.left -= 1
            if self.left < 0:
                raise Death

    def __exit__(self, kind, *_rest):
        barriers.hook = None
        return kind is Death


def try_to_resume(key, partition):
    with contextlib.suppress(StillFailing):
        resume("tests.take", TOPIC, partition, key)


def mine():
    return [lag for lag in selectors.lags() if lag.handler == "tests.take"]


def forget_everything():
    query("SET session_replication_role = replica")
    for table in ("events_event", "events_parkedkey", "events_parkedevent", "test_effect"):
        query(f"DELETE FROM {table}")
    query("SET session_replication_role = origin")
    query("UPDATE events_partition SET floor = 0 WHERE floor > 0")
    query(
        """UPDATE events_cursor SET "offset" = 0, state = 'running', attempts = 0, suspect_until = 0,
           failures = 0, retry_at = NULL, error = '' WHERE handler = 'tests.take'"""
    )


class TestModel:
    """R1, R2, R3, R5, R9, R10, R12: against every order of events that the search finds."""

    def test_the_promise_holds(self, make_handler, monkeypatch):
        for name in ("_send", "_not_yet_woken", "clear_flags"):
            monkeypatch.setattr(waking, name, getattr(waking, name))  # put back afterwards

        def take(batch):
            if LogMachine.outage:
                raise OperationalError("lost")
            for one in batch.events:
                if one.event.number in LogMachine.poison:
                    raise ValueError(f"cannot take {one.event.number}")
            note_effects(batch)

        make_handler(take)
        run_state_machine_as_test(
            LogMachine,
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=25,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
