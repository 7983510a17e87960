"""Fails age, and every business day of it has its price."""

from datetime import date
from decimal import Decimal

import pytest

from apps.settlement import services
from apps.settlement.clearing.protocol import NoticeKind
from apps.settlement.models import Penalty, Settlement
from apps.settlement.penalties import is_ours, penalty, rate_for
from tests.ledger.cast import sql
from tests.settlement.cast import Market, balances, drive, hear, settle_down, settlement_of
from tests.settlement.clearing import ClearingHouse

MONDAY = date(2026, 3, 9)
TUESDAY = date(2026, 3, 10)
TRADED = "2026-03-06T15:00:00Z"


@pytest.fixture
def failing(market: Market, house: ClearingHouse) -> Settlement:
    """10,000 at 20.00, due on a Monday, for which clearing lacks the securities."""
    trade = market.trade(side="sell", quantity="10000", price="20", executed_at=TRADED)
    settle_down()
    drive()
    one = settlement_of(trade)
    hear(market, house.tell(one.instruction_id, NoticeKind.FAILING, code="LACK"))
    assert one.due_on == MONDAY
    return settlement_of(trade)


def test_a_day_of_failing_has_its_price_once(market: Market, failing: Settlement) -> None:
    before = balances(market)
    assert [services.accrue_penalties(TUESDAY) for _ in range(2)] == [1, 0]
    one = Penalty.objects.get()
    assert (one.amount, one.rate, one.quantity) == (20, Decimal("0.0001"), 10_000)
    after = balances(market)
    assert after["CASH:SETTLED", "USD"] - before.get(("CASH:SETTLED", "USD"), 0) == -20
    assert after["PENALTY", "USD"] == 20
    assert sql("SELECT count(*) FROM events_event WHERE name LIKE '%%penalty.accrued'") == [(1,)]


def test_the_rest_of_a_partial_ages_alone(
    market: Market, house: ClearingHouse, failing: Settlement
) -> None:
    hear(market, house.confirm(failing.instruction_id, "6000"))
    hear(market, house.tell(failing.instruction_id, NoticeKind.FAILING, code="LACK"))
    services.accrue_penalties(TUESDAY)
    assert Penalty.objects.get().amount == 8


def test_nothing_ages_on_its_due_day_or_on_a_holiday(failing: Settlement) -> None:
    assert services.accrue_penalties(MONDAY) == 0
    assert services.accrue_penalties(date(2026, 3, 14)) == 0  # a Saturday


def test_whoever_caused_it_pays() -> None:
    assert is_ours("LACK", delivers=False)
    assert not is_ours("CLAC", delivers=True)
    assert is_ours("", delivers=True)
    assert not is_ours("", delivers=False)
    assert penalty(Decimal(10_000), Decimal(20), rate_for("equity"), 12) == 20
    assert penalty(Decimal(10_000), Decimal(20), rate_for("bond"), 12) == 2
