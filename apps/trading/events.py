"""The facts that trading tells. Amounts are Decimals, times UTC; keys are account ids unless said."""

from datetime import date
from decimal import Decimal
from uuid import UUID

import msgspec

from apps.events.contracts import Event, Moment, event


class Fee(msgspec.Struct, frozen=True, kw_only=True):
    """A charge on a trade: positive where the client pays it."""

    kind: str  # commission | exchange | tax | other
    amount: Decimal
    currency: str


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """One ground of a refusal."""

    field: str
    code: str
    detail: str


@event("trading.account.opened", topic="trade")
class AccountOpened(Event, frozen=True):
    """A client account exists; the first fact under its key."""

    account_id: UUID
    number: str
    name: str
    base_currency: str
    cost_method: str  # average | fifo


@event("trading.account.changed", topic="trade")
class AccountChanged(Event, frozen=True):
    """An account's status or limits are now these."""

    account_id: UUID
    number: str
    status: str  # open | frozen | closed
    changed: tuple[str, ...]


@event("trading.trade.executed", topic="trade")
class TradeExecuted(Event, frozen=True):
    """A trade was accepted; its terms are final."""

    trade_id: UUID
    version_no: int
    account_id: UUID
    account_number: str
    cost_method: str  # average | fifo
    instrument_id: UUID
    symbol: str
    side: str  # buy | sell
    quantity: Decimal  # positive
    price: Decimal
    multiplier: Decimal
    inverse: bool
    currency: str  # of the cash legs and of profit: the base coin for inverse instruments
    notional: Decimal  # positive, rounded to the currency's booking scale
    fees: tuple[Fee, ...]
    trade_date: date
    settles_on: date | None
    executed_at: Moment
    source: str
    external_id: str | None = None
    counterparty: str | None = None


class TradeTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What may be amended of a trade."""

    quantity: Decimal  # positive
    price: Decimal
    notional: Decimal  # positive, rounded to the currency's booking scale
    fees: tuple[Fee, ...]


@event("trading.trade.cancelled", topic="trade")
class TradeCancelled(Event, frozen=True):
    """A trade is undone: it counts as never dealt. FIX: ExecType H, TradeReportTransType 1."""

    trade_id: UUID
    version_no: int  # of the cancellation; it undoes version_no - 1, whose terms these are
    account_id: UUID
    account_number: str
    cost_method: str  # average | fifo
    instrument_id: UUID
    symbol: str
    side: str  # buy | sell
    quantity: Decimal
    price: Decimal
    multiplier: Decimal
    inverse: bool
    currency: str
    notional: Decimal
    fees: tuple[Fee, ...]
    trade_date: date
    settles_on: date | None
    executed_at: Moment
    reason: str
    source: str
    external_id: str | None = None
    counterparty: str | None = None


@event("trading.trade.amended", topic="trade")
class TradeAmended(Event, frozen=True):
    """A trade has other terms from now on. FIX: ExecType G, TradeReportTransType 2."""

    trade_id: UUID
    version_no: int  # of these terms; they replace those of version_no - 1
    account_id: UUID
    account_number: str
    cost_method: str  # average | fifo
    instrument_id: UUID
    symbol: str
    side: str  # buy | sell
    quantity: Decimal
    price: Decimal
    multiplier: Decimal
    inverse: bool
    currency: str
    notional: Decimal
    fees: tuple[Fee, ...]
    trade_date: date
    settles_on: date | None
    executed_at: Moment  # when it was dealt: an amendment is effective from then
    reason: str
    previous: TradeTerms
    source: str
    external_id: str | None = None
    counterparty: str | None = None


@event("trading.trade.rejected", topic="trade")
class TradeRejected(Event, frozen=True):
    """A trade was refused, with every reason."""

    request_id: UUID
    account: str
    instrument: str
    side: str
    quantity: str
    price: str
    reasons: tuple[Reason, ...]


@event("trading.position.changed", topic="position")
class PositionChanged(Event, frozen=True):
    """A position is now this; one fact for all the fills that a batch folded into it."""

    account_id: UUID
    instrument_id: UUID
    symbol: str
    currency: str
    quantity: Decimal  # signed
    cost: Decimal  # signed like the quantity
    realised_pnl: Decimal  # before fees
    fees: Decimal
    version_no: int


@event("trading.instrument.changed", topic="instrument")
class InstrumentChanged(Event, frozen=True):
    """An instrument was listed, or its terms or status are now these. Key: the instrument's id."""

    instrument_id: UUID
    symbol: str
    kind: str
    currency: str
    multiplier: Decimal
    inverse: bool
    status: str
    changed: tuple[str, ...]


@event("trading.price.changed", topic="instrument")
class PriceChanged(Event, frozen=True):
    """An instrument's last price is now this. Key: the instrument's id."""

    instrument_id: UUID
    symbol: str
    price: Decimal
    at: Moment
