"""The back office sees the conversations, and its buttons call services."""

from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from apps.conversations import selectors, services
from apps.conversations.models import CannedReply, Conversation, Customer, Message, Policy, Widget
from apps.tenants.models import Tenant, User
from tests.conversations.cast import open_one
from tests.conversations.test_privacy import a_life

MODELS = ("attachment", "bot", "botflow", "cannedreply", "conversation", "customer", "erasure", "importeddialogue",
          "message", "note", "policy", "rating", "session", "undelivered", "widget")  # fmt: skip


@pytest.fixture
def office(tenant: Tenant, client: Client, tmp_path: Path, settings) -> Client:
    """Someone who may do everything, after a life of conversations."""
    settings.MEDIA_ROOT = tmp_path
    client.force_login(User.objects.create_superuser("boss", password="x"))
    a_life(tenant.pk)
    return client


def page(office: Client, name: str, *args: object, **query: object) -> str:
    answer = office.get(reverse(f"admin:conversations_{name}", args=args), query)
    assert answer.status_code == 200
    return answer.content.decode()


def press(office: Client, model: str, action: str, row: object, **answers: str) -> str:
    url = reverse(f"admin:conversations_{model}_changelist")
    sent = {"action": action, "_selected_action": [str(row)], **answers}
    return office.post(url, sent, follow=True).content.decode()


@pytest.mark.parametrize("model", MODELS)
def test_every_list_opens(office: Client, model: str) -> None:
    page(office, f"{model}_changelist")
    page(office, f"{model}_changelist", q="nobody")


def test_every_row_opens(office: Client) -> None:
    for model in (Conversation, Customer, Message):
        row = model.objects.order_by("pk").first()
        assert row is not None
        page(office, f"{model._meta.model_name}_change", row.pk)
    shown = page(office, "conversation_change", Conversation.objects.order_by("pk")[0].pk)
    assert "my card is 4111 1111" in shown


def test_rows_are_found_by_ids_and_names(office: Client) -> None:
    customer = Customer.objects.get()
    for term in ("anna-4711", str(customer.pk)):
        assert "anna-4711</" in page(office, "customer_changelist", q=term)
    assert str(Conversation.objects.order_by("pk")[0].pk) in page(
        office, "conversation_changelist", q=str(customer.pk)
    )


def test_what_was_said_is_not_changed_here(office: Client) -> None:
    url = reverse("admin:conversations_message_change", args=[Message.objects.order_by("pk")[0].pk])

    assert office.post(url, {"body": "x"}).status_code == 403


def test_buttons(office: Client, tenant: Tenant) -> None:
    one = open_one(tenant.pk, "ben")
    assert "does not take the move requeue" in press(office, "conversation", "send_back", one.id)
    assert "is closed" in press(office, "conversation", "close", one.id)
    assert selectors.conversation_of(tenant.pk, one.id).state == "closed"
    customer = Customer.objects.get(external_id="anna-4711")
    assert "Erase these customers" in press(office, "customer", "erase", customer.pk)
    assert Customer.objects.get(pk=customer.pk).erased_at is None
    assert "is clean" in press(office, "customer", "erase", customer.pk, confirmed="yes")
    assert selectors.erasure_of(tenant.pk, customer.pk).is_clean


def test_replies_are_kept_and_forgotten(office: Client, tenant: Tenant) -> None:
    add = reverse("admin:conversations_cannedreply_add")
    good = {"tenant": tenant.pk, "shortcut": "hi", "title": "Greeting", "body": "Hello!",
            "language": "", "is_active": "on"}  # fmt: skip

    assert "Letters, digits" in office.post(add, good | {"shortcut": "a b"}).content.decode()
    assert office.post(add, good).status_code == 302
    row = CannedReply.objects.get()
    change = reverse("admin:conversations_cannedreply_change", args=[row.pk])
    assert office.post(change, good | {"body": "Hi!"}).status_code == 302
    assert CannedReply.objects.get().body == "Hi!"
    delete = reverse("admin:conversations_cannedreply_delete", args=[row.pk])
    assert office.post(delete, {"post": "yes"}).status_code == 302
    assert CannedReply.objects.count() == 0


def test_widgets_are_made_changed_and_given_new_keys(office: Client, tenant: Tenant) -> None:
    add = reverse("admin:conversations_widget_add")
    good = {"tenant": tenant.pk, "name": "Shop", "origins": "https://shop.example", "title": "Ask",
            "greeting": "", "skills": "{}", "language": "", "accent": "#aa0044", "theme": "dark",
            "side": "left", "is_active": "on"}  # fmt: skip
    page(office, "widget_add")
    refused = office.post(add, good | {"origins": "shop", "accent": "red"}).content.decode()
    assert "is no origin" in refused
    assert "A colour such as" in refused
    assert office.post(add, good).status_code == 302
    row = Widget.objects.get()
    assert (row.origins, row.accent, row.theme, row.side) == (
        ["https://shop.example"], "#aa0044", "dark", "left"
    )  # fmt: skip
    shown = page(office, "widget_change", row.pk)
    assert f"data-key=&quot;{row.key}&quot;" in shown

    change = reverse("admin:conversations_widget_change", args=[row.pk])
    assert office.post(change, good | {"name": "Shops", "is_active": ""}).status_code == 302
    changed = Widget.objects.get()
    assert (changed.name, changed.is_active, changed.key) == ("Shops", False, row.key)
    assert "Give them new keys" in press(office, "widget", "renew_keys", row.pk)
    assert Widget.objects.get().key == row.key
    assert "from now on" in press(office, "widget", "renew_keys", row.pk, confirmed="yes")
    assert Widget.objects.get().key != row.key


def test_a_policy_is_set(office: Client, tenant: Tenant) -> None:
    answer = office.post(
        reverse("admin:conversations_policy_add"),
        {"tenant": tenant.pk, "starts_with": "queue", "wrap_up_seconds": 30, "fallback_seconds": 60,
         "undelivered_seconds": 30, "retention_days": 90, "attachment_bytes": 1000},
    )  # fmt: skip

    assert answer.status_code == 302, answer.content
    assert Policy.objects.get().retention_days == 90
    assert (
        services.open_conversation(tenant.pk, external_id="x", channel="web").conversation.owner
        == "queue"
    )
