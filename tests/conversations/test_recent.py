"""Copies of recent messages: they save a query and never change an answer."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
import redis
from django.conf import settings
from rest_framework.test import APIClient

from apps.conversations import selectors, services
from apps.conversations.selectors import recent
from apps.sockets import redis_client
from apps.tenants.models import Tenant
from tests.conversations.cast import open_one, queries, say


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    recent.reset()
    client = redis.Redis.from_url(settings.REDIS_URL)
    for key in client.scan_iter(f"{settings.REDIS_PREFIX}:*:recent:*"):
        client.delete(key)
    yield
    recent.reset()


def read(tenant: int, conversation: UUID, after: int = 0, limit: int = 200) -> list[Any]:
    epoch, last = selectors.position_of(tenant, conversation)
    return selectors.recent_messages(tenant, conversation, after, limit, epoch=epoch, last_seq=last)


def cost(tenant: int, conversation: UUID, after: int = 0) -> int:
    return len(
        [one for one in queries(lambda: read(tenant, conversation, after)) if "_message" in one]
    )


def test_it_is_what_the_table_says_whatever_is_kept(tenant: Tenant) -> None:
    one = open_one(tenant.pk)
    for number in range(1, 8):
        say(tenant.pk, one.id, f"m{number}")
        for after in range(number + 2):
            for _ in range(2):
                truth = selectors.messages_after(tenant.pk, one.id, after)
                assert read(tenant.pk, one.id, after) == truth
                assert read(tenant.pk, one.id, after, limit=2) == truth[:2]
            if after % 2:
                recent.reset()


def test_near_then_redis_then_the_table(tenant: Tenant) -> None:
    one = open_one(tenant.pk)
    say(tenant.pk, one.id, "hello", sender="system", data={"a": [1, None]}, kind="event")

    assert cost(tenant.pk, one.id) == 1
    assert cost(tenant.pk, one.id) == 0
    recent.reset()  # another process
    assert cost(tenant.pk, one.id) == 0
    assert read(tenant.pk, one.id) == selectors.messages_after(tenant.pk, one.id, 0)
    say(tenant.pk, one.id, "news")
    assert [m.body for m in read(tenant.pk, one.id)] == ["hello", "news"]


def test_redis_gone_or_full_of_nonsense_changes_no_answer(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = open_one(tenant.pk)
    say(tenant.pk, one.id, "hello")
    truth = read(tenant.pk, one.id)
    recent.reset()
    redis_client.client().set(recent._key(tenant.pk, one.id), b"\xc1nonsense")
    assert read(tenant.pk, one.id) == truth
    recent.reset()
    nowhere = redis.Redis(port=1, socket_connect_timeout=0.1)
    monkeypatch.setattr(redis_client, "client", lambda: nowhere)
    assert read(tenant.pk, one.id) == truth


def test_an_erasure_leaves_no_copy(tenant: Tenant) -> None:
    one = open_one(tenant.pk)
    say(tenant.pk, one.id, "my secret")
    read(tenant.pk, one.id)
    assert recent.kept(tenant.pk, [one.id]) == 1

    services.erase_customer(tenant.pk, one.customer_id, by="user:1")

    assert recent.kept(tenant.pk, [one.id]) == 0
    assert [m.body for m in read(tenant.pk, one.id)] == [""]
    assert selectors.erasure_of(tenant.pk, one.customer_id).is_clean


def test_a_page_over_http_uses_it(api: APIClient, tenant: Tenant) -> None:
    one = open_one(tenant.pk)
    say(tenant.pk, one.id, "hello")
    url = f"/api/v1/conversations/{one.id}/messages"
    first = api.get(url).json()

    sent = queries(lambda: api.get(url))

    assert [one for one in sent if "conversations_message" in one] == []
    assert api.get(url).json() == first
