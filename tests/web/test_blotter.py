"""The blotter in a real browser: trades as they arrive, positions that move with the price."""

import re
from decimal import Decimal

from django.utils import timezone
from playwright.sync_api import expect

from apps.trading.services import PriceUpdate, record_prices
from tests.web.browsing import CONTRAST, MARKS, shoot, sign_in, sticks_out

pytestmark = MARKS


def mark_at(tenant, price):
    record_prices(
        tenant.pk, [PriceUpdate("XYZ", Decimal(price), timezone.now())], now=timezone.now()
    )


def test_trades_arrive_and_the_profit_follows_the_price(open_page, site, trade, tenant):
    page = sign_in(open_page(), site, path="/blotter/")
    expect(page.locator("#deals-empty")).to_contain_text("No trades yet")
    trade(2, side="buy", quantity="10", price="50")
    expect(page.locator("#deals tr")).to_have_count(2)
    expect(page.locator("#holder")).to_contain_text("ACC-1")
    row = page.locator("#positions tr")
    expect(row).to_contain_text("20")
    mark_at(tenant, "52.5")
    expect(row.locator("[data-cell=unrealised_pnl]")).to_have_text("50.00")
    expect(row.locator("[data-cell=unrealised_pnl]")).to_have_attribute("data-sign", "gain")
    expect(page.locator("#sums")).to_contain_text("50.00")
    mark_at(tenant, "49")
    expect(row.locator("[data-cell=unrealised_pnl]")).to_have_text("−20.00")
    expect(page.locator("#balances tr").first).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="as CSV").click()
    assert download.value.suggested_filename.startswith("statement-")
    shoot(page, "blotter-light")
    trade(1, quantity="123456789.123456", price="98765.4321")
    phone = sign_in(open_page(width=360, height=740, theme="dark"), site, path="/blotter/")
    expect(phone.locator("#deals tr")).to_have_count(3)
    expect(phone.locator("#positions tr")).to_contain_text("123,456,809.123456")
    assert not sticks_out(phone)
    assert phone.evaluate(CONTRAST) == []
    shoot(phone, "blotter-phone-dark")


def test_filters_pause_and_an_account_that_is_not_there(open_page, site, trade):
    trade(2)
    page = sign_in(open_page(), site, path="/blotter/")
    expect(page.locator("#deals tr")).to_have_count(2)
    page.get_by_role("button", name="Pause").click()
    trade(1)
    expect(page.locator("#feed-word")).to_have_text("Paused")
    expect(page.locator("#deals tr")).to_have_count(2)
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#deals tr")).to_have_count(3)
    page.get_by_label("Instrument", exact=True).fill("NOPE")
    open_page.excused = "404 (Not Found)"
    page.keyboard.press("Enter")
    expect(page.locator("#deals-empty")).to_contain_text("No trade fits")
    page.get_by_role("combobox", name="Account").fill("NOBODY")
    page.keyboard.press("Tab")
    expect(page.locator("#holder")).to_have_text("There is no account NOBODY.")
    expect(page).to_have_url(re.compile(r"account=NOBODY&instrument=NOPE"))
