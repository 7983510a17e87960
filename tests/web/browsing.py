"""What every browser test stands on: Chromium, both doors, and pages that may complain of nothing."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as real
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.web import servers

PASSWORD = "correct-horse-7"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update"]  # fmt: skip
SECONDS = 60_000  # ms; a machine under test may be busy
CONTRAST = (Path(__file__).parent / "contrast.js").read_text()

MARKS = [
    pytest.mark.browser,
    pytest.mark.processes,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def browser(django_db_setup: None) -> Iterator[Browser]:
    """Chromium, started once a module."""
    # Playwright keeps an event loop in this thread, which Django takes for an async context.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="module")
def site(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """Both servers; the address of the pages."""
    with (
        django_db_blocker.unblock(),
        servers.sockets() as sockets,
        servers.pages(sockets) as port,
    ):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def open_page(browser: Browser, person: Any, settings: Any) -> Iterator[Callable[..., Page]]:
    """Open pages of a size and theme; in the end nothing may have been complained about."""
    settings.REDIS_PREFIX = servers.redis_prefix()
    servers.forget_the_past()
    contexts, complaints = [], []

    def make(width: int = 1440, height: int = 900, theme: str = "light", **options: Any) -> Page:
        size = {"width": width, "height": height}
        context = browser.new_context(viewport=size, color_scheme=theme, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(SECONDS)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: _note(said, complaints))
        return page

    make.excused = ""  # type: ignore[attr-defined] # a test says which complaint it provokes
    expect.set_options(timeout=SECONDS)
    yield make
    for context in contexts:
        context.close()
    servers.until_all_have_left()
    excused = make.excused  # type: ignore[attr-defined] # as above
    found = [one for one in complaints if not (excused and excused in one)]
    assert found == [], found


def _note(said: ConsoleMessage, complaints: list[str]) -> None:
    # A refused connection is no defect of the page: some tests take the server away.
    if said.type == "error" and "ERR_" not in said.text and "WebSocket" not in said.text:
        complaints.append(said.text)


def sign_in(page: Page, site: str, name: str = "ada", path: str = "/") -> Page:
    """Sign in as this person, and on to the page."""
    page.goto(site + path)
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    # A page may note in its address what it shows.
    expect(page).to_have_url(re.compile(re.escape(site + path) + r"([?#].*)?$"))
    return page


def shoot(page: Page, name: str, *, whole: bool = True) -> None:
    """A picture for people, under var/test/pictures."""
    page.screenshot(path=Path(real.VAR_DIR) / "pictures" / f"{name}.png", full_page=whole)


def sticks_out(page: Page) -> bool:
    """Whether anything is wider than the screen."""
    found: bool = page.evaluate(
        "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    )
    return found
