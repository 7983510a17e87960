"""What trading does: the only writer of its tables."""

from apps.trading.services.accounts import AccountTerms, change_account, open_account, open_accounts
from apps.trading.services.action_checks import ActionTerms
from apps.trading.services.announcing import announce_action, withdraw_action
from apps.trading.services.applying import apply_actions
from apps.trading.services.controlling import Taken, pull_accounts, secret_of, take_notice
from apps.trading.services.counterparties import change_counterparty, register_counterparty
from apps.trading.services.folding import fold_trades
from apps.trading.services.instruments import InstrumentTerms, change_instrument, list_instrument
from apps.trading.services.intake import CHUNK, FeeRequest, Outcome, TradeRequest, execute_trades
from apps.trading.services.intake.requests import unprintable
from apps.trading.services.keys import forget_old_keys
from apps.trading.services.prices import PriceUpdate, record_prices
from apps.trading.services.pricing import confirm_price, price_fractions, withdraw_price
from apps.trading.services.revisions import Revision, amend_trade, cancel_trade
from apps.trading.services.settling import settle_units, settled_units
from apps.trading.services.snapshots import take_snapshot

__all__ = [
    "CHUNK",
    "AccountTerms",
    "ActionTerms",
    "FeeRequest",
    "InstrumentTerms",
    "Outcome",
    "PriceUpdate",
    "Revision",
    "Taken",
    "TradeRequest",
    "amend_trade",
    "announce_action",
    "apply_actions",
    "cancel_trade",
    "change_account",
    "change_counterparty",
    "change_instrument",
    "confirm_price",
    "execute_trades",
    "fold_trades",
    "forget_old_keys",
    "list_instrument",
    "open_account",
    "open_accounts",
    "price_fractions",
    "pull_accounts",
    "record_prices",
    "register_counterparty",
    "secret_of",
    "settle_units",
    "settled_units",
    "take_notice",
    "take_snapshot",
    "unprintable",
    "withdraw_action",
    "withdraw_price",
]
