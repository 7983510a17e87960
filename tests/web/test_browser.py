"""The pages in a real browser: what a newcomer sees, on a desk and on a phone, with eyes and without."""

import re

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import Page, expect

from apps.events import services
from apps.tenants.models import Role
from apps.tenants.services import add_member
from tests.web import servers
from tests.web.browsing import CONTRAST, MARKS, PASSWORD, shoot
from tests.web.browsing import sign_in as into

pytestmark = MARKS


def sign_in(page: Page, site: str) -> Page:
    into(page, site)
    expect(page.locator("#board")).to_be_visible()
    return page


def announce_workers() -> None:
    for number in range(2):
        queues = [f"positions.{number}", f"ledger.{number}", "housekeeping"]
        services.announce(f"shard{number}@desk", queues, 4711)


class TestSigningIn:
    def test_with_the_keyboard_alone(self, open_page, site):
        page = open_page()
        page.goto(site)
        expect(page.get_by_label("Name")).to_be_focused()
        page.keyboard.type("ada")
        page.keyboard.press("Tab")
        page.keyboard.type("wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("That did not work.")
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{site}/")
        expect(page.get_by_role("navigation", name="Main")).to_contain_text("Back office")

    def test_the_page_is_in_order(self, open_page, site):
        for theme in ("light", "dark"):
            page = open_page(theme=theme)
            page.goto(site)
            assert page.evaluate(CONTRAST) == []
            shoot(page, f"sign-in-{theme}")

    def test_signing_out(self, open_page, site):
        page = sign_in(open_page(), site)
        page.get_by_role("button", name="Sign out").click()
        expect(page).to_have_url(f"{site}/sign-in/")


class TestTheBoard:
    def test_an_empty_one_says_what_to_do_next(self, open_page, site):
        page = sign_in(open_page(), site)
        expect(page.locator("#trades-empty")).to_contain_text("POST /api/v1/trades")
        expect(page.locator("#trades-empty")).to_contain_text("import_trades FILE --tenant acme")
        expect(page.locator("#trial-empty")).to_be_visible()
        expect(page.locator("#parked-empty")).to_contain_text("Nothing is parked")
        expect(page.locator("#workers-empty")).to_contain_text("No worker is online")
        expect(page.locator("#status-word")).to_have_text("Degraded")
        expect(page.locator("#reasons")).to_contain_text("No worker serves")
        shoot(page, "board-empty")

    def test_it_moves_when_trades_come(self, open_page, site, trade):
        announce_workers()
        page = sign_in(open_page(), site)
        expect(page.locator("#feed-word")).to_have_text("Live")
        expect(page.locator("#trades-empty")).to_be_visible()
        trade(3)
        expect(page.locator("#trades tr")).to_have_count(3)
        expect(page.locator("#trades tr").first).to_contain_text("XYZ")
        expect(page.locator("#trades .booked").first).to_have_attribute("data-booked", "true")
        expect(page.locator("#trades-empty")).to_be_hidden()
        expect(page.locator("#tile-books")).to_have_text("Balanced")
        expect(page.locator("#flow-more")).to_contain_text("3 in two minutes")
        expect(page.get_by_role("img", name=re.compile("Trades per second"))).to_be_visible()
        expect(page.locator("#chart .line")).to_have_attribute("d", re.compile("C"))
        shoot(page, "board-live")

    def test_what_is_wrong_is_said_in_words(self, open_page, site, trade):
        announce_workers()
        trade(2, take=False)
        services.stop_partition("ledger.book_trades", "trade", 9, reason="by hand")
        page = sign_in(open_page(), site)
        expect(page.locator("#status")).to_have_attribute("data-state", "degraded")
        expect(page.locator("#reasons")).to_contain_text(
            "ledger.book_trades is stopped in partition 9."
        )
        strip = page.get_by_role("img", name=re.compile("ledger.book_trades, topic trade"))
        expect(strip).to_have_attribute("aria-label", re.compile("3 events waiting.*1 stopped"))
        page.locator("#lag summary").click()
        expect(page.locator("#lag-rows")).to_contain_text("stopped")
        shoot(page, "board-degraded")

    def test_the_cells_are_read_with_pointer_and_keys(self, open_page, site):
        page = sign_in(open_page(), site)
        strip = page.get_by_role("img", name=re.compile("ledger.book_trades, topic trade"))
        strip.locator(".cell").nth(5).hover()
        expect(page.locator("#tip")).to_contain_text("Partition 5: empty")
        page.mouse.move(0, 0)
        expect(page.locator("#tip")).to_be_hidden()
        strip.focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        expect(page.locator("#tip")).to_contain_text("Partition 1: empty")
        page.keyboard.press("End")
        expect(page.locator("#tip")).to_contain_text("Partition 63")
        page.keyboard.press("Escape")
        expect(page.locator("#tip")).to_be_hidden()
        page.locator("#chart svg").focus()
        page.keyboard.press("ArrowLeft")
        expect(page.locator("#tip")).to_contain_text("0 trades")


class TestEveryScreen:
    @pytest.mark.parametrize("width", [360, 768, 1024, 1440, 1920])
    def test_nothing_sticks_out(self, open_page, site, trade, width):
        trade(3, quantity="123456789.123456", price="98765.4321")
        page = sign_in(open_page(width=width, height=740), site)
        expect(page.locator("#trades tr")).to_have_count(3)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        expect(page.get_by_role("link", name="Board", exact=True)).to_be_in_viewport()
        shoot(page, f"board-{width}")

    @pytest.mark.parametrize("theme", ["light", "dark"])
    def test_contrast_is_enough(self, open_page, site, trade, theme):
        trade(2)
        services.stop_partition("ledger.book_trades", "trade", 9, reason="by hand")
        page = sign_in(open_page(theme=theme), site)
        expect(page.locator("#trades tr")).to_have_count(2)
        page.locator("#lag summary").click()
        assert page.evaluate(CONTRAST) == []
        shoot(page, f"board-{theme}")

    def test_the_theme_follows_the_system_until_one_chooses(self, open_page, site):
        page = sign_in(open_page(theme="dark"), site)
        root = page.locator("html")
        expect(root).to_have_attribute("data-theme", "dark")
        page.emulate_media(color_scheme="light")
        expect(root).to_have_attribute("data-theme", "light")
        page.get_by_role("button", name="Switch between light and dark").click()
        expect(root).to_have_attribute("data-theme", "dark")
        page.reload()
        expect(root).to_have_attribute("data-theme", "dark")

    def test_the_focus_is_seen_wherever_the_keyboard_goes(self, open_page, site, trade):
        trade(1)
        page = sign_in(open_page(), site)
        expect(page.locator("#trades tr")).to_have_count(1)
        page.locator("body").evaluate("document.activeElement.blur()")
        seen = []
        for _ in range(40):
            page.keyboard.press("Tab")
            name, width, style = page.evaluate(
                """() => {
                    const one = document.activeElement, look = getComputedStyle(one);
                    const name = one.ariaLabel || one.textContent.trim().slice(0, 30);
                    return [name, parseFloat(look.outlineWidth), look.outlineStyle];
                }"""
            )
            if name in seen:
                break
            seen.append(name)
            assert (width >= 2, style) == (True, "solid"), name
        assert seen[0] == "Skip to the content"
        assert {"Board", "Sign out", "Switch between light and dark"} <= set(seen)

    def test_everything_that_can_be_used_has_a_name(self, open_page, site, person, other):
        add_member(other, username="ada", role=Role.AUDITOR)
        page = sign_in(open_page(), site)
        nameless = page.evaluate(
            """() => [...document.querySelectorAll("a, button, input:not([type=hidden]), select, [tabindex='0']")]
                .filter((one) => !(one.ariaLabel || one.textContent.trim() || one.labels?.length
                                   || one.getAttribute("aria-labelledby")))
                .map((one) => one.outerHTML)"""
        )
        assert nameless == []
        assert page.evaluate("document.documentElement.lang") == "en"
        assert page.locator("h1").count() == 1


class TestWhenTheServerIsAway:
    def test_without_sockets_the_page_asks_and_says_so_then_goes_live(
        self, open_page, django_db_setup, trade
    ):
        with servers.kept_port() as free, servers.pages(free) as port:
            page = sign_in(open_page(), f"http://127.0.0.1:{port}")
            expect(page.locator("#feed-word")).to_have_text("Every 2 s")
            expect(page.locator("#banner")).to_contain_text("asks every two seconds")
            trade(1)
            expect(page.locator("#trades tr")).to_have_count(1)
            shoot(page, "board-polling")
            with servers.sockets(free):
                expect(page.locator("#feed-word")).to_have_text("Live")
                expect(page.locator("#banner")).to_be_hidden()

    def test_without_any_server_it_says_since_when(self, open_page, site):
        page = sign_in(open_page(), site)
        expect(page.locator("#feed-word")).to_have_text("Live")
        page.context.set_offline(True)
        page.evaluate("dispatchEvent(new Event('online'))")  # makes it look at once
        expect(page.locator("#feed-word")).to_have_text("No answer")
        expect(page.locator("#banner")).to_contain_text("No answer from the server since")
        expect(page.locator("#board")).to_have_class(re.compile("stale"))
        page.context.set_offline(False)
        expect(page.locator("#feed-word")).to_have_text("Live")
        expect(page.locator("#board")).not_to_have_class(re.compile("stale"))

    def test_when_the_session_has_ended_it_asks_to_sign_in(self, open_page, site):
        page = sign_in(open_page(), site)
        expect(page.locator("#feed-word")).to_have_text("Live")
        open_page.excused = "401 (Unauthorized)"
        Session.objects.all().delete()
        page.evaluate("dispatchEvent(new Event('online'))")
        expect(page).to_have_url(f"{site}/sign-in/?next=%2F")


def test_other_pages_are_readable_too(open_page, site):
    page = open_page(theme="dark")
    page.goto(f"{site}/api/docs/problems#not_found")
    assert page.evaluate(CONTRAST) == []
    shoot(page, "problems")
    page.goto(f"{site}/api/docs/")
    expect(page.get_by_role("heading", name=re.compile("Lockstep"))).to_be_visible()
    shoot(page, "api-docs")
