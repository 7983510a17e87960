"""The facts that the ledger tells."""

from datetime import date
from decimal import Decimal
from uuid import UUID

import msgspec

from apps.events.contracts import Event, Moment, event


class PostedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One journal entry, by name; its legs are read from the ledger."""

    id: UUID
    kind: str
    source: str
    trade_id: UUID | None
    effective_at: Moment
    booked_at: Moment


@event("ledger.entries.posted", topic="ledger", version=1)
class EntriesPosted(Event, frozen=True):
    """Entries were booked for an account: one event for all that one transaction booked. Key: account."""

    account_id: UUID
    entries: tuple[PostedEntry, ...]


@event("ledger.cash.transferred", topic="ledger", version=1)
class CashTransferred(Event, frozen=True):
    """Cash came in (amount > 0) or went out (amount < 0), settled at once. Key: account."""

    account_id: UUID
    account_number: str
    entry_id: UUID
    currency: str
    amount: Decimal
    reference: str
    booked_at: Moment


@event("ledger.reconciliation.finished", topic="ledger")
class ReconciliationFinished(Event, frozen=True):
    """A day was looked at. Key: the run."""

    run_id: UUID
    date: date
    status: str  # clean | breaks | not_run
    found: int
    not_run: tuple[str, ...]  # names of checks that could not look


@event("ledger.break.opened", topic="ledger")
class BreakOpened(Event, frozen=True):
    """Two records differ: somebody has to look. Key: the break."""

    break_id: UUID
    run_id: UUID
    kind: str
    subject: str
    account: str
    asset: str
    expected: Decimal | None
    actual: Decimal | None
    detail: str


@event("ledger.break.changed", topic="ledger")
class BreakChanged(Event, frozen=True):
    """The work on a break went on. Key: the break."""

    break_id: UUID
    before: str  # open | assigned | explained
    state: str  # open | assigned | explained | closed
    assignee: str
    note: str
    by: str


@event("ledger.block.sealed", topic="ledger")
class BlockSealed(Event, frozen=True):
    """Entries of this tenant (and others) are sealed: whoever keeps the hash can prove them later."""

    number: int
    high: UUID  # the newest entry that it covers
    entries: int
    hash: str  # SHA-256, hexadecimal


@event("ledger.month.archived", topic="ledger")
class MonthTakenOut(Event, frozen=True):
    """A month's postings, of this tenant and others, are in a file now: who keeps the hash can prove it."""

    month: date  # its first day
    file: str
    sha256: str  # of the file
    rows_sha256: str  # of the rows in it
    postings: int
    entries: int
    by: str


@event("ledger.month.restored", topic="ledger")
class MonthPutBack(Event, frozen=True):
    """A month's postings are in the database again, as they were sealed."""

    month: date
    sha256: str
    by: str


@event("ledger.adjustment.proposed", topic="ledger")
class AdjustmentProposed(Event, frozen=True):
    """Somebody proposes to correct the books by hand. Key: the adjustment."""

    adjustment_id: UUID
    reason: str
    digest: str  # SHA-256 of what is proposed, hexadecimal
    by: str
    break_id: UUID | None  # what it mends


@event("ledger.adjustment.decided", topic="ledger")
class AdjustmentDecided(Event, frozen=True):
    """A proposed adjustment was approved, and is booked; or it was not. Key: the adjustment."""

    adjustment_id: UUID
    state: str  # approved | rejected | withdrawn
    by: str
    reason: str
    entry_id: UUID | None  # of the approved one
    break_id: UUID | None
