"""The reports' page: for those who keep, trade on or check the books; drawn from the API, in a browser."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, expect

from apps.reports import services
from apps.reports.services import ScheduleTerms
from apps.tenants.models import Membership, Tenant, User
from tests.events.helpers import in_threads
from tests.reports.cast import make_book
from tests.web.browsing import CHROMIUM, CONTRAST, shoot, sign_in, sticks_out
from tests.web.test_settlements_page import config_of


def test_a_stranger_signs_in_first(transactional_db: None, client: Client) -> None:
    answer = client.get("/reports/")
    assert (answer.status_code, answer["Location"][:9]) == (302, "/sign-in/")


@pytest.mark.parametrize(
    ("role", "status", "writes"),
    [("owner", 200, True), ("operations", 200, True), ("trader", 200, False),
     ("auditor", 200, False), ("agent", 403, None), ("supervisor", 403, None)],
)  # fmt: skip
def test_who_sees_it_and_who_schedules(
    signed_in: Client, person: User, role: str, status: int, writes: bool | None
) -> None:
    Membership.objects.filter(user=person).update(role=role)
    page = signed_in.get("/reports/")
    text = page.content.decode()
    assert page.status_code == status
    assert ('href="/reports/"' in signed_in.get("/").content.decode()) is (status == 200)
    if status == 403:
        assert "those who keep the books" in text
        return
    told = config_of(text)
    assert told["writes"] is writes
    assert ('id="plan"' in text) is writes
    for name in ("reports", "schedules", "files"):
        assert signed_in.get(str(told[name])).status_code == 200


@pytest.mark.browser
@pytest.mark.processes
@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium: apt-get install chromium")
def test_reports_are_drawn_asked_scheduled_and_fetched(
    transactional_db: None, open_page: Callable[..., Page], site: str, tenant: Tenant
) -> None:
    in_threads(lambda: make_book(tenant), timeout=60)
    terms = ScheduleTerms(name="Hourly blotter", report="blotter", every="hour")
    before = timezone.now() - timedelta(hours=2)
    in_threads(lambda: services.make_schedule(tenant.pk, terms, by="test", now=before), timeout=60)
    in_threads(services.make_due, timeout=60)

    open_page.excused = "Failed to load resource"  # type: ignore[attr-defined] # what is refused below
    page = sign_in(open_page(), site, path="/reports/")
    expect(page.locator("#choice a[aria-current]")).to_have_text("Trade blotter")
    expect(page.locator("#rows tr")).to_have_count(10)
    page.get_by_role("link", name="Profit").click()
    page.get_by_label("By").select_option("instrument")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#rows tr")).to_have_count(2)
    expect(page.locator("#rows")).to_contain_text("1,575")
    expect(page.locator("#plot rect")).to_have_count(2)  # one currency at a time
    page.locator("#split").select_option("USD")
    page.locator("#plot svg").focus()
    page.keyboard.press("End")
    expect(page.locator("#tip")).to_contain_text("1,575.00 USD")
    expect(page).to_have_url(re.compile("report=profit&by=instrument"))
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV", exact=True).click()
    assert download.value.suggested_filename == "profit.csv"

    page.get_by_label("Account", exact=True).fill("NOBODY")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#faults")).to_be_visible()
    page.get_by_label("Account", exact=True).fill("")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#rows tr")).to_have_count(2)

    page.get_by_role("button", name="Schedule this report").click()
    page.get_by_label("Time zone").fill("Nowhere")
    page.locator("#plan").get_by_role("button", name="Schedule").click()
    expect(page.locator("#plan-faults")).to_contain_text("IANA zone")
    page.get_by_label("Time zone").fill("Europe/Berlin")
    page.locator("#plan").get_by_role("button", name="Schedule").click()
    expect(page.locator("#schedule-rows li")).to_have_count(2)
    page.get_by_role("button", name="Pause Hourly blotter").click()
    expect(page.get_by_role("button", name="Resume Hourly blotter")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("Download blotter-")).first.click()
    assert re.fullmatch(r"blotter-\d{8}T\d{4}Z\.csv", download.value.suggested_filename)
    assert page.evaluate(CONTRAST) == []
    shoot(page, "reports-light")

    phone = sign_in(open_page(width=375, height=740, theme="dark"), site, path="/reports/")
    phone.get_by_role("link", name="Exposure").click()
    expect(phone.locator("#rows tr")).to_have_count(2)
    assert not sticks_out(phone)
    assert phone.evaluate(CONTRAST) == []
    shoot(phone, "reports-dark-phone")
