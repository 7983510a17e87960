"""The back office's windows on trading: its records, and corporate actions."""

from apps.trading.admin.actions import CorporateActionAdmin
from apps.trading.admin.records import (
    AccountFeedAdmin,
    ClientAccountAdmin,
    CounterpartyAdmin,
    InstrumentAdmin,
    PositionAdmin,
    RejectedTradeAdmin,
    TradeAdmin,
)

__all__ = [
    "AccountFeedAdmin",
    "ClientAccountAdmin",
    "CorporateActionAdmin",
    "CounterpartyAdmin",
    "InstrumentAdmin",
    "PositionAdmin",
    "RejectedTradeAdmin",
    "TradeAdmin",
]
