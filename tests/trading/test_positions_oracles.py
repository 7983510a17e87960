"""Positions against figures that others published: engines' own tests, and a broker's statement.

Only numbers were taken, and each case names where they stand. Engines differ in what they call
realised P&L and in where fees go, so each figure is read off our states in its source's own way.
"""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from apps.core.money import ZERO, allocate, exact, scale_of
from apps.trading.positions import (
    AVERAGE,
    FIFO,
    FLAT,
    Fill,
    PositionState,
    Realised,
    Terms,
    apply_fill,
    average_cost,
    exposure,
    market_value,
    notional,
    unrealised_pnl,
)

ORACLES = Path(__file__).with_name("oracles")
CASES: list[dict[str, Any]] = json.loads((ORACLES / "published_cases.json").read_text())
BROKER: dict[str, Any] = json.loads((ORACLES / "broker_year.json").read_text())

# Methods that we do not offer: why, and which of their figures must come out all the same.
NOT_OURS = {
    "average of all opening trades": (
        "divides by every opening trade since the first, sold ones too, and counts fees as cost",
        {"position", "fees_total", "market_value", "net_cash"},
    ),
    "lifo": (
        "newest lots first; what all methods share is the total when flat, where these cases end",
        {"position", "fees_total", "realised_pnl_gross"},
    ),
    "none": ("a cash example without P&L", {"position", "cash_total_in_usd"}),
}
# A figure that is a cent off where it was published (the test there compares within 1e-5 of it).
MISPRINTED = {("QS10", "net_cash", "53234.95"): "53234.96"}


@dataclass
class View:
    """Our state after some fills of a case, and the totals at which its present cycle began.

    A cycle lasts from one opening of a flat position to the next; a flip ends one and begins one.
    """

    case: dict[str, Any]
    terms: Terms
    mark: Decimal = ZERO
    state: PositionState = FLAT
    realised: Realised = field(default_factory=Realised)  # by the last fill
    last_cash: Decimal = ZERO  # moved by the last fill
    cash: Decimal = ZERO
    coin_fees: Decimal = (
        ZERO  # taken in the traded coin: to us a ledger entry, not a part of the fill
    )
    trades: list[tuple[Decimal, ...]] = field(default_factory=list)  # quantity, cost, proceeds
    cycle_pnl: Decimal = ZERO
    cycle_fees: Decimal = ZERO
    closed_cycle: Decimal = ZERO  # net P&L of the cycle before

    def apply(self, row: dict[str, str], amount: str) -> None:
        """One fill; `amount` names the column that states the notional, where a case has one."""
        quantity, price = Decimal(row["quantity"]), Decimal(row.get("price", 0))
        value = Decimal(row[amount]) if amount in row else notional(quantity, price, self.terms)
        fill = Fill(quantity, price, value, Decimal(row.get("fee", 0)))
        before = self.state
        self.state, self.realised = apply_fill(before, fill, self.terms)
        self.last_cash = -fill.signed_notional - fill.fees
        self.cash += self.last_cash
        self.coin_fees += Decimal(row.get("coin_fee", 0))
        if lots := self.realised.lots:
            shares = allocate(self.realised.proceeds, [abs(lot.quantity) for lot in lots], 12)
            paid = zip(lots, shares, strict=True)
            self.trades += [(lot.quantity, lot.cost, share) for lot, share in paid]
        if not before.quantity or before.quantity * self.state.quantity < 0:
            fees = self.state.fees - self.realised.opening_fees
            self.closed_cycle = self.state.realised_pnl - self.cycle_pnl - (fees - self.cycle_fees)
            self.cycle_pnl, self.cycle_fees = self.state.realised_pnl, fees

    @property
    def rate(self) -> Decimal:
        """From the currency of the quote into the account's, where a case has two."""
        return Decimal(self.case.get("rate", 1))

    @property
    def cycle_net(self) -> Decimal:
        """Realised P&L less fees of the present cycle."""
        return self.state.net_realised_pnl - (self.cycle_pnl - self.cycle_fees)

    @property
    def fees(self) -> Decimal:
        """Fees as the source counts them: NT alone forgets those of earlier cycles."""
        return self.state.fees - (self.cycle_fees if self.case["id"].startswith("NT") else 0)

    @property
    def open_pnl(self) -> Decimal:
        return unrealised_pnl(self.state, self.mark, self.terms)


