"""A customer at the widget and a person at the desk, side by side, over the real servers."""

import base64
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Page, expect

from apps.agents import services as agents
from apps.agents.models import RoutingPolicy, Schedule
from apps.conversations import selectors, services
from apps.conversations.models import Policy
from tests.conversations.cast import hear
from tests.web.browsing import CONTRAST, MARKS, shoot, sign_in, sticks_out

pytestmark = MARKS
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEElEQVR4nGNQaEgAIgYIBQAbDgQBxRDLiwAAAABJRU5ErkJggg=="
)
"""Two pixels by two."""


@pytest.fixture
def widget(tenant):
    return services.create_widget(
        tenant.pk, name="Acme shop", title="Ask Acme", greeting="Hello! How can we help?"
    )


@pytest.fixture
def shop(site, tenant):
    """Somebody else's site, which trusts our server and lets no inline style or script through."""
    policy = (
        f"default-src 'none'; script-src {site}; connect-src {site} ws://127.0.0.1:*;"
        " img-src blob: data:; style-src 'none'"
    )

    class Shop(BaseHTTPRequestHandler):
        page = b""

        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Security-Policy", policy)
            self.end_headers()
            self.wfile.write(self.page if self.path == "/" else b"")

        def log_message(self, *_):
            """Nothing: the test says what went wrong."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    # A name under localhost leads here in every browser, and is not one of our own hosts.
    origin = f"http://shop.localhost:{server.server_port}"
    made = services.create_widget(tenant.pk, name="Shop", origins=[origin])
    tag = f'<script async src="{site}/static/web/widget.js" data-key="{made.key}"></script>'
    Shop.page = (
        '<!doctype html><html lang="en"><title>A shop</title><link rel="icon" href="data:,">'
        f'<h1>A shop</h1><a href="#">Buy</a>{tag}'
    ).encode()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield origin
    server.shutdown()
    server.server_close()


def visit(page: Page, site: str, widget) -> Page:
    """A visitor opens the demo page and the chat on it."""
    page.goto(f"{site}/widget/?key={widget.key}")
    page.get_by_role("button", name=re.compile("^Open chat")).click()
    expect(page.get_by_role("textbox", name="Message")).to_be_focused()
    return page


def write(page: Page, text: str) -> None:
    box = page.get_by_role("textbox", name=re.compile("^(Message|Reply)$"))
    box.fill(text)
    box.press("Enter")


def bubbles(page: Page):
    return page.locator(".transcript .line .bubble > p")


def status(page: Page, text: str):
    return page.locator(".transcript .line.mine", has_text=text)


def stored(tenant) -> list[tuple[int, str, str]]:
    (talk, _), *_ = selectors.inbox(tenant.pk, limit=1)
    found = selectors.messages_after(tenant.pk, talk.id, 0, limit=1_000)
    return [(one.seq, one.sender, one.body) for one in found]


def test_a_customer_and_an_agent_talk(open_page, site, tenant, widget):
    customer = visit(open_page(width=1100, height=760), site, widget)
    write(customer, "Hello, is somebody there?")
    expect(status(customer, "somebody there")).to_have_attribute("data-status", "sent")

    desk = sign_in(open_page(), site, path="/desk/")
    desk.get_by_role("tab", name="All open").click()
    desk.locator("#talks button").first.click()
    expect(bubbles(desk)).to_have_text(["Hello, is somebody there?"])
    expect(status(customer, "somebody there")).to_have_attribute("data-status", "read")

    desk.get_by_label("Reply", exact=True).last.press_sequentially("Yes", delay=20)
    expect(customer.get_by_text("is typing")).to_be_visible()
    desk.keyboard.press("Enter")
    expect(bubbles(customer)).to_have_text(["Hello, is somebody there?", "Yes"])
    expect(customer.get_by_text("is typing")).to_be_hidden()
    expect(status(desk, "Yes")).to_have_attribute("data-status", "read")
    shoot(customer, "talk-widget", whole=False)
    shoot(desk, "talk-desk-light", whole=False)
    assert customer.evaluate(CONTRAST) == []
    assert desk.evaluate(CONTRAST) == []

    # Both write while the customer's network is away; after a reload everything is there, once.
    customer.context.set_offline(True)
    for number in range(3):
        write(customer, f"From the tunnel {number}")
        write(desk, f"Meanwhile {number}")
    expect(status(customer, "From the tunnel 2")).to_have_attribute("data-status", "sending")
    expect(status(desk, "Meanwhile 2")).to_have_attribute("data-status", "sent")
    customer.context.set_offline(False)
    customer.reload()
    expect(status(customer, "From the tunnel 2")).to_have_attribute(
        "data-status", re.compile("sent|delivered|read")
    )
    expect(bubbles(desk)).to_have_count(8)
    said = stored(tenant)
    assert [seq for seq, _, _ in said] == list(range(1, 9))
    for page in (customer, desk):
        expect(bubbles(page)).to_have_text([body for _, _, body in said])
    assert [body for _, sender, body in said if sender == "customer"][1:] == [
        f"From the tunnel {number}" for number in range(3)
    ]


def test_on_somebody_elses_site_on_a_phone_with_the_keyboard_alone(open_page, shop, tenant):
    page = open_page(width=360, height=640, theme="dark")
    page.goto(shop)
    launcher = page.get_by_role("button", name=re.compile("^Open chat"))
    expect(launcher).to_be_visible()
    for _ in range(3):
        if launcher.evaluate("one => one.matches(':focus')"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    box = page.get_by_role("textbox", name="Message")
    expect(box).to_be_focused()
    page.keyboard.type("Do you ship to Chur?")
    page.keyboard.press("Enter")
    expect(status(page, "Chur")).to_have_attribute("data-status", "sent")
    assert not sticks_out(page)
    shoot(page, "widget-phone-dark", whole=False)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(launcher).to_be_focused()

    (talk, _), *_ = selectors.inbox(tenant.pk, limit=1)
    answer = {"sender": "agent", "sender_id": "x", "client_id": "1", "body": "We do."}
    services.send_message(tenant.pk, talk.id, **answer)
    expect(page.get_by_role("button", name=re.compile("1 unread$"))).to_be_visible()
    page.keyboard.press("Enter")
    expect(bubbles(page)).to_have_text(["Do you ship to Chur?", "We do."])
    services.close(tenant.pk, talk.id, reason="solved", by="test")
    expect(page.get_by_text("This conversation has ended.")).to_be_visible()
    page.reload()
    expect(bubbles(page)).to_have_text(["Do you ship to Chur?", "We do."])
    page.get_by_role("textbox", name="Message").fill("One more thing")
    page.keyboard.press("Enter")
    expect(status(page, "One more thing")).to_have_attribute("data-status", "sent")
    assert len(selectors.inbox(tenant.pk, limit=9)) == 2


def choose(page: Page, button, name: str, kind: str, content: bytes) -> None:
    """Pick a file the way a person does: press the button, choose in the dialog."""
    with page.expect_file_chooser() as chooser:
        button.click()
    chooser.value.set_files({"name": name, "mimeType": kind, "buffer": content})


def test_files_are_picked_shown_and_fetched_on_both_sides(open_page, site, tenant, widget):
    customer = visit(open_page(width=1100, height=760), site, widget)
    choose(customer, customer.get_by_title("Attach a file"), "the crack.png", "image/png", PICTURE)
    shown = customer.locator(".transcript a.file")
    expect(shown).to_contain_text("the crack.png")
    expect(shown.locator("img")).to_have_js_property("naturalWidth", 2)

    desk = sign_in(open_page(), site, path="/desk/")
    desk.get_by_role("tab", name="All open").click()
    desk.locator("#talks button").first.click()
    expect(desk.locator(".transcript a.file img")).to_have_js_property("naturalWidth", 2)
    choose(
        desk, desk.get_by_title("Attach a file"), "guide.txt", "text/plain", b"Turn it off and on."
    )
    answer = customer.locator(".transcript a.file", has_text="guide.txt")
    expect(answer).to_have_attribute("href", re.compile("^blob:"))
    with customer.expect_download() as fetched:
        answer.click()
    assert fetched.value.path().read_bytes() == b"Turn it off and on."

    open_page.excused = "422"  # the refusal
    choose(
        customer,
        customer.get_by_title("Attach a file"),
        "page.html",
        "text/html",
        b"<script>1</script>",
    )
    expect(customer.get_by_role("alert")).to_contain_text("page.html was not sent")
    assert [sender for _, sender, _ in stored(tenant)] == ["customer", "agent"]
    shoot(customer, "talk-files", whole=False)
    assert customer.evaluate(CONTRAST) == []


def test_nobody_is_there(open_page, site, tenant, widget):
    never = Schedule.objects.create(tenant=tenant, name="Never", zone="UTC")
    RoutingPolicy.objects.update_or_create(tenant=tenant, defaults={"schedule": never})
    services.save_policy(
        Policy(tenant=tenant, closed_text="We are closed.", closed_asks_contact=True)
    )
    page = visit(open_page(width=375, height=667, theme="dark"), site, widget)
    expect(page.get_by_text("Closed just now")).to_be_visible()
    write(page, "My parcel is wet")
    expect(status(page, "parcel")).to_have_attribute("data-status", "sent")
    agents.look(tenant.pk)
    hear("conversations.answer_closed", "agent")
    expect(page.get_by_text("We are closed.")).to_be_visible()

    page.get_by_label("How can we reach you?").fill("anna@shop.example")
    page.get_by_role("button", name="Leave it").click()
    expect(page.get_by_text("We will get back to you")).to_be_visible()
    expect(page.get_by_label("How can we reach you?")).to_be_hidden()
    (talk, _), *_ = selectors.inbox(tenant.pk, limit=1)
    assert [note.body for note in selectors.notes_of(tenant.pk, talk.id)] == [
        "Can be reached: anna@shop.example"
    ]
    assert not sticks_out(page)
    shoot(page, "widget-closed-dark", whole=False)
    assert page.evaluate(CONTRAST) == []
    page.reload()
    expect(bubbles(page)).to_have_text(["My parcel is wet"])
    expect(page.get_by_label("How can we reach you?")).to_be_hidden()
