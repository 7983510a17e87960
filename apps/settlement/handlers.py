"""What settlement does about facts of trading and of clearing."""

from apps.events.registry import Batch, Projection, handles
from apps.settlement import services
from apps.trading.events import TradeExecuted

TERMS_OF_SETTLEMENTS = Projection(
    tables=("settlement_settlement",),
    comparisons={
        "settlements": """
            SELECT tenant_id, trade_id, version_no, account_id, instrument_id, symbol, movement,
                   quantity, currency, amount, client_cash, trade_date
            FROM settlement_settlement WHERE kind = 'settlement'""",
    },
)


@handles(TradeExecuted, queue="settlement", projection=TERMS_OF_SETTLEMENTS)
def open_settlements(batch: Batch) -> None:
    """Open a settlement for every trade."""
    services.open_settlements(batch.events)
