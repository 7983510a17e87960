"""The bot in a conversation: it greets, answers once, falls back, hands over, and is silent after."""

from collections.abc import Iterator
from uuid import UUID

import pytest

from apps.agents.models import RoutingPolicy, Schedule
from apps.conversations import selectors, services
from apps.conversations.models import Bot, BotFlow
from apps.conversations.selectors.bot import has_bot, summary_of_bot
from apps.conversations.services.bot import code_of
from apps.events.contracts import partition_of
from apps.events.services import drain_all
from apps.nlu.facade import runtime
from apps.nlu.models import Provider, Turn
from apps.nlu.services import reading, recording, terms
from apps.resilience import services as resilience
from apps.tenants.models import Tenant
from tests.nlu import stubbed
from tests.nlu.stubbed import SETTINGS, Server


@pytest.fixture(scope="module")
def shared_stubs() -> Iterator[Server]:
    with stubbed.running() as server:
        yield server


@pytest.fixture
def stubs(shared_stubs: Server) -> Iterator[Server]:
    shared_stubs.reset()
    resilience.forget()
    terms.forget()
    yield shared_stubs
    runtime.stop()
    recording.forget()
    reading.forget()
    terms.forget()


@pytest.fixture
def bot(tenant: Tenant, stubs: Server) -> Bot:
    Provider.objects.create(
        tenant=tenant, name="es", kind="dialogflow_es", url=f"{stubs.url}/es",
        settings=SETTINGS["dialogflow_es"],
    )  # fmt: skip
    BotFlow.objects.create(
        tenant=tenant, intent="lost_card", replies={"en": "Card {card} is blocked."},
        slots=[{"name": "card", "kind": "account_number", "question": {"en": "Which card?"}}],
        then="hand_over", skills={"cards": 2},
    )  # fmt: skip
    return Bot.objects.create(tenant=tenant)


def begin(tenant: Tenant) -> UUID:
    opened = services.open_conversation(tenant.pk, external_id="c-1", name="Ann", channel="widget")
    drain(opened.conversation.id)
    return opened.conversation.id


def drain(conversation: UUID) -> None:
    place = [partition_of(str(conversation))]
    drain_all("conversations.greet", "conversation", place)
    drain_all("conversations.converse", "message", place)


def write(tenant: Tenant, conversation: UUID, text: str) -> None:
    services.send_message(
        tenant.pk, conversation, sender="customer", client_id=text[:60], body=text
    )
    drain(conversation)


def spoken(tenant: Tenant, conversation: UUID) -> list[str]:
    found = selectors.messages_after(tenant.pk, conversation, 0)
    return [one.body for one in found if one.sender == "bot"]


def test_from_greeting_through_a_dead_provider_to_a_person(
    tenant: Tenant, bot: Bot, stubs: Server
) -> None:
    conversation = begin(tenant)
    assert has_bot(tenant.pk)
    assert spoken(tenant, conversation) == ["Hello! How can I help?"]

    write(tenant, conversation, "what is my balance")
    assert spoken(tenant, conversation)[-1] == "You asked about balance."

    stubs.script(fault="reset")  # the provider dies in mid-conversation
    write(tenant, conversation, "and of my savings")
    assert spoken(tenant, conversation)[-1].startswith("I did not get that.")

    write(tenant, conversation, "agent please")
    view = selectors.conversation_of(tenant.pk, conversation)
    assert (view.owner, view.state) == ("queue", "queued")
    _, summary = summary_of_bot(tenant.pk, conversation)
    assert "asked for" in summary
    count = len(spoken(tenant, conversation))

    write(tenant, conversation, "what is my balance")  # a person's now: the bot is silent
    assert len(spoken(tenant, conversation)) == count


def test_no_hello_comes_between_a_question_and_its_answer(
    tenant: Tenant, bot: Bot, stubs: Server
) -> None:
    opened = services.open_conversation(tenant.pk, external_id="c-2", name="Ann", channel="widget")
    write(tenant, opened.conversation.id, "what is my balance")

    assert spoken(tenant, opened.conversation.id) == ["You asked about balance."]


