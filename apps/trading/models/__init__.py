"""Trading's tables."""

from apps.trading.models.actions import (
    ActionKind,
    ActionState,
    CashInLieuPrice,
    CorporateAction,
    PriceState,
)
from apps.trading.models.control import AccountFeed, AccountNotice
from apps.trading.models.fields import AmountField
from apps.trading.models.positions import (
    Position,
    PositionChange,
    PositionMark,
    PositionSnapshot,
    SettledHolding,
    Snapshot,
)
from apps.trading.models.reference import (
    AccountStatus,
    ClientAccount,
    CostMethod,
    Counterparty,
    CounterpartyStatus,
    Instrument,
    InstrumentKind,
    InstrumentStatus,
)
from apps.trading.models.trades import (
    IdempotencyKey,
    RejectedTrade,
    Side,
    Trade,
    TradeRevision,
    TradeState,
)

__all__ = [
    "AccountFeed",
    "AccountNotice",
    "AccountStatus",
    "ActionKind",
    "ActionState",
    "AmountField",
    "CashInLieuPrice",
    "ClientAccount",
    "CorporateAction",
    "CostMethod",
    "Counterparty",
    "CounterpartyStatus",
    "IdempotencyKey",
    "Instrument",
    "InstrumentKind",
    "InstrumentStatus",
    "Position",
    "PositionChange",
    "PositionMark",
    "PositionSnapshot",
    "PriceState",
    "RejectedTrade",
    "SettledHolding",
    "Side",
    "Snapshot",
    "Trade",
    "TradeRevision",
    "TradeState",
]
