"""Trading's views: parse, one call, render."""

from apps.trading.api.views.actions import (
    ActionCashInLieuConfirmationView,
    ActionCashInLieuView,
    ActionCashInLieuWithdrawalView,
    ActionListView,
    ActionView,
    ActionWithdrawalView,
)
from apps.trading.api.views.positions import PositionListView, PositionView
from apps.trading.api.views.reference import (
    AccountListView,
    AccountView,
    CounterpartyListView,
    CounterpartyView,
    InstrumentListView,
    InstrumentView,
    PriceListView,
)
from apps.trading.api.views.trades import (
    AmendmentView,
    BulkView,
    CancellationView,
    TradeListView,
    TradeView,
)

__all__ = [
    "AccountListView",
    "AccountView",
    "ActionCashInLieuConfirmationView",
    "ActionCashInLieuView",
    "ActionCashInLieuWithdrawalView",
    "ActionListView",
    "ActionView",
    "ActionWithdrawalView",
    "AmendmentView",
    "BulkView",
    "CancellationView",
    "CounterpartyListView",
    "CounterpartyView",
    "InstrumentListView",
    "InstrumentView",
    "PositionListView",
    "PositionView",
    "PriceListView",
    "TradeListView",
    "TradeView",
]
