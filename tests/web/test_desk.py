"""The desk and the floor: what an agent does with a conversation, and what a supervisor sees and may do."""

import re

import pytest
from playwright.sync_api import expect

from apps.agents import services as agents
from apps.agents.services import AgentTerms
from apps.conversations import selectors, services
from apps.tenants.models import Role
from apps.tenants.services import add_member
from tests.web.browsing import CONTRAST, MARKS, PASSWORD, shoot, sign_in, sticks_out
from tests.web.conftest import take_everything

pytestmark = MARKS
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63f8cfc0f0"
    "1f0005000101ff5c0e3b320000000049454e44ae426082"
)


@pytest.fixture
def agent(tenant, person):
    """Someone by the name of this user, who serves and is online."""

    def make(user: str, name: str, *, online: bool = True, **terms):
        add_member(tenant, username=user, role=Role.AGENT, password=PASSWORD)
        row, _ = agents.create_agent(tenant.pk, AgentTerms(user=user, name=name, **terms))
        if online:
            agents.set_status(tenant.pk, row.pk, "online", leased=True)
        return row

    return make


def ask(tenant, name: str, *texts: str, **terms):
    """A customer opens a conversation and writes."""
    opened = services.open_conversation(
        tenant.pk, external_id=name.lower(), name=name, channel="web", **terms
    )
    for number, text in enumerate(texts):
        services.send_message(
            tenant.pk, opened.conversation.id, sender="customer", client_id=f"{number}", body=text
        )
    return opened.conversation.id


def give(tenant, talk, agent):
    services.give(tenant.pk, talk, agent=agent.pk, by="test")
    take_everything()


def test_an_agent_works_with_the_keyboard(open_page, site, tenant, agent):
    bob = agent("bob", "Bob Berger")
    anna = ask(tenant, "Anna", "My statement shows a fee.", "What is it for?")
    bruno = ask(tenant, "Bruno", "Hello?")
    for talk in (anna, bruno):
        give(tenant, talk, bob)
    services.save_canned_reply(
        tenant.pk, services.ReplyTerms("fee", "About fees", "The fee is for the paper statement.")
    )
    desk = sign_in(open_page(), site, name="bob", path="/desk/")
    expect(desk.locator("#self-name")).to_have_text("Bob Berger")
    expect(desk.locator("#load-word")).to_contain_text("2 of 3")
    expect(desk.locator("#talks button")).to_have_count(2)
    expect(desk).to_have_title(re.compile(r"^\(3\) Desk"))
    shoot(desk, "desk-inbox-light", whole=False)

    desk.keyboard.press("?")
    expect(desk.get_by_role("dialog", name="Keyboard short cuts")).to_be_visible()
    shoot(desk, "desk-help", whole=False)
    desk.keyboard.press("Escape")
    desk.get_by_role("button", name=re.compile("Anna")).focus()
    desk.keyboard.press("Enter")
    expect(desk.locator("#talk-name")).to_have_text("Anna")
    expect(desk).to_have_title(re.compile(r"^\(1\) Desk"))
    text = desk.locator("#text")
    expect(text).to_be_focused()
    desk.keyboard.type("/fe")
    expect(desk.locator("#canned li")).to_contain_text("About fees")
    desk.keyboard.press("Enter")
    expect(text).to_have_value("The fee is for the paper statement.")
    desk.keyboard.press("Enter")
    expect(desk.locator(".line.mine")).to_have_attribute("data-status", "sent")

    assert selectors.messages_after(tenant.pk, anna, 2)[0].sender == "agent"


