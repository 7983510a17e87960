"""The bot's back office: a chat that tries it, and a preview of how a flow goes."""

import pytest
from django.test import Client
from django.urls import reverse

from apps.conversations.models import Bot, BotFlow, BotMemory, Conversation
from apps.nlu import services as nlu
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


def test_the_preview_plays_the_flow(office: Client, bot: Bot) -> None:
    row = BotFlow.objects.get()
    shown = office.get(reverse("admin:conversations_botflow_change", args=[row.pk]))
    assert "Which account?" in shown.content.decode()
    assert "Blocked: (card)." in shown.content.decode()
