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


@event("trading.account.frozen", topic="trade")
class AccountFrozen(Event, frozen=True):
    """An account may not trade from now on; what is open goes on to settle."""

    account_id: UUID
    number: str
    by: str  # own | account_system
    version: int | None  # of the account system


@event("trading.account.unfrozen", topic="trade")
class AccountUnfrozen(Event, frozen=True):
    """An account may trade again."""

    account_id: UUID
    number: str
    by: str  # own | account_system
    version: int | None


@event("trading.account.limits_changed", topic="trade")
class LimitsChanged(Event, frozen=True):
    """The limits of an account are now these; null: none."""

    account_id: UUID
    number: str
    max_order_notional: Decimal | None
    max_gross_exposure: Decimal | None
    max_orders_per_second: int | None
    by: str  # own | account_system
    version: int | None


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


@event("trading.split.applied", topic="trade")
class SplitApplied(Event, frozen=True):
    """The units that an account holds of an instrument became others: `new_units` for `old_units`.

    Whole lots of them; a fraction beside those became cash, at a price. One fact for every account
    that ever traded it, behind its trades of before the ex-date.
    """

    action_id: UUID
    account_id: UUID
    account_number: str
    cost_method: str  # average | fifo
    instrument_id: UUID
    symbol: str
    currency: str
    new_units: Decimal  # this many …
    old_units: Decimal  # … for so many
    factor: Decimal  # new_units / old_units, rounded: to show
    ex_date: date
    effective_at: Moment  # when the ex-date began at the market
    lot_size: Decimal | None = None  # units come in multiples of it; none: any
    cash_in_lieu_price: Decimal | None = None  # of a new unit; none: there was no fraction
    multiplier: Decimal = Decimal(1)  # value of a unit at price 1


@event("trading.dividend.applied", topic="trade")
class DividendApplied(Event, frozen=True):
    """Whoever held an instrument before the ex-date is owed a dividend; who was short owes it.

    One fact for every account that ever traded it, behind its trades of before the ex-date.
    """

    action_id: UUID
    account_id: UUID
    account_number: str
    instrument_id: UUID
    symbol: str
    currency: str
    amount: Decimal  # per unit
    ex_date: date
    pay_date: date
    effective_at: Moment  # when the ex-date began at the market


@event("trading.dividend.paid", topic="trade")
class DividendPaid(Event, frozen=True):
    """A dividend that an account was owed, or owed, is paid: its pay date has come."""

    action_id: UUID
    account_id: UUID
    account_number: str
    instrument_id: UUID
    symbol: str
    currency: str
    pay_date: date
    effective_at: Moment  # when the pay date began at the market


@event("trading.cash_in_lieu.paid", topic="trade")
class CashInLieuPaid(Event, frozen=True):
    """What an account was owed, or owed, for a fraction that a split left is paid."""

    action_id: UUID
    account_id: UUID
    account_number: str
    instrument_id: UUID
    symbol: str
    currency: str
    pay_date: date
    effective_at: Moment  # when the pay date began at the market


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


@event("trading.action.changed", topic="instrument")
class CorporateActionChanged(Event, frozen=True):
    """A corporate action was announced, withdrawn, applied or paid. Key: the instrument's id."""

    action_id: UUID
    reference: str
    instrument_id: UUID
    symbol: str
    kind: str  # split | dividend
    state: str  # announced | withdrawn | applied | paid
    ex_date: date
    new_units: Decimal | None  # of a split
    old_units: Decimal | None
    amount: Decimal | None  # of a dividend, per unit
    currency: str | None
    pay_date: date | None
    accounts: int  # that were told
    by: str
    cash_in_lieu_price: Decimal | None = None  # of a split


@event("trading.cash_in_lieu.priced", topic="instrument")
class CashInLieuPriced(Event, frozen=True):
    """A price of a split's fractions was stated, confirmed or taken back. Key: the instrument's id."""

    action_id: UUID
    reference: str
    instrument_id: UUID
    symbol: str
    price: Decimal  # of a new unit
    currency: str
    pay_date: date
    state: str  # proposed | confirmed | withdrawn
    by: str
    reason: str  # why it was taken back


@event("trading.price.changed", topic="instrument")
class PriceChanged(Event, frozen=True):
    """An instrument's last price is now this. Key: the instrument's id."""

    instrument_id: UUID
    symbol: str
    price: Decimal
    at: Moment
