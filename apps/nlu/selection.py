"""Whom to ask first, and when to ask a second one: the pure part. Times are seconds, given by the caller.

Latencies are kept as counts in a fixed ladder of buckets, for the present half minute and the one
before, so that a percentile follows the live provider and costs no sorting.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

STEP: Final = 1.08
"""Each bucket is 8 % wider than the last: a percentile is right to 4 %."""
LEAST: Final = 0.001  # seconds; what is faster counts as this
BUCKETS: Final = 120
ROTATES: Final = 30.0  # seconds
KNOWN_FROM: Final = 20
"""Calls before a percentile means anything."""
HEDGE_LEAST: Final = 0.25
HEDGE_MOST: Final = 0.9
UNKNOWN_SECONDS: Final = 0.5
"""What a provider that was never asked is taken for: not 0, which would draw all traffic to it."""


def bucket_of(seconds: float) -> int:
    """The bucket that a latency is counted in."""
    place = math.log(max(seconds, LEAST) / LEAST) / math.log(STEP)
    return min(int(place), BUCKETS - 1)


def percentile_of(counts: Sequence[int], part: float) -> float:
    """The latency in seconds below which `part` of what was counted stayed; 0 where nothing was."""
    wanted, seen = max(math.ceil(part * sum(counts)), 1), 0
    for place, count in enumerate(counts):
        seen += count
        if seen >= wanted:
            return seconds_of(place)
    return 0.0


def seconds_of(place: int) -> float:
    """The latency that a bucket stands for: its middle."""
    return float(LEAST * STEP ** (place + 0.5))


class Choice(StrEnum):
    """By what the first provider is chosen."""

    ORDER = "order"
    COST = "cost"
    LATENCY = "latency"
    BALANCED = "balanced"


@dataclass(slots=True)
class Sketch:
    """The latencies and errors of one provider, lately."""

    counts: list[int] = field(default_factory=lambda: [0] * BUCKETS)
    before: list[int] = field(default_factory=lambda: [0] * BUCKETS)
    failed: int = 0
    failed_before: int = 0
    begun: float = 0.0

    def add(self, now: float, seconds: float, *, ok: bool) -> None:
        """Count one call. Failures count by their time as well: a time-out is slow."""
        self._turn(now)
        self.counts[bucket_of(seconds)] += 1
        self.failed += not ok

    def percentile(self, now: float, part: float) -> float | None:
        """The latency below which `part` of the calls stayed; None while too few are known."""
        self._turn(now)
        counts = [one + other for one, other in zip(self.counts, self.before, strict=True)]
        return percentile_of(counts, part) if sum(counts) >= KNOWN_FROM else None

    def error_share(self, now: float) -> float:
        """The part of the calls that failed."""
        self._turn(now)
        total = sum(self.counts) + sum(self.before)
        return (self.failed + self.failed_before) / total if total else 0.0

    def _turn(self, now: float) -> None:
        if now - self.begun < ROTATES:
            return
        is_next = now - self.begun < 2 * ROTATES
        self.before = self.counts if is_next else [0] * BUCKETS
        self.failed_before = self.failed if is_next else 0
        self.counts, self.failed, self.begun = [0] * BUCKETS, 0, now


@dataclass(frozen=True, slots=True)
class Standing:
    """A provider as selection sees it."""

    name: str
    cost: float
    p95: float | None
    errors: float


def ranked(found: Sequence[Standing], choice: Choice) -> list[str]:
    """Names, the one to be asked first first. `found` comes in the order that the tenant wants."""
    if choice is Choice.ORDER:
        return [one.name for one in found]
    dearest = max((one.cost for one in found), default=0.0) or 1.0
    keys = {
        one.name: _key(one, choice, cost=one.cost / dearest, place=place)
        for place, one in enumerate(found)
    }
    return sorted(keys, key=keys.__getitem__)


def _key(one: Standing, choice: Choice, *, cost: float, place: int) -> tuple[float, int]:
    seconds = UNKNOWN_SECONDS if one.p95 is None else one.p95
    # A call that fails is made again elsewhere: it costs as much, and takes as long, once more.
    again = 1 + one.errors
    weighed = {
        Choice.COST: cost * again,
        Choice.LATENCY: seconds * again,
        Choice.BALANCED: (cost + seconds) * again + one.errors,
    }
    return weighed[choice], place


def hedge_after(p95: float | None) -> float:
    """How long to wait for the first provider before a second one is asked."""
    return HEDGE_MOST if p95 is None else min(max(p95, HEDGE_LEAST), HEDGE_MOST)


@dataclass(slots=True)
class Budget:
    """Second calls may be a part of all calls, so that an outage cannot double the load."""

    share: float = 0.1
    most: float = 10.0
    saved: float = 1.0

    def earn(self) -> None:
        """A first call was made."""
        self.saved = min(self.saved + self.share, self.most)

    def spend(self) -> bool:
        """Whether a second call may be made; it is paid for if so."""
        if self.saved < 1.0:
            return False
        self.saved -= 1.0
        return True
