"""A tenant that does not deliver short: what is not there waits for its units, and then for a person."""

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from apps.settlement.saga.states import CHECKS_MAX
from apps.tenants.models import Tenant
from tests.settlement.cast import Market, drive, hear, settle_down, settlement_of, settlements_of
from tests.settlement.clearing import ClearingHouse

POLICY = "/api/v1/settlements/policy"
HOLD = {"short_deliveries": "hold", "reason": "we lend nothing"}


def buy(market: Market, house: ClearingHouse, quantity: str) -> None:
    """Units that have arrived."""
    trade = market.trade(quantity=quantity)
    settle_down()
    drive()
    hear(market, house.confirm(settlement_of(trade).instruction_id))
    assert settlement_of(trade).state == "settled"


@pytest.fixture
def holding(api: APIClient, market: Market) -> Market:
    """A market of a tenant that holds short deliveries back."""
    assert api.put(POLICY, HOLD, format="json").status_code == 200
    return market


def test_a_prime_broker_delivers_short_unless_told_otherwise(
    api: APIClient, market: Market, house: ClearingHouse
) -> None:
    assert api.get(POLICY).json()["short_deliveries"] == "cover"
    trade = market.trade(side="sell")
    settle_down()
    drive()
    assert settlement_of(trade).state == "instructed"


def test_what_is_not_there_waits_for_it(holding: Market, house: ClearingHouse) -> None:
    sold = holding.trade(side="sell", quantity="100")
    settle_down()
    drive()
    found = settlement_of(sold)
    assert (found.state, found.code, found.may_be_out) == ("validating", "LACK", False)
    assert found.detail == "delivers 100 and has 0 to deliver"
    assert house.calls == []

    buy(holding, house, "40")
    drive(ahead=10)
    assert settlement_of(sold).detail == "delivers 100 and has 40 to deliver"
    buy(holding, house, "60")
    drive(ahead=60)
    assert settlement_of(sold).state == "instructed"


def test_one_unit_is_promised_once(holding: Market, house: ClearingHouse) -> None:
    buy(holding, house, "100")
    first, *others = trades = holding.trades(3, side="sell", quantity="50")
    settle_down()
    drive()  # all three in one round
    states = [one.state for one in settlements_of(trades)]
    assert states == ["instructed", "instructed", "validating"]
    drive(ahead=10)  # and in another one, while the two are on their way
    assert settlement_of(others[-1]).state == "validating"
    hear(holding, house.confirm(settlement_of(first).instruction_id))
    drive(ahead=60)
    assert settlement_of(others[-1]).state == "validating"  # gone is gone
    buy(holding, house, "50")
    drive(ahead=120)
    assert settlement_of(others[-1]).state == "instructed"


def test_after_a_while_a_person_decides(
    holding: Market, house: ClearingHouse, api: APIClient
) -> None:
    sold = holding.trade(side="sell")
    settle_down()
    for number in range(CHECKS_MAX):
        drive(ahead=600.0 * number)
    found = settlement_of(sold)
    assert (found.state, found.code) == ("manual", "LACK")
    cover = {"short_deliveries": "cover", "reason": "we have borrowed them"}
    api.put(POLICY, cover, format="json")
    why = {"reason": "borrowed"}
    api.post(f"/api/v1/settlements/{found.pk}/retry", why, format="json")
    drive()
    assert settlement_of(sold).state == "instructed"


def test_the_policy_is_an_admins_and_each_tenants_own(
    holding: Market, tenant: Tenant, other: Tenant, client_of: Callable[..., APIClient]
) -> None:
    clerk, stranger = client_of(tenant, role="operations"), client_of(other)
    assert clerk.get(POLICY).json()["reason"] == "we lend nothing"
    assert clerk.put(POLICY, HOLD, format="json").status_code == 403
    assert stranger.get(POLICY).json()["short_deliveries"] == "cover"
    bad = stranger.put(POLICY, {"short_deliveries": "maybe"}, format="json")
    assert {one["field"] for one in bad.json()["errors"]} == {"short_deliveries", "reason"}
