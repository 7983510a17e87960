"""The settlement page in a real browser: what moves is seen, and two people settle by hand."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from apps.settlement.clearing.protocol import Outcome
from apps.tenants.models import Role, Tenant
from apps.tenants.services import add_member
from apps.trading import services as trading
from apps.trading.services import ActionTerms
from tests.settlement.cast import Market, drive, settlements_of
from tests.settlement.clearing import ClearingHouse
from tests.settlement.conftest import house, market  # noqa: F401 - fixtures
from tests.web.browsing import CONTRAST, MARKS, PASSWORD, shoot, sign_in, sticks_out
from tests.web.conftest import take_everything

pytestmark = MARKS
PAGE = "/settlements/"


def refused(market: Market, house: ClearingHouse, count: int, **terms: Any) -> None:  # noqa: F811 - no fixtures
    """Settlements that clearing refuses."""
    house.says.extend([Outcome.REJECTED] * count)
    trades = market.trades(count, **terms)
    take_everything()
    drive()
    assert {one.state for one in settlements_of(trades)} == {"failed"}


def split(tenant: Tenant, at: datetime) -> None:
    """Two for one, three days ago."""
    terms = ActionTerms(
        "S-1", "XYZ", "split", at.date() - timedelta(days=3), Decimal(2), Decimal(1)
    )
    trading.announce_action(tenant.pk, terms, by="user:1")
    assert trading.apply_actions(at) == 1
    take_everything()


@pytest.mark.usefixtures("person")
def test_two_people_settle_by_hand_and_see_each_other(
    open_page: Callable[..., Page],
    site: str,
    market: Market,  # noqa: F811 - the fixture
    house: ClearingHouse,  # noqa: F811 - the fixture
    tenant: Tenant,
) -> None:
    add_member(tenant, username="bob", role=Role.OPERATIONS, password=PASSWORD)
    ada = sign_in(open_page(), site, path=PAGE)
    expect(ada.locator("#people-empty")).to_be_visible()
    expect(ada.locator("#feed-word")).to_have_text("Live")
    at = timezone.now()
    refused(market, house, 1, executed_at=(at - timedelta(days=10)).isoformat())
    expect(ada.locator("#people > li")).to_have_count(1)  # the socket told of it
    split(tenant, at)
    ada.reload()
    expect(ada.locator("#people strong")).to_have_text(
        "receive 100 XYZ · 200 to move since a split"
    )

    by_hand = ada.get_by_role("button", name="Settled by hand")
    by_hand.click()  # without a reason nothing is asked
    expect(ada.locator("#people input:invalid")).to_have_count(1)
    ada.get_by_placeholder("Reason").fill("the custodian called")
    by_hand.click()
    expect(ada.locator(".proposed")).to_contain_text("You say that it has settled outside")
    expect(ada.get_by_role("button", name="Yes, it has settled")).to_have_count(0)
    assert ada.evaluate(CONTRAST) == []
    shoot(ada, "settlements-light")

    bob = sign_in(open_page(width=375, height=740, theme="dark"), site, name="bob", path=PAGE)
    expect(bob.locator(".proposed")).to_contain_text("ada says that it has settled outside")
    assert not sticks_out(bob)
    assert bob.evaluate(CONTRAST) == []
    shoot(bob, "settlements-phone-dark")
    bob.get_by_placeholder("Reason").fill("so it is")
    bob.get_by_role("button", name="Yes, it has settled").click()
    expect(bob.locator("#people-empty")).to_be_visible()
    expect(ada.locator("#people-empty")).to_be_visible()