FIGURES: dict[str, Callable[[View], Decimal | None]] = {
    "position": lambda v: v.state.quantity - v.coin_fees,
    "average_price": lambda v: average_cost(v.state, v.terms),
    "average_open_price": lambda v: v.realised.cost / v.realised.quantity,
    "average_close_price": lambda v: v.realised.proceeds / v.realised.quantity,
    "realised_pnl": lambda v: v.cycle_net,
    "closed_position_realised_pnl": lambda v: v.closed_cycle,
    "fees_of_new_position": lambda v: v.realised.opening_fees,
    "unrealised_pnl": lambda v: v.open_pnl,
    "total_pnl": lambda v: v.cycle_net + v.open_pnl,
    "fees_total": lambda v: v.fees,
    "notional_value": lambda v: exposure(v.state, v.mark, v.terms),
    "market_value": lambda v: market_value(v.state, v.mark, v.terms),
    "net_cash": lambda v: v.cash,
    "gross_pnl": lambda v: v.state.realised_pnl + v.open_pnl,
    "net_pnl": lambda v: v.state.net_realised_pnl + v.open_pnl,
    "invested": lambda v: v.state.cost,
    "cost": lambda v: v.state.cost,
    "realised_pnl_gross": lambda v: v.state.realised_pnl * v.rate,
    "cash": lambda v: v.state.realised_pnl * v.rate,  # a CFD moves cash only when it is closed
    "realised_pnl_gross_account": lambda v: v.state.realised_pnl * v.rate,
    "fees_total_account": lambda v: v.state.fees * v.rate,
    "holdings_cost_account": lambda v: abs(v.state.cost) * v.rate,
    "holdings_value_account": lambda v: exposure(v.state, v.mark, v.terms) * v.rate,
    "cash_from_last_fill_quote": lambda v: v.last_cash,
    "cash_total_in_usd": lambda v: 1000 + v.cash + v.state.cost,  # it began with 1000 USD
}


def checkpoints(
    case: dict[str, Any], method: str, amount: str = "amount"
) -> Iterator[tuple[View, dict[str, Any]]]:
    """The view at each fill after which the case states figures, with these figures."""
    currency = scale_of(case["currency"])
    view = View(case, Terms(Decimal(case["multiplier"]), case["inverse"], method, currency))
    due = {check["after_fill"]: check for check in case["checks"]}
    for number, row in enumerate(case["fills"], 1):
        view.apply(row, amount)
        if check := due.get(number):
            view.mark = Decimal(check.get("mark_price", 0))
            yield view, check


def agrees(ours: Decimal | None, published: str) -> bool:
    """Equal, or in the digits printed; of a float (more than 8 decimals), to its last step."""
    stated = Decimal(published)
    decimals = -int(stated.as_tuple().exponent)
    if ours is None or decimals < 2:
        return (ours or ZERO) == stated
    unit = Decimal((0, (1,), -decimals))
    step = Decimal(str(math.ulp(float(published)))) if decimals > 8 else ZERO
    return abs(ours - stated) <= max(unit / 2, step)


def disagreements(view: View, stated: dict[str, str]) -> list[str]:
    """Which of the stated figures do not come out."""
    wrong = []
    for name, published in stated.items():
        ours = FIGURES[name](view)
        right = MISPRINTED.get((view.case["id"], name, published), published)
        if not agrees(ours, right):
            wrong.append(f"{name}: ours {ours}, published {published}")
    return wrong


def cases(wanted: Callable[[str], bool]) -> list[Any]:
    return [pytest.param(case, id=case["id"]) for case in CASES if wanted(case["method"])]


@pytest.mark.parametrize("case", cases({AVERAGE, FIFO}.__contains__))
def test_published_figures_come_out(case: dict[str, Any]) -> None:
    with exact():
        for view, check in checkpoints(case, case["method"]):
            apart = {"after_fill", "mark_price", "closed_trades"}
            stated = {name: check[name] for name in check if name not in apart}
            assert disagreements(view, stated) == []