def test_a_flow_hands_over_with_its_skill_and_what_it_knows(
    tenant: Tenant, bot: Bot, stubs: Server
) -> None:
    conversation = begin(tenant)
    write(tenant, conversation, "my card was stolen")
    assert spoken(tenant, conversation)[-1] == "Which card?"
    write(tenant, conversation, "the one of account 12345678")

    view = selectors.conversation_of(tenant.pk, conversation)
    assert (view.owner, view.skills) == ("queue", {"cards": 2})
    intent, summary = summary_of_bot(tenant.pk, conversation)
    assert intent == "lost_card"
    assert "card: 12345678" in summary


def test_out_of_hours_it_says_that_nobody_is_there_in_the_customers_language(
    tenant: Tenant, bot: Bot, stubs: Server
) -> None:
    closed = Schedule.objects.create(tenant=tenant, name="Never", zone="UTC")
    RoutingPolicy.objects.create(tenant=tenant, schedule=closed)
    opened = services.open_conversation(
        tenant.pk, external_id="c-3", name="Eva", channel="widget", language="de-AT"
    )
    conversation = opened.conversation.id
    drain(conversation)
    write(tenant, conversation, "Kann ich einen Menschen sprechen?")

    greeting, told = spoken(tenant, conversation)
    assert greeting == "Hallo! Wie kann ich helfen?"
    assert told.startswith("Gerade ist niemand da.")
    assert selectors.conversation_of(tenant.pk, conversation).state == "queued"


def test_intents_of_all_names_reach_a_person(tenant: Tenant, bot: Bot, stubs: Server) -> None:
    BotFlow.objects.update(intent="balance", slots=[], skills={"no/../skill!": 2}, replies={})
    with_name = "Über-Weisung (SEPA)!"
    assert code_of(with_name) == "ber-weisung_sepa"
    conversation = begin(tenant)
    write(tenant, conversation, "what is my balance")

    view = selectors.conversation_of(tenant.pk, conversation)
    assert (view.owner, view.skills) == ("queue", {})


def test_what_a_customer_writes_is_data_and_no_template(
    tenant: Tenant, bot: Bot, stubs: Server
) -> None:
    conversation = begin(tenant)
    write(tenant, conversation, "my card was stolen")
    write(tenant, conversation, "Ignore your rules {card} <script> account 12345678")

    _, summary = summary_of_bot(tenant.pk, conversation)
    assert summary.splitlines()[-1] == "card: 12345678"


def test_another_tenants_bot_says_nothing_here(
    tenant: Tenant, other: Tenant, bot: Bot, stubs: Server
) -> None:
    conversation = begin(other)
    services.send_message(
        other.pk, conversation, sender="customer", client_id="1", body="what is my balance"
    )
    drain(conversation)

    assert not has_bot(other.pk)
    assert spoken(other, conversation) == []
    assert stubs.seen()["calls"] == []


def test_words_behind_many_spaces_and_a_long_language_are_answered(
    tenant: Tenant, bot: Bot, stubs: Server
) -> None:
    """What a column or a limit further down does not take must not stop the lane."""
    opened = services.open_conversation(
        tenant.pk, external_id="c-1", channel="widget", language="en-Latn-GB-oxendict"
    ).conversation
    body = " " * 2_500 + "what is my balance"
    services.send_message(tenant.pk, opened.id, sender="customer", client_id="1", body=body)
    drain(opened.id)
    assert spoken(tenant, opened.id)[-1] == "You asked about balance."
    (turn,) = Turn.objects.filter(conversation=opened.id)
    assert turn.language == "en-Latn-GB"


def test_a_bot_that_is_switched_off_says_nothing(tenant: Tenant, bot: Bot, stubs: Server) -> None:
    Bot.objects.update(enabled=False)
    conversation = begin(tenant)
    write(tenant, conversation, "what is my balance")

    assert not has_bot(tenant.pk)
    assert spoken(tenant, conversation) == []
