"""What settlement does about facts of trading and of clearing."""

from apps.calendars.events import CalendarDayChanged, MarketRuleChanged
from apps.events.registry import Batch, Projection, handles
from apps.settlement import services
from apps.settlement.events import ClearingNoticeReceived
from apps.trading.events import SplitApplied, TradeAmended, TradeCancelled, TradeExecuted

TERMS_OF_SETTLEMENTS = Projection(
    tables=("settlement_settlement",),
    comparisons={
        "settlements": """
            SELECT tenant_id, trade_id, version_no, account_id, instrument_id, symbol, movement,
                   quantity, currency, amount, client_cash, trade_date
            FROM settlement_settlement WHERE kind = 'settlement'""",
    },
)


@handles(
    TradeExecuted,
    TradeCancelled,
    TradeAmended,
    SplitApplied,
    queue="settlement",
    projection=TERMS_OF_SETTLEMENTS,
)
def open_settlements(batch: Batch) -> None:
    """Open a settlement for every trade, undo those of trades that are no more, and split units."""
    services.take_trades(batch.events, replaying=batch.replaying)


@handles(ClearingNoticeReceived, queue="settlement")
def take_notices(batch: Batch) -> None:
    """Take what clearing systems told, and post what they confirm."""
    services.take_notices(batch.events)


@handles(CalendarDayChanged, MarketRuleChanged, queue="settlement")
def redate(batch: Batch) -> None:
    """Date what is open anew, where a market's days have changed."""
    services.redate(batch.events)
