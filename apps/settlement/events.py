"""The facts that settlement tells. Amounts are Decimals, times UTC; the key is the account's id."""

from datetime import date
from decimal import Decimal
from uuid import UUID

import msgspec

from apps.events.contracts import Event, Moment, event


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """One settlement that was opened."""

    settlement_id: UUID
    trade_id: UUID
    version_no: int
    kind: str  # settlement | return
    symbol: str
    movement: str  # receive | deliver
    quantity: Decimal
    due_on: date | None
    is_late: bool
    state: str


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """One settlement that went on."""

    settlement_id: UUID
    trade_id: UUID
    from_state: str
    to_state: str
    code: str  # reason, in the words of ISO 20022
    detail: str


@event("settlement.settlements.opened", topic="settlement")
class SettlementsOpened(Event, frozen=True):
    """Settlements were opened for an account: one fact for all that one transaction opened."""

    account_id: UUID
    account_number: str
    settlements: tuple[Opened, ...]


@event("settlement.settlements.advanced", topic="settlement")
class SettlementsAdvanced(Event, frozen=True):
    """Settlements of an account went on: one fact for all that one transaction moved."""

    account_id: UUID
    account_number: str
    settlements: tuple[Moved, ...]


@event("settlement.settlement.settled", topic="settlement")
class SettlementSettled(Event, frozen=True):
    """A part of a settlement, or all of it, is in the ledger: securities and cash in one entry."""

    settlement_id: UUID
    trade_id: UUID
    account_id: UUID
    account_number: str
    kind: str  # settlement | return
    symbol: str
    movement: str  # receive | deliver
    quantity: Decimal  # of this part
    open_quantity: Decimal  # what is left
    currency: str
    amount: Decimal  # cash at clearing, of this part
    due_on: date | None
    settled_at: Moment
    by_hand: bool


@event("settlement.settlement.failed", topic="settlement")
class SettlementFailed(Event, frozen=True):
    """Clearing refused it, or it did not settle on its date."""

    settlement_id: UUID
    trade_id: UUID
    account_id: UUID
    account_number: str
    symbol: str
    open_quantity: Decimal
    due_on: date | None
    code: str
    detail: str


@event("settlement.settlement.needs_attention", topic="settlement")
class SettlementNeedsAttention(Event, frozen=True):
    """A person has to look at it; without an account the key is the clearing system's code."""

    settlement_id: UUID | None
    trade_id: UUID | None
    account_number: str
    state: str
    reason: str


@event("settlement.settlement.cancelled", topic="settlement")
class SettlementCancelled(Event, frozen=True):
    """It will not settle: it was never instructed, or clearing gave the instruction back."""

    settlement_id: UUID
    trade_id: UUID
    account_id: UUID
    account_number: str
    symbol: str
    state: str  # cancelled | compensated
    open_quantity: Decimal
    detail: str


@event("settlement.penalty.accrued", topic="settlement")
class PenaltyAccrued(Event, frozen=True):
    """One business day of failing has its price; the ledger has an entry for it."""

    settlement_id: UUID
    account_id: UUID
    account_number: str
    symbol: str
    on: date
    quantity: Decimal
    rate: Decimal
    amount: Decimal
    currency: str


@event("settlement.notice.received", topic="settlement")
class ClearingNoticeReceived(Event, frozen=True):
    """A clearing system told something about one of our instructions."""

    settlement_id: UUID
    notice_id: int
    system: str
    kind: str  # settled | partial | pending | failing | rejected | cancelled
    quantity: Decimal | None
    amount: Decimal | None
    code: str
    detail: str
    at: Moment


@event("settlement.settlement.decided", topic="settlement")
class SettlementDecided(Event, frozen=True):
    """A person decided something about a settlement."""

    settlement_id: UUID
    trade_id: UUID
    account_id: UUID
    decision: str  # retry | propose | approve | refuse | compensate | assign | comment | redate
    by: str
    reason: str
    state: str
