"""Whatever is traded: entries sum to zero, and a reversal returns everything to where it was."""

from collections import Counter
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from apps.core.ids import uuid7
from apps.core.money import exact, round_to, scale_of
from apps.ledger.journal import (
    BookedEntry,
    Code,
    check_balanced,
    entry_for_trade,
    reversal_of,
    unbalanced,
)
from apps.trading.events import Fee, TradeExecuted
from tests.ledger.cast import NOON, make_trade

CURRENCIES = st.sampled_from(["USD", "JPY", "EUR", "BTC", "USDT"])


def amounts(low: str, high: str, places: int) -> st.SearchStrategy[Decimal]:
    return st.decimals(low, high, places=places, allow_nan=False, allow_infinity=False)


@st.composite
def fees(draw: st.DrawFn) -> Fee:
    kind = draw(st.sampled_from(["commission", "exchange", "tax", "other"]))
    return Fee(kind=kind, amount=draw(amounts("-50", "500", 8)), currency=draw(CURRENCIES))


@st.composite
def trades(draw: st.DrawFn) -> TradeExecuted:
    currency, inverse = draw(CURRENCIES), draw(st.booleans())
    quantity, price = draw(amounts("1e-18", "1e9", 18)), draw(amounts("1e-9", "1e6", 9))
    multiplier = draw(st.sampled_from(["0.001", "1", "50"]))
    with exact():
        worth = quantity * Decimal(multiplier)
        worth = worth / price if inverse else worth * price
    return make_trade(
        side=draw(st.sampled_from(["buy", "sell"])),
        quantity=quantity,
        price=price,
        multiplier=multiplier,
        inverse=inverse,
        currency=currency,
        notional=round_to(worth, scale_of(currency)),
        fees=tuple(draw(st.lists(fees(), max_size=4))),
    )


@given(trades())
def test_every_trade_balances_in_every_asset(trade: TradeExecuted) -> None:
    check_balanced(entry_for_trade(trade, tenant=1))


@given(trades())
def test_the_client_pays_the_value_and_the_fees_and_nothing_else(trade: TradeExecuted) -> None:
    legs = entry_for_trade(trade, tenant=1).legs
    paid: Counter[str] = Counter()
    with exact():
        for leg in legs:
            if leg.code == Code.CASH_UNSETTLED:
                paid[leg.asset] -= leg.amount
        for fee in trade.fees:
            paid[fee.currency] -= fee.amount
        credit = (trade.side == "buy") == trade.inverse
        paid[trade.currency] += trade.notional if credit else -trade.notional
    assert not any(paid.values())


@given(trades())
def test_a_reversal_returns_every_account_to_its_start(trade: TradeExecuted) -> None:
    original = entry_for_trade(trade, tenant=1)
    undone = reversal_of(BookedEntry(uuid7(), NOON, original))
    check_balanced(undone)
    for code, owner, asset in {(leg.code, leg.owner, leg.asset) for leg in original.legs}:
        both = [
            leg
            for leg in (*original.legs, *undone.legs)
            if (leg.code, leg.owner, leg.asset) == (code, owner, asset)
        ]
        assert not unbalanced(both)
