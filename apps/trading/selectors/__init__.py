"""Questions about accounts, instruments, trades and positions."""

from apps.trading.selectors.actions import action_of, actions
from apps.trading.selectors.cut import differing_from_cache, quantities_at
from apps.trading.selectors.exposure import Holding, gross_exposure, holdings_of
from apps.trading.selectors.past import position_as_of, positions_as_of
from apps.trading.selectors.positions import (
    Positions,
    PositionView,
    forget,
    position_of,
    position_quantities,
    positions_of,
)
from apps.trading.selectors.reference import (
    SettlementTerms,
    account_id_of,
    accounts,
    counterparties,
    find_account,
    find_counterparty,
    find_instrument,
    instruments,
    known_numbers,
    settlement_terms,
)
from apps.trading.selectors.settled import settled_quantities
from apps.trading.selectors.told import OTHER_TERMS, WHICH_TERMS
from apps.trading.selectors.trades import (
    TradeView,
    find_trade,
    newest_trades,
    trade_in_version,
    trades,
    trades_by_id,
    trades_by_second,
)

__all__ = [
    "OTHER_TERMS",
    "WHICH_TERMS",
    "Holding",
    "PositionView",
    "Positions",
    "SettlementTerms",
    "TradeView",
    "account_id_of",
    "accounts",
    "action_of",
    "actions",
    "counterparties",
    "differing_from_cache",
    "find_account",
    "find_counterparty",
    "find_instrument",
    "find_trade",
    "forget",
    "gross_exposure",
    "holdings_of",
    "instruments",
    "known_numbers",
    "newest_trades",
    "position_as_of",
    "position_of",
    "position_quantities",
    "positions_as_of",
    "positions_of",
    "quantities_at",
    "settled_quantities",
    "settlement_terms",
    "trade_in_version",
    "trades",
    "trades_by_id",
    "trades_by_second",
]