def test_notes_tags_files_hold_and_the_end(open_page, site, tenant, agent):
    bob = agent("bob", "Bob Berger")
    anna = ask(tenant, "Anna", "My statement shows a fee.", "What is it for?")
    give(tenant, anna, bob)
    desk = sign_in(open_page(), site, name="bob", path="/desk/")
    desk.locator("#talks button").click()
    expect(desk.locator("#text")).to_be_focused()
    desk.keyboard.press("Escape")
    desk.keyboard.press("n")
    desk.keyboard.type("Offer e-statements")
    shoot(desk, "desk-note", whole=False)
    desk.keyboard.press("Enter")
    expect(desk.locator("#notes")).to_contain_text("Offer e-statements")
    desk.get_by_label("New tag").fill("fees")
    desk.keyboard.press("Enter")
    expect(desk.locator("#tags")).to_contain_text("fees")
    sent = services.store_attachment(
        tenant.pk, anna, sender="customer", client_id="f", name="statement.png", content=PIXEL
    )
    assert sent.is_new
    expect(desk.locator(".file img")).to_have_js_property("complete", True)
    expect(desk.locator(".file img")).to_have_js_property("naturalWidth", 1)

    desk.get_by_role("button", name="Hold").click()
    expect(desk.locator("#talk-facts")).to_contain_text("on hold")
    desk.get_by_role("button", name="Resume").click()
    expect(desk.locator("#talk-facts")).to_contain_text("active")
    shoot(desk, "desk-talk-light", whole=False)
    desk.locator("#transcript").focus()
    desk.keyboard.press("c")
    desk.get_by_role("button", name="Close it").click()
    expect(desk.locator("#talk-facts")).to_contain_text("closed")
    expect(desk.locator("#talks button")).to_have_count(0)
    assert selectors.conversation_of(tenant.pk, anna).closing_reason == "solved"


def test_it_is_in_order_dark_and_on_a_phone(open_page, site, tenant, agent):
    bob = agent("bob", "Bob Berger")
    talk = ask(
        tenant,
        "Anna-Maria von Hohenstein-Wittgenstein",
        "A" * 300,
        "https://a.example/" + "x" * 200,
    )
    give(tenant, talk, bob)
    dark = sign_in(open_page(theme="dark"), site, name="bob", path="/desk/")
    dark.locator("#talks button").click()
    expect(dark.locator(".bubble")).to_have_count(2)
    assert not sticks_out(dark)
    assert dark.evaluate(CONTRAST) == []
    shoot(dark, "desk-dark", whole=False)
    phone = sign_in(open_page(width=360, height=740), site, name="bob", path="/desk/")
    shoot(phone, "desk-phone-inbox", whole=False)
    phone.locator("#talks button").click()
    expect(phone.locator(".bubble")).to_have_count(2)
    expect(phone.get_by_role("tablist")).to_be_hidden()
    assert not sticks_out(phone)
    shoot(phone, "desk-phone-talk", whole=False)
    phone.get_by_role("button", name="About the customer").click()
    expect(phone.locator("#customer-name")).to_be_visible()
    shoot(phone, "desk-phone-about", whole=False)
    phone.keyboard.press("Escape")
    expect(phone.locator("#customer-name")).to_be_hidden()
    phone.get_by_role("button", name="Back to the inbox").click()
    expect(phone.get_by_role("tablist")).to_be_visible()


def test_the_floor(open_page, site, tenant, agent):
    bob, cleo = agent("bob", "Bob Berger", skills={"billing": 4}), agent("cleo", "Cleo Camenzind")
    anna = ask(tenant, "Anna", "Hello?")
    give(tenant, anna, bob)
    ask(tenant, "Bruno", "I wait.", skills=["taxes"])
    ask(tenant, "Dora", "Just the bot.", owner="bot")
    floor = sign_in(open_page(), site, path="/desk/supervision/")
    expect(floor.locator("#tile-online")).to_have_text("2")
    expect(floor.locator("#agents li").first).to_contain_text("Bob Berger")
    expect(floor.locator("#queue tr")).to_contain_text("Bruno")
    expect(floor.locator("#open tr")).to_have_count(2)
    shoot(floor, "floor-light")
    assert floor.evaluate(CONTRAST) == []
    floor.get_by_label("Priority of Bruno").select_option("50")
    expect(floor.locator("#toast")).to_contain_text("priority was changed")
    floor.get_by_role("button", name="Reassign: Anna").click()
    floor.get_by_label("Agent", exact=True).select_option(str(cleo.pk))
    floor.get_by_role("button", name="Give", exact=True).click()
    expect(floor.locator("#open")).to_contain_text("Cleo Camenzind")
    assert selectors.conversation_of(tenant.pk, anna).agent_id == cleo.pk
    phone = sign_in(open_page(width=360, height=740, theme="dark"), site, path="/desk/supervision/")
    expect(phone.locator("#open tr")).to_have_count(2)
    assert not sticks_out(phone)
    assert phone.evaluate(CONTRAST) == []
    shoot(phone, "floor-phone-dark")


def test_an_agent_may_not_see_the_floor(open_page, site, agent):
    agent("bob", "Bob Berger")
    open_page.excused = "403"
    page = sign_in(open_page(), site, name="bob", path="/desk/supervision/")
    expect(page.get_by_role("heading")).to_have_text("This page is for supervisors")
