"""The bot's back office: a chat that tries it, and a preview of how a flow goes."""

import pytest
from django.test import Client
from django.urls import reverse

from apps.conversations.models import Bot, BotFlow, BotMemory, Conversation
from apps.nlu import services as nlu
from apps.nlu.models import Provider
from apps.tenants.models import Role, Tenant, User
from apps.tenants.services import add_member
from tests.nlu.cast import pairs
from tests.nlu.conftest import _fresh_memory

__all__ = ["_fresh_memory"]


@pytest.fixture
def bot(tenant: Tenant) -> Bot:
    nlu.train_now(tenant.pk, pairs(), by="ann", promoted=True)
    BotFlow.objects.create(
        tenant=tenant, intent="lost_card", replies={"en": "Blocked: {card}."}, then="close",
        slots=[{"name": "card", "kind": "account_number", "question": {"en": "Which account?"}}],
    )  # fmt: skip
    return Bot.objects.create(tenant=tenant)


@pytest.fixture
def office(client: Client, tenant: Tenant) -> Client:
    client.force_login(User.objects.create_superuser("boss", password="x"))
    return client


def chat_of(bot: Bot) -> str:
    return reverse("admin:conversations_bot_test_chat", args=[bot.pk])


def test_a_flow_is_tried_turn_by_turn_and_nothing_is_kept(office: Client, bot: Bot) -> None:
    assert office.get(chat_of(bot)).status_code == 200
    asked = office.post(chat_of(bot), {"text": "i lost my savings card"}).content.decode()
    ended = office.post(chat_of(bot), {"text": "it is ACC-0001"}).content.decode()

    assert "Which account?" in asked
    assert "Blocked: ACC-0001." in ended
    assert "the end" in ended
    assert "account_number ACC-0001" in ended
    assert not Conversation.objects.exists()
    assert not BotMemory.objects.exists()

    again = office.post(chat_of(bot), {"again": "1"}).content.decode()
    assert "Which account?" not in again


@pytest.mark.parametrize("text", ["", "   ", "a\x00b"])
def test_what_is_no_text_is_said_politely(office: Client, bot: Bot, text: str) -> None:
    answer = office.post(chat_of(bot), {"text": text})
    assert answer.status_code == 200
    assert 'role="alert"' in answer.content.decode()


def test_what_is_written_is_text_and_never_html(office: Client, bot: Bot) -> None:
    said = office.post(chat_of(bot), {"text": "<script>alert(1)</script>"}).content.decode()
    assert "<script>alert(1)" not in said
    assert "&lt;script&gt;alert(1)" in said


def test_staff_without_the_right_may_not_spend_money_with_it(
    client: Client, tenant: Tenant, bot: Bot
) -> None:
    user, _ = add_member(tenant, username="eve", role=Role.AUDITOR, password="x" * 14, staff=True)
    client.force_login(user)
    assert client.post(chat_of(bot), {"text": "hello"}).status_code in {302, 403}


FORM = {
    "intent": "lost_card", "enabled": "on", "then": "close", "skills": "cards 2, billing",
    "replies-0-language": "en", "replies-0-text": "Blocked: {card}.",
    "replies-1-language": "de", "replies-1-text": "Gesperrt: {card}.",
    "confirmation-0-language": "en", "confirmation-0-text": "",
    "slots-0-name": "card", "slots-0-kind": "account_number",
    "slots-0-question-0-language": "en", "slots-0-question-0-text": "Which account?",
    "slots-1-name": "", "slots-1-question-0-text": "",
}  # fmt: skip


def save(office: Client, bot: Bot, **changes: str) -> str:
    row = BotFlow.objects.get()
    where = reverse("admin:conversations_botflow_change", args=[row.pk])
    given = FORM | {"tenant": str(bot.pk)} | changes
    return office.post(where, given, follow=True).content.decode()


def test_a_flow_is_filled_in_without_a_brace(office: Client, bot: Bot) -> None:
    save(office, bot)
    row = BotFlow.objects.get()

    assert row.replies == {"en": "Blocked: {card}.", "de": "Gesperrt: {card}."}
    assert row.slots == [
        {"name": "card", "kind": "account_number", "question": {"en": "Which account?"}}
    ]
    assert row.confirmation == {}
    assert row.skills == {"cards": 2, "billing": 1}
    shown = office.get(
        reverse("admin:conversations_botflow_change", args=[row.pk])
    ).content.decode()
    assert 'value="cards 2, billing 1"' in shown
    assert "Gesperrt: {card}." in shown
    assert '<option value="account_number" selected>' in shown


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"replies-0-text": "Blocked: {crad}."}, "{crad} is no slot of this flow"),
        ({"replies-0-text": "", "replies-1-text": ""}, "The flow ends without a word"),
        ({"slots-0-kind": "colour"}, "nothing is ever found of the kind colour"),
        ({"slots-0-question-0-text": ""}, "no question in the bot&#x27;s own language"),
        ({"slots-0-name": ""}, "A question belongs to a slot with a name."),
        ({"replies-1-language": "en"}, "There are two texts in en."),
        ({"replies-1-language": "!"}, "is no language"),
        ({"skills": "cards 9"}, "A level is a number from 1 to 5."),
        ({"intent": "oos"}, "The bot never gets here"),
        ({"intent": "make_tea"}, "No example stands for it"),
    ],
)
def test_what_would_go_wrong_is_said_in_words(
    office: Client, bot: Bot, changes: dict[str, str], fault: str
) -> None:
    assert fault in save(office, bot, **changes)
    assert BotFlow.objects.get().replies == {"en": "Blocked: {card}."}  # as it was


def test_an_intent_that_only_a_provider_may_know_is_worth_a_word(office: Client, bot: Bot) -> None:
    Provider.objects.create(
        tenant_id=bot.pk, name="cx", kind="dialogflow_cx", url="https://cx.test"
    )
    said = save(office, bot, intent="make_tea")

    assert "only a provider that knows it leads here" in said
    assert BotFlow.objects.get().intent == "make_tea"


def test_a_bot_says_what_it_must_in_its_own_language(office: Client, bot: Bot) -> None:
    where = reverse("admin:conversations_bot_change", args=[bot.pk])
    given = {"tenant": str(bot.pk), "enabled": "on", "language": "fr", "greeting-0-text": ""}
    for name in ("ask_again", "handing_over", "out_of_hours", "cancelled"):
        given |= {f"{name}-0-language": "fr", f"{name}-0-text": "Pardon ?"}
    refused = office.post(where, given | {"cancelled-0-language": "de"}).content.decode()
    assert "There is no text in the bot&#x27;s own language, fr." in refused

    office.post(where, given)
    bot.refresh_from_db()
    assert (bot.language, bot.greeting, bot.cancelled) == ("fr", {}, {"fr": "Pardon ?"})


def test_the_menu_leads_to_bots_flows_and_backends(office: Client, bot: Bot) -> None:
    shown = office.get(reverse("admin:index")).content.decode()
    for name in ("conversations_bot", "conversations_botflow", "nlu_provider"):
        assert f'href="{reverse(f"admin:{name}_changelist")}"' in shown


def test_the_preview_plays_the_flow(office: Client, bot: Bot) -> None:
    row = BotFlow.objects.get()
    shown = office.get(reverse("admin:conversations_botflow_change", args=[row.pk]))
    assert "Which account?" in shown.content.decode()
    assert "Blocked: (card)." in shown.content.decode()
