"""A customer and the bot, a provider that dies between two sentences, and the person who takes over."""

import json
import re
from collections.abc import Iterator

import pytest
import redis
from django.conf import settings
from playwright.sync_api import expect

from apps.conversations import selectors, services
from apps.conversations.models import Bot, BotFlow
from apps.nlu import services as nlu
from apps.nlu.facade import runtime
from apps.nlu.models import Provider, Turn, Usage
from apps.nlu.services import reading, recording, terms
from apps.resilience import services as resilience
from tests.nlu import stubbed
from tests.nlu.cast import pairs
from tests.nlu.stubbed import PLACES, SETTINGS, Server
from tests.web import servers
from tests.web.browsing import CONTRAST, MARKS, shoot
from tests.web.test_desk import agent
from tests.web.test_offers import mine, offers, sit_down, workers
from tests.web.test_talking import bubbles, status, stored, visit, write

pytestmark = MARKS
__all__ = ["agent", "workers"]

HOURS = "<img src=x onerror=alert(1)> From nine to five."
"""What a provider says is text, whatever it looks like."""


@pytest.fixture(scope="module")
def shared_stubs(tmp_path_factory) -> Iterator[Server]:
    replies = tmp_path_factory.mktemp("stubs") / "replies.json"
    replies.write_text(json.dumps({"opening_hours": HOURS}))
    with stubbed.running("--replies", str(replies)) as server:
        yield server


def _empty_redis() -> None:
    """Breakers and answers of this test are no other's, and those of others not its own."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    for kind in ("breaker", "nlu"):
        for key in client.scan_iter(f"{servers.redis_prefix()}:{kind}:*"):
            client.delete(key)
    resilience.forget()


@pytest.fixture
def stubs(shared_stubs: Server) -> Iterator[Server]:
    shared_stubs.reset()
    _empty_redis()
    terms.forget()
    yield shared_stubs
    runtime.stop()
    _empty_redis()
    recording.forget()
    reading.forget()
    terms.forget()


@pytest.fixture
def widget(tenant, stubs):
    """A chat whose bot asks Watson first, Dialogflow next, and what it learned itself at last."""
    for order, (name, kind) in enumerate(
        [("watson", "watson"), ("dialogflow", "dialogflow_es")], start=1
    ):
        Provider.objects.create(
            tenant=tenant, name=name, kind=kind, order=order, url=f"{stubs.url}/{PLACES[kind]}",
            settings=SETTINGS[kind],
        )  # fmt: skip
    # Who answers first is no question of how fast this machine is.
    Usage.objects.create(tenant=tenant, hedge_percent=0)
    nlu.train_now(tenant.pk, pairs(), by="ann", promoted=True)
    Bot.objects.create(tenant=tenant, greeting={})
    BotFlow.objects.create(
        tenant=tenant, intent="lost_card", replies={"en": "The card of {account} is blocked."},
        slots=[{"name": "account", "kind": "account_number", "question": {"en": "Which account?"}}],
        confirmation={"en": "Block the card of {account}?"},
    )  # fmt: skip
    return services.create_widget(tenant.pk, name="Acme", title="Ask Acme", greeting="Hello!")


def test_from_the_bot_through_a_dead_provider_to_a_person(
    open_page, site, tenant, agent, workers, widget, stubs
):
    agent("bob", "Bob Berger", online=False)
    customer = visit(open_page(width=1100, height=760), site, widget)

    def say(text: str, answer: str) -> None:
        write(customer, text)
        expect(status(customer, text)).to_have_attribute("data-status", "sent")
        workers()
        expect(bubbles(customer).last).to_have_text(answer)

    say("when are you open", HOURS)
    stubs.script(provider="watson", fault="reset")
    say("I lost my card", "Which account?")
    stubs.script(fault="reset")
    say("That of account 12345678", "Block the card of 12345678?")
    say("Yes, that one", "The card of 12345678 is blocked.")
    say("Can I talk to an agent?", "I will pass you on to a person.")
    expect(customer.get_by_text("Waiting for a person")).to_be_visible()
    shoot(customer, "bot-widget", whole=False)
    turns = list(Turn.objects.order_by("at").values_list("provider", "degraded"))
    assert turns[:3] == [("watson", False), ("dialogflow", True), ("local", True)]

    desk = sit_down(open_page(), site, "bob")
    expect(desk.locator("#self-name")).to_have_text("Bob Berger")
    workers()
    offers(desk).first.get_by_role("button", name="Accept").click()
    expect(offers(desk)).to_have_count(0)
    workers()
    expect(mine(desk)).to_have_text("1")
    desk.locator("#talks button").first.click()
    expect(bubbles(desk)).to_have_count(10)
    expect(bubbles(desk).nth(1)).to_have_text(HOURS)
    notes = desk.locator("#notes")
    expect(notes).to_contain_text("the customer asked for a person")
    expect(notes).to_contain_text("Intent: lost_card")
    expect(notes).to_contain_text("dialogflow")
    expect(notes).to_contain_text("account: 12345678")
    assert desk.evaluate(CONTRAST) == []
    shoot(desk, "bot-desk", whole=False)

    write(desk, "Bob here. What else can I do?")
    expect(bubbles(customer).last).to_have_text("Bob here. What else can I do?")
    write(customer, "when are you open")
    expect(status(customer, "when are you open").last).to_have_attribute(
        "data-status", re.compile("sent|delivered|read")
    )
    workers()
    assert [sender for _, sender, _ in stored(tenant)][-3:] == ["bot", "agent", "customer"]
    (view, _), *_ = selectors.inbox(tenant.pk, limit=1)
    assert view.owner == "agent"
