"""How the platform is, in one word and in sentences. Pure: facts in, a judgement out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

BEHIND_SECONDS: Final = 2.0
"""From this lag on a handler is catching up; below it is what a batch in flight looks like."""
LATE_SECONDS: Final = 30.0
"""From this lag on something is wrong, not merely busy."""
SNAPSHOT_SECONDS: Final = 300.0
"""A transaction open for this long keeps the database from cleaning up behind the queues."""
CLOCK_GRACE_SECONDS: Final = 120.0
SHOWN: Final = 3
"""Names in one sentence; the rest is a number."""


class State(StrEnum):
    """The word."""

    HEALTHY = "healthy"
    CATCHING_UP = "catching_up"
    DEGRADED = "degraded"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why it is not healthy."""

    code: str
    detail: str
    state: State = State.DEGRADED


@dataclass(frozen=True, slots=True)
class Reader:
    """A handler in a topic: how far behind it is at its worst partition."""

    handler: str
    seconds: float
    stopped: Sequence[int] = ()
    """Partitions that a person or a storm of errors stopped."""
    failing: Sequence[int] = ()
    """Partitions in which the world (not an event) fails it."""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock job: how late it is, and what its last run said."""

    job: str
    late_seconds: float
    error: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the judgement rests on."""

    readers: Sequence[Reader] = ()
    parked: int = 0
    oldest_snapshot_seconds: float = 0.0
    redis_answers: bool = True
    unserved: Sequence[str] = ()
    """Queues that no worker serves."""
    clocks: Sequence[Clock] = ()
    unbalanced: Sequence[str] = ()
    """Assets whose debits and credits differ."""


@dataclass(frozen=True, slots=True)
class Status:
    """The judgement."""

    state: State
    sentence: str
    reasons: Sequence[Reason] = field(default_factory=tuple)


def judge(facts: Facts) -> Status:
    """The worst of the reasons decides; the gravest comes first."""
    reasons = [*_ledger(facts), *_readers(facts), *_machinery(facts), *_clocks(facts)]
    degraded = [one for one in reasons if one.state is State.DEGRADED]
    behind = [one for one in reasons if one.state is State.CATCHING_UP]
    if degraded:
        count = "One thing needs" if len(degraded) == 1 else f"{len(degraded)} things need"
        return Status(State.DEGRADED, f"{count} attention.", (*degraded, *behind))
    if behind:
        return Status(
            State.CATCHING_UP, "Everything works; some of it is still on its way.", behind
        )
    return Status(State.HEALTHY, "Every event is taken, in order. Nothing is parked.")


def _ledger(facts: Facts) -> Iterator[Reason]:
    if facts.unbalanced:
        yield Reason(
            "ledger_unbalanced", f"Debits and credits differ in {_names(facts.unbalanced)}."
        )


def _readers(facts: Facts) -> Iterator[Reason]:
    for one in facts.readers:
        if one.stopped:
            yield Reason("stopped", f"{one.handler} is stopped in {_partitions(one.stopped)}.")
        if one.failing:
            told = f": {one.error}" if one.error else "."
            yield Reason(
                "failing", f"{one.handler} meets errors in {_partitions(one.failing)}{told}"
            )
        if one.seconds >= LATE_SECONDS:
            yield Reason("late", f"{one.handler} is {duration(one.seconds)} behind.")
        elif one.seconds >= BEHIND_SECONDS:
            yield Reason(
                "behind", f"{one.handler} is {duration(one.seconds)} behind.", State.CATCHING_UP
            )
    if facts.parked:
        keys = "One key is" if facts.parked == 1 else f"{facts.parked} keys are"
        yield Reason("parked", f"{keys} parked: later events wait behind until someone resumes.")


def _machinery(facts: Facts) -> Iterator[Reason]:
    if not facts.redis_answers:
        yield Reason(
            "redis",
            "Redis is not answering. Trades are accepted and the log keeps them; they are worked on"
            " once wakes get through again.",
        )
    if facts.unserved:
        yield Reason("unserved", f"No worker serves {_names(facts.unserved)}.")
    if facts.oldest_snapshot_seconds >= SNAPSHOT_SECONDS:
        age = duration(facts.oldest_snapshot_seconds)
        yield Reason(
            "old_snapshot", f"A database transaction has been open for {age}; queues slow down."
        )


def _clocks(facts: Facts) -> Iterator[Reason]:
    failed = [one for one in facts.clocks if one.error]
    if failed:
        yield Reason("clock_failed", f"{failed[0].job} failed: {failed[0].error}")
    late = [one.job for one in facts.clocks if one.late_seconds > CLOCK_GRACE_SECONDS]
    if late:
        yield Reason("clock_late", f"The clock is late for {_names(late)}; is beat running?")


def duration(seconds: float) -> str:
    """Seconds as people say them: 0.4 s, 12 s, 3 min, 2 h, 4 days."""
    if seconds < 10:  # noqa: PLR2004 - where a decimal stops to matter
        return f"{seconds:.1f} s"
    for limit, unit, name in ((120, 1, "s"), (7_200, 60, "min"), (172_800, 3_600, "h")):
        if seconds < limit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds / 86_400:.0f} days"


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:SHOWN])
    return f"{shown} and {len(names) - SHOWN} more" if len(names) > SHOWN else shown


def _partitions(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"partition {numbers[0]}"
    return f"partitions {_names([str(number) for number in numbers])}"
