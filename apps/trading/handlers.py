"""What trading does about its own trades: keep positions in their order."""

from typing import Final

from apps.events.registry import Batch, Projection, handles
from apps.trading import services
from apps.trading.events import SplitApplied, TradeAmended, TradeCancelled, TradeExecuted

POSITIONS: Final = Projection(
    tables=("trading_position", "trading_positionchange", "trading_positionmark"),
    comparisons={
        "positions": """
            SELECT tenant_id, account_id, instrument_id, currency, quantity, cost, realised_pnl,
                   fees, lots, version, last_offset
            FROM trading_position""",
        "position changes": """
            SELECT partition, "offset", tenant_id, account_id, instrument_id, trade_id, kind, place,
                   fill_quantity, fill_price, fill_notional, fill_fees, split_factor, version,
                   quantity, cost, realised_pnl, fees, effective_at
            FROM trading_positionchange""",
    },
    rebuildable=True,
)


@handles(
    TradeExecuted,
    TradeCancelled,
    TradeAmended,
    SplitApplied,
    queue="positions",
    projection=POSITIONS,
)
def apply_trades(batch: Batch) -> None:
    """Fold a batch of trades, of what became of earlier ones, and of splits, into positions."""
    services.fold_trades(batch.events)
