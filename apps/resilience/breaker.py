"""A circuit breaker as a pure machine: a record, what happens to it, and the record after that.

closed      calls go out; `failures` in a row open it
open        nothing goes out until `retry_at`
half open   one call goes out, the probe, and its outcome decides. A probe that says nothing for
            `probe_for` is taken for dead, and another one goes out.

Times are seconds since the epoch, of one clock for all (Redis's, as long as it answers).
"""

from enum import StrEnum
from typing import NamedTuple

import msgspec


class Phase(StrEnum):
    """Where a breaker stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Policy(msgspec.Struct, frozen=True):
    """When a breaker opens, and for how long."""

    failures: int = 5
    """In a row."""
    open_for: float = 5.0  # seconds, the first time; twice as long after each probe that failed
    open_max: float = 60.0
    probe_for: float = 30.0  # seconds; longer than a call may take


class Record(msgspec.Struct, frozen=True):
    """What is known of whoever is called."""

    phase: Phase = Phase.CLOSED
    failures: int = 0
    """In a row, up to now."""
    since: float = 0.0
    retry_at: float = 0.0
    """Open: when a probe may go out. Half open: when the probe is taken for dead."""
    probe: str = ""
    """Half open: whose call is the probe."""
    rounds: int = 0
    """How often in a row it has opened."""


class Admission(NamedTuple):
    """Whether a call may go out."""

    allowed: bool
    is_probe: bool
    retry_at: float
    """When to ask again, where it may not."""


CLOSED = Record()


def admit(record: Record, policy: Policy, now: float, caller: str) -> tuple[Record, Admission]:
    """Whether `caller` may call: everybody while closed, one of all while half open."""
    if record.phase is Phase.CLOSED:
        return record, Admission(allowed=True, is_probe=False, retry_at=now)
    if now < record.retry_at:
        # A probe mostly comes back soon; only a dead one is waited for in full.
        soon = now + policy.open_for if record.phase is Phase.HALF_OPEN else record.retry_at
        retry_at = min(record.retry_at, soon)
        return record, Admission(allowed=False, is_probe=False, retry_at=retry_at)
    since = now if record.phase is Phase.OPEN else record.since
    probing = msgspec.structs.replace(
        record, phase=Phase.HALF_OPEN, since=since, probe=caller, retry_at=now + policy.probe_for
    )
    return probing, Admission(allowed=True, is_probe=True, retry_at=now)


def report(record: Record, policy: Policy, now: float, caller: str, *, ok: bool) -> Record:
    """The record after a call came back.

    While it is open or half open only the probe has a say: other calls began before it opened.
    """
    if record.phase is Phase.CLOSED:
        if ok:
            return _closed(now) if record.failures else record
        failed = msgspec.structs.replace(record, failures=record.failures + 1)
        return failed if failed.failures < policy.failures else _opened(failed, policy, now)
    if record.phase is Phase.OPEN or record.probe != caller:
        return record
    if ok:
        return _closed(now)
    failed = msgspec.structs.replace(record, failures=record.failures + 1)
    return _opened(failed, policy, now)


def _opened(record: Record, policy: Policy, now: float) -> Record:
    pause = min(policy.open_for * 2**record.rounds, policy.open_max)
    return Record(Phase.OPEN, record.failures, now, now + pause, "", min(record.rounds + 1, 32))


def _closed(now: float) -> Record:
    return Record(since=now)
