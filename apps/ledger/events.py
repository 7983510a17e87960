"""The facts that the ledger tells."""

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
