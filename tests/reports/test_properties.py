"""Any trades, cancelled and amended as they come: the reports agree with each other and the books."""

import random
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from apps.ledger import selectors as ledger
from apps.tenants.models import Tenant
from tests.reports.cast import deal, price, revise, take
from tests.trading import cast

Ask = Callable[..., Any]
MARKS = {"XYZ": "52", "ABC": "48.5", "EUX": "51"}


@pytest.mark.parametrize("seed", range(3))
def test_reports_agree_whatever_was_dealt(tenant: Tenant, ask: Ask, seed: int) -> None:
    dice = random.Random(seed)
    for number, method in (("A-1", "average"), ("A-2", "fifo")):
        cast.open_account(tenant.pk, number, cost_method=method)
    for symbol in MARKS:
        cast.list_instrument(tenant.pk, symbol, currency="EUR" if symbol == "EUX" else "USD")
    trades = deal(
        tenant,
        *(
            (dice.choice(["A-1", "A-2"]), dice.choice(list(MARKS)), dice.choice(["buy", "sell"]),
             str(dice.randint(1, 60)), str(Decimal(dice.randint(4_000, 6_000)) / 100))
            for _ in range(30)
        ),
        fees=[("commission", "0.35")],
    )  # fmt: skip
    for trade in dice.sample(trades, 12):
        revise(tenant, trade, dice.choice([None, str(dice.randint(1, 90))]))
    price(tenant, **MARKS)
    take()

    lines = ask("blotter", versions="newest")
    held: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    cash: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    paid: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for line in lines:
        if line[4] == "cancelled":
            continue
        sign = 1 if line[7] == "buy" else -1
        held[line[5], line[6]] += sign * Decimal(line[8])
        cash[line[5], line[6], line[11]] -= sign * Decimal(line[10])
        paid[line[5], line[11]] += Decimal(line[12])

    # The blotter's quantities are the positions'.
    positions = {
        (account, one.stored.symbol): one.stored.quantity
        for account in ("A-1", "A-2")
        for one in positions_of(tenant, account)
    }
    assert positions == {place: held[place] for place in positions}
    assert set(held) <= set(positions)

    # Its fees are the profit's, the fee report's and the positions'.
    charged = {(row[0], row[2]): Decimal(row[3]) for row in ask("fees")}
    profit = {(row[0], row[2]): row for row in ask("profit")}
    for place, row in profit.items():
        assert Decimal(row[4]) == paid[place] == charged.get(place, Decimal(0))

    # Cash identity: what closing all at the mark would leave is what was earned.
    for (account, symbol, currency), amount in cash.items():
        (row,) = ask("profit", by="position", account=account, instrument=symbol)
        worth = held[account, symbol] * Decimal(MARKS[symbol])
        assert row[2] == currency
        assert Decimal(row[3]) + Decimal(row[6]) == amount + worth

    # Cash sums to nothing, and is the trial balance.
    trial = {row.asset: row for row in ledger.trial_balance(tenant.pk)}
    closing: dict[str, list[Decimal]] = defaultdict(list)
    for row in ask("cash"):
        closing[row[2]].append(Decimal(row[10]))
        assert sum(map(Decimal, row[3:10])) == Decimal(row[10])
    for currency, amounts in closing.items():
        assert sum(amounts) == 0
        assert sum(amount for amount in amounts if amount > 0) == trial[currency].debit


def positions_of(tenant: Tenant, account: str) -> Any:
    from apps.trading import selectors  # noqa: PLC0415 - only here

    return selectors.positions_of(tenant.pk, account).positions
