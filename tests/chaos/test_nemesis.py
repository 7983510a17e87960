"""All faults at once, in an order that the seed draws, under load."""

import contextlib
import time
from itertools import count

import pytest

from tests.chaos.stack import Stack
from tests.chaos.test_faults import FAULTS

pytestmark = pytest.mark.processes

FAULTS_AT_LEAST = 6
CALLS = 8  # units of work between two faults


def reshard(stack: Stack) -> None:
    """Another map of partitions to queues."""
    stack.command("reshard", str(stack.chance.randint(1, 2)), "--force")


class TestNemesis:
    """R5-R10, R12: whatever comes in whatever order."""

    def test_nothing_is_lost_nothing_happens_twice_and_order_is_kept(self, stack, seconds):
        stack.start_workers()
        deadline = time.monotonic() + seconds
        told = []
        with stack.load(clients=2, keys=12) as load:
            for turn in count():
                if turn >= FAULTS_AT_LEAST and time.monotonic() >= deadline:
                    break
                fault = stack.chance.choice([*FAULTS, reshard, None])
                told.append(fault.__name__ if fault else "frozen Redis")
                with contextlib.nullcontext() if fault else stack.frozen_valkey():
                    if fault:
                        fault(stack)
                    stack.revive()
                    load.wait_for(CALLS)
        stack.settle()
        run = load.check()
        assert sum(call.outcome == "ok" for call in run.calls) > CALLS, told
        assert stack.query("SELECT key, error FROM events_parkedkey") == [], told
