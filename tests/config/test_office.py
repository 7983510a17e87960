"""The back office as a whole: whoever only looks changes nothing, at any of its addresses."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, reverse
from django.utils import timezone

from apps.conversations.models import Bot
from apps.events.models import ParkedKey
from apps.nlu import services as nlu
from apps.nlu.models import TrainedModel, Turn
from apps.tenants.models import ApiKey, Tenant, User
from apps.tenants.services import issue_key
from tests.nlu.cast import pairs

USUAL = re.compile(r"_(changelist|add|history|delete|change|autocomplete)$")
WRITES = re.compile(
    r"\s*(INSERT|UPDATE|DELETE|MERGE|TRUNCATE|WITH\b.*\b(INSERT|UPDATE|DELETE))", re.IGNORECASE
)
OWN = re.compile(r'"django_session"|"tenants_user" SET "last_login"')
"""What the session itself may write."""

Rows = dict[type[models.Model], Callable[[Tenant], models.Model]]
ROWS: Rows = {
    Bot: lambda tenant: Bot.objects.create(tenant=tenant),
    ParkedKey: lambda tenant: ParkedKey.objects.create(
        handler="ledger.book_trades", topic="trade", partition=1, key="k", tenant_id=tenant.pk,
        first_offset=1, policy="hold", error="Rejected: no",
    ),
    TrainedModel: lambda tenant: TrainedModel.objects.create(
        tenant=tenant, number=1, state="ready", trained_at=timezone.now(), weights=b"x",
    ),
    Turn: lambda tenant: Turn.objects.create(
        tenant=tenant, length=2, text="hi", intent="greeting", latency_ms=1
    ),
    User: lambda tenant: User.objects.create_user("ann", password="x"),
}  # fmt: skip
"""A row for each kind of page that is one row's."""

FILES = {"reports_reportfile_content"}
"""Addresses that only give a file, by GET (tests/reports/test_admin.py)."""


def buttons() -> list[tuple[type[models.Model], str]]:
    """The addresses of the back office that are no list, form or history: what was added to it."""
    found = []
    for model, office in admin.site._registry.items():
        for one in office.get_urls():
            name = one.name if isinstance(one, URLPattern) else None
            if name and not USUAL.search(name) and name not in FILES:
                found.append((model, name))
    return found


@pytest.fixture
def boss(tenant: Tenant) -> User:
    nlu.add_examples(tenant.pk, pairs())
    return User.objects.create_superuser("boss", password="x")


@pytest.fixture
def addresses(tenant: Tenant, boss: User) -> list[str]:
    """Every one of them, of a row that is there: its button would have something to do."""
    made: dict[type[models.Model], Any] = {}
    found = []
    for model, name in buttons():
        pattern = next(one for one in admin.site._registry[model].get_urls() if one.name == name)
        if not pattern.pattern.converters and not pattern.pattern.regex.groups:
            found.append(reverse(f"admin:{name}"))
            continue
        assert model in ROWS, f"{name} is one row's: say in ROWS how such a row is made"
        if model not in made:
            made[model] = ROWS[model](tenant)
        found.append(reverse(f"admin:{name}", args=[made[model].pk]))
    return found


def test_there_are_buttons() -> None:
    assert {name for _, name in buttons()} >= {
        "conversations_bot_test_chat", "events_parkedkey_resume", "nlu_trainedmodel_put_to_use",
        "nlu_trainedmodel_train", "nlu_turn_label",
    }  # fmt: skip


def test_looking_at_a_button_writes_nothing(
    addresses: list[str], boss: User, client: Client
) -> None:
    client.force_login(boss)
    for where in addresses:
        with CaptureQueriesContext(connection) as seen:
            answer = client.get(where)
        written = [one["sql"] for one in seen if WRITES.match(one["sql"])]
        assert [sql for sql in written if not OWN.search(sql)] == [], where
        assert answer.status_code in {200, 405}, where
        if answer.status_code == 200:
            page = answer.content.decode()
            assert re.search(r'<form[^>]* method="post"', page), where
            assert "csrfmiddlewaretoken" in page, where


def test_a_button_is_not_pressed_from_another_site(addresses: list[str], boss: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(boss)
    assert [strict.post(one, {"_form_submitted": "True"}).status_code for one in addresses] == [
        403
    ] * len(addresses)


def test_keys_are_revoked_by_who_was_asked(tenant: Tenant, boss: User, client: Client) -> None:
    client.force_login(boss)
    key, _ = issue_key(tenant, role="trader", name="feed")
    where = reverse("admin:tenants_apikey_changelist")
    asked = {"action": "revoke", "_selected_action": [str(key.pk)]}

    page = client.post(where, asked).content.decode()
    assert "Revoke these keys" in page
    assert f'name="_selected_action" value="{key.pk}"' in page
    assert ApiKey.objects.get(pk=key.pk).revoked_at is None

    client.post(where, {**asked, "confirmed": "yes"})
    assert ApiKey.objects.get(pk=key.pk).revoked_at is not None
