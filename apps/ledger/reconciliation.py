"""Reconciliation: what was looked at, what was found, and what a run is to be called. Pure.

A run compares two records of one day at one cut of the log. A check that could not look is not a
check that found nothing: a run is clean only where every check ran and found nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from apps.core.money import exact


class Status(StrEnum):
    """How a check, or a run, ended."""

    CLEAN = "clean"
    BREAKS = "breaks"
    NOT_RUN = "not_run"


class BreakState(StrEnum):
    """Where the work on a break stands."""

    OPEN = "open"
    ASSIGNED = "assigned"
    EXPLAINED = "explained"
    CLOSED = "closed"


class BreakKind(StrEnum):
    """Which two records differ; one kind for each check."""

    UNITS_DIFFER = "units_differ"
    ACCOUNT_HELD = "account_held"
    SETTLED_UNITS_DIFFER = "settled_units_differ"
    ENTRY_UNBALANCED = "entry_unbalanced"
    ENTRY_INCOMPLETE = "entry_incomplete"
    REVERSAL_DIFFERS = "reversal_differs"
    ASSET_NOT_ZERO = "asset_not_zero"
    BALANCE_DIFFERS = "balance_differs"
    MARK_DIFFERS = "mark_differs"
    TRADE_LOST = "trade_lost"
    ENTRY_WITHOUT_TRADE = "entry_without_trade"
    POSITION_DIFFERS = "position_differs"
    LOTS_DIFFER = "lots_differ"
    LOG_HAS_GAP = "log_has_gap"
    CURSOR_AHEAD = "cursor_ahead"
    SNAPSHOT_DIFFERS = "snapshot_differs"
    EXTERNAL_DIFFERS = "external_differs"
    BLOCK_DIFFERS = "block_differs"
    GUARD_MISSING = "guard_missing"
    CACHE_DIFFERS = "cache_differs"


MOVES = {
    BreakState.OPEN: {BreakState.ASSIGNED, BreakState.EXPLAINED, BreakState.CLOSED},
    BreakState.ASSIGNED: {BreakState.OPEN, BreakState.EXPLAINED, BreakState.CLOSED},
    BreakState.EXPLAINED: {BreakState.OPEN, BreakState.ASSIGNED, BreakState.CLOSED},
    BreakState.CLOSED: set(),
}
"""Where a break may go from where it is. A closed one stays; if it is found again, that is a new one."""


@dataclass(frozen=True, slots=True)
class Day:
    """What a run looks at: the business of one tenant between two looks."""

    tenant: int
    date: date
    since: datetime
    """With an overlap, so that what was being written at the look before is not missed."""
    until: datetime


@dataclass(frozen=True, slots=True)
class Finding:
    """Two records that differ. `kind` and `subject` are its identity, run after run."""

    kind: BreakKind
    subject: str
    detail: str
    account: str = ""
    asset: str = ""
    expected: Decimal | None = None
    actual: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """One check: how many things it looked at, and what it found; or why it could not look."""

    name: str
    checked: int = 0
    findings: Sequence[Finding] = ()
    missing: str = ""

    @property
    def status(self) -> Status:
        """How it ended."""
        if self.findings:
            return Status.BREAKS
        return Status.NOT_RUN if self.missing else Status.CLEAN


@dataclass(frozen=True, slots=True)
class Look:
    """All results of one run, and the offsets at which both sides were compared."""

    results: Sequence[Result]
    cut: dict[int, int]


def difference(expected: Decimal | None, actual: Decimal | None) -> Decimal | None:
    """By how much two records differ; nothing where one of them has no amount."""
    if expected is None or actual is None:
        return None
    with exact():
        return actual - expected


def verdict(results: Iterable[Result]) -> Status:
    """What a run is called: breaks before all, then what did not run; clean only if all is."""
    found = {result.status for result in results}
    for status in (Status.BREAKS, Status.NOT_RUN):
        if status in found:
            return status
    return Status.CLEAN if found else Status.NOT_RUN