@pytest.mark.parametrize("case", cases(FIFO.__eq__))
def test_published_matched_trades_come_out(case: dict[str, Any]) -> None:
    """Entry price, exit price and P&L of each lot that was closed, in the order of closing."""
    with exact():
        for view, check in checkpoints(case, FIFO):
            if "closed_trades" not in check:
                continue
            for ours, stated in zip(view.trades, check["closed_trades"], strict=True):
                quantity, cost, proceeds = ours
                sign = 1 if stated["direction"] == "long" else -1
                assert quantity == sign * Decimal(stated["quantity"])
                assert cost / quantity == Decimal(stated["entry_price"])
                assert proceeds / abs(quantity) == Decimal(stated["exit_price"])
                assert sign * proceeds - cost == Decimal(stated["pnl"])


@pytest.mark.parametrize("method", [FIFO, AVERAGE])
@pytest.mark.parametrize("case", cases("fifo and average".__eq__))
def test_published_figures_come_out_by_both_methods(case: dict[str, Any], method: str) -> None:
    with exact():
        for view, check in checkpoints(case, method):
            own = {name.removeprefix(f"{method}_"): check[name] for name in check}
            stated = {name: own[name] for name in own if name in FIGURES}
            assert len(stated) > 1
            assert disagreements(view, stated) == []


@pytest.mark.parametrize("case", [case for case in CASES if case["id"] == "PP05"])
def test_a_published_result_in_two_currencies(case: dict[str, Any]) -> None:
    """The same fills in the security's currency; the FX part is what the rates alone brought in."""
    (by_lots, check), (by_average, _), (in_euro, _) = (
        next(checkpoints(case, FIFO, "amount_security_currency")),
        next(checkpoints(case, AVERAGE, "amount_security_currency")),
        next(checkpoints(case, AVERAGE)),
    )
    by_lots.mark = Decimal(check["mark_price_security_currency"])
    assert by_lots.state.realised_pnl == Decimal(check["fifo_realised_pnl_security_currency"])
    assert by_lots.open_pnl == Decimal(check["fifo_unrealised_pnl_security_currency"])
    fx_part = in_euro.state.realised_pnl - by_average.state.realised_pnl * Decimal("0.88")
    assert agrees(fx_part, check["average_realised_fx_part"])


@pytest.mark.parametrize("case", cases(NOT_OURS.__contains__))
def test_other_methods_differ_only_where_they_must(case: dict[str, Any]) -> None:
    _, common = NOT_OURS[case["method"]]
    with exact():
        for view, check in checkpoints(case, AVERAGE):
            stated = {name: check[name] for name in check if name in common}
            assert stated
            assert disagreements(view, stated) == []


def test_every_case_has_its_place() -> None:
    methods = {case["method"] for case in CASES}
    assert methods == {AVERAGE, FIFO, "fifo and average", *NOT_OURS}
    assert len(CASES) == 58


@pytest.mark.parametrize("account", BROKER["instruments"], ids=lambda row: row["instrument"])
def test_a_brokers_statement_of_a_year_comes_out(account: dict[str, Any]) -> None:
    """Every closing fill of every instrument, within two cents of the broker's own figure.

    The broker counts commission as cost (buy) and against proceeds (sell), which here means: the
    notional is the net cash, and there are no fees beside it.
    """
    terms = Terms(
        Decimal(account["multiplier"]),
        inverse=False,
        cost_method=FIFO,
        scale=scale_of(account["currency"]),
    )
    state, total = FLAT, ZERO
    for row in account["fills"]:
        quantity, price, proceeds, commission, realised = map(Decimal, row)
        assert notional(quantity, price, terms) == abs(proceeds)
        fill = Fill(quantity, price, abs(proceeds + commission))
        state, result = apply_fill(state, fill, terms)
        assert abs(result.gross - realised) <= Decimal("0.02")
        total += realised
    assert state.quantity == Decimal(account["end_position"])
    assert abs(state.realised_pnl - Decimal(account["realised"])) <= Decimal("0.02")
    assert total == Decimal(account["realised"])
