"""Export, erasure with its receipt, retention: what is left of a person afterwards, and what must be left."""

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from apps.conversations import invariants, selectors, services
from apps.conversations.exceptions import UnknownCustomer
from apps.conversations.models import (
    Attachment,
    BotMemory,
    Conversation,
    Customer,
    Erasure,
    Message,
    Policy,
)
from apps.conversations.services import privacy
from apps.events.registry import jobs
from apps.nlu.models import Turn
from apps.nlu.services import forget_answers
from apps.sockets import redis_client
from apps.tenants.models import Tenant
from tests.conversations.cast import facts, open_one, say
from tests.conversations.test_desk import PNG, files

NAME = "Anna Fedorova-Zuckerkandl"
SECRETS = (NAME, "anna-4711", "4111 1111", "allergic to nuts", "my passport.png", "loved it")


@pytest.fixture(autouse=True)
def media(tmp_path: Path, settings) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


def a_life(tenant: int) -> tuple[UUID, list[UUID]]:
    """A customer with two conversations, one of which is open; and all that may be kept about them."""
    old = open_one(tenant, "anna-4711", name=NAME, language="de")
    say(tenant, old.id, "my card is 4111 1111")
    services.store_attachment(
        tenant, old.id, sender="customer", client_id="f", name="my passport.png", content=PNG
    )
    services.add_note(tenant, old.id, body="allergic to nuts", by="user:1")
    services.set_tags(tenant, old.id, tags=["vip"], by="user:1")
    services.start_session(
        tenant, conversation=old.id, sender="customer", client="visitor:anna-4711"
    )
    BotMemory.objects.create(
        conversation_id=old.id,
        tenant_id=tenant,
        state={"slots": {"card": "4111 1111"}},
        summary=NAME,
    )
    Turn.objects.create(
        tenant_id=tenant, conversation=old.id, key="m-1", length=20, text="it is 4111 1111",
        latency_ms=3, result={"intent": "a", "confidence": 1.0, "reply": f"Dear {NAME}"},
    )  # fmt: skip
    services.close(tenant, old.id, by="system")
    services.rate(tenant, old.id, score=5, comment="loved it")
    new = open_one(tenant, "anna-4711")
    say(tenant, new.id, f"I am {NAME}", client_id="anna-4711")
    return old.customer_id, [old.id, new.id]


def whole_database() -> str:
    """Every row of every table, as text."""
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        texts = []
        for table in tables:
            cursor.execute(f'SELECT string_agg(t::text, chr(10)) FROM "{table}" t')
            texts.append(cursor.fetchone()[0] or "")
    return "\n".join(texts)


def test_nothing_of_a_person_is_left_but_their_places(tenant: Tenant, media: Path) -> None:
    customer, ids = a_life(tenant.pk)
    other = open_one(tenant.pk, "ben", name="Ben Bystander")
    say(tenant.pk, other.id, "untouched")
    before = whole_database()
    assert all(secret in before for secret in SECRETS)
    assert len(files(media)) == 1

    receipt = services.erase_customer(tenant.pk, customer, by="user:1")

    after = whole_database()
    assert [secret for secret in SECRETS if secret in after] == []
    assert files(media) == []
    assert "Ben Bystander" in after
    assert "untouched" in after
    view = selectors.erasure_of(tenant.pk, customer)
    assert view.is_clean
    assert {one["place"] for one in view.checks} == {
        "the event log", "database: messages", "database: notes and ratings",
        "database: what the bot remembers", "database: what was understood", "caches: what was understood",
        "database: the customer", "search", "caches and screens: epochs not raised", "files", "caches: copies in Redis",
    }  # fmt: skip
    assert receipt.counts["messages"] == 3
    assert receipt.counts["notes"] == receipt.counts["ratings"] == receipt.counts["files"] == 1
    # Places, order and number are what they were.
    assert [m.seq for m in selectors.messages_after(tenant.pk, ids[0], 0)] == [1, 2]
    assert {selectors.position_of(tenant.pk, uid)[0] for uid in ids} == {2}
    assert {selectors.conversation_of(tenant.pk, uid).state for uid in ids} == {"closed"}
    assert all(check(tenant.pk).ok for check in invariants.INVARIANTS)
    (told,) = facts(customer, "conversations.customer.erased")
    assert set(told["conversation_ids"]) == {str(uid) for uid in ids}


def test_answers_that_repeat_words_are_not_kept(tenant: Tenant, other: Tenant) -> None:
    """An answer in Redis names nobody and says what was named: those of the tenant go, and no others."""
    client = redis_client.client()
    kept = {
        one.pk: redis_client.key("nlu:answer", str(one.pk), "local", "1", "digest")
        for one in (tenant, other)
    }
    for name in kept.values():
        client.set(name, b"4111 1111", ex=60)
    customer, _ = a_life(tenant.pk)
    services.erase_customer(tenant.pk, customer, by="user:1")

    assert client.get(kept[tenant.pk]) is None
    assert client.get(kept[other.pk]) == b"4111 1111"
    assert forget_answers(other.pk) == 0


def test_again_gives_the_same_receipt(tenant: Tenant) -> None:
    customer, _ = a_life(tenant.pk)
    first = services.erase_customer(tenant.pk, customer, by="user:1")

    assert services.erase_customer(tenant.pk, customer, by="user:2") == first
    assert Erasure.objects.count() == 1


def test_who_was_forgotten_may_come_back_as_a_stranger(tenant: Tenant) -> None:
    customer, _ = a_life(tenant.pk)
    services.erase_customer(tenant.pk, customer, by="user:1")

    assert open_one(tenant.pk, "anna-4711").customer_id != customer


def test_what_is_left_makes_a_receipt_unclean(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer, _ = a_life(tenant.pk)
    monkeypatch.delitem(privacy.BLANK, "notes")

    services.erase_customer(tenant.pk, customer, by="user:1")

    view = selectors.erasure_of(tenant.pk, customer)
    assert not view.is_clean
    assert [one["place"] for one in view.checks if not one["ok"]] == ["database: notes and ratings"]


def test_a_stop_between_the_two_steps_is_made_good(
    tenant: Tenant, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer, _ = a_life(tenant.pk)
    with monkeypatch.context() as broken:
        broken.setattr(privacy, "_finish", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            services.erase_customer(tenant.pk, customer, by="user:1")
    assert len(files(media)) == 1
    assert not selectors.erasure_of(tenant.pk, customer).is_clean

    assert services.resume_erasures() == 1
    assert files(media) == []
    assert selectors.erasure_of(tenant.pk, customer).is_clean
    assert services.resume_erasures() == 0


def test_an_export_holds_everything(tenant: Tenant) -> None:
    customer, ids = a_life(tenant.pk)
    out = StringIO()
    call_command("export_customer", "acme", "anna-4711", stdout=out)

    found = json.loads(out.getvalue())
    assert all(secret in out.getvalue() for secret in SECRETS)
    assert {one["id"] for one in found["conversations"]} == {str(uid) for uid in ids}
    assert [len(found[kind]) for kind in ("messages", "notes", "ratings", "files", "sessions")] == [
        3, 1, 1, 1, 1
    ]  # fmt: skip
    assert str(customer) == found["customer"]["id"]


def test_by_command(tenant: Tenant) -> None:
    a_life(tenant.pk)
    out = StringIO()
    call_command("erase_customer", "acme", "anna-4711", stdout=out)

    assert json.loads(out.getvalue())["counts"]["messages"] == 3
    with pytest.raises(CommandError, match="no such customer"):
        call_command("erase_customer", "acme", "anna-4711", stdout=out)


def test_over_http_it_is_the_administrators(
    api: APIClient, client_of: Callable[..., APIClient], tenant: Tenant, other: Tenant
) -> None:
    customer, _ = a_life(tenant.pk)
    url = f"/api/v1/customers/{customer}"

    assert api.get("/api/v1/customers?external_id=anna-4711").json()["id"] == str(customer)
    assert NAME in api.get(f"{url}/export").content.decode()
    for role in ("agent", "supervisor", "auditor"):
        assert client_of(tenant, role=role).get(f"{url}/export").status_code == 403
        assert client_of(tenant, role=role).post(f"{url}/erasure").status_code == 403
    theirs = client_of(other)
    assert theirs.get(url).status_code == 404
    assert theirs.get(f"{url}/export").status_code == 404
    assert theirs.post(f"{url}/erasure").status_code == 404
    assert api.get(f"{url}/erasure").status_code == 404  # not erased yet
    answer = api.post(f"{url}/erasure")
    assert (answer.status_code, answer.json()["clean"]) == (200, True)
    assert api.get(f"{url}/erasure").json() == answer.json()


class TestRetention:
    def test_what_is_old_and_closed_is_deleted_whole(
        self, tenant: Tenant, other: Tenant, media: Path
    ) -> None:
        Policy.objects.create(tenant=tenant, retention_days=30)
        _, (old, open_) = a_life(tenant.pk)
        theirs = open_one(other.pk, "carl")
        services.close(other.pk, theirs.id, by="system")
        now = timezone.now()

        assert services.retire_conversations(now + timedelta(days=29)) == 0
        assert services.retire_conversations(now + timedelta(days=31)) == 1
        assert services.retire_conversations(now + timedelta(days=31)) == 0
        assert set(Conversation.objects.values_list("pk", flat=True)) == {open_, theirs.id}
        assert Message.objects.filter(conversation_id=old).count() == 0
        assert Attachment.objects.count() == 0
        assert files(media) == []
        assert all(check(None).ok for check in invariants.INVARIANTS)

    def test_the_clock_does_it(self, tenant: Tenant) -> None:
        Policy.objects.create(tenant=tenant, retention_days=1)
        _, (_, open_) = a_life(tenant.pk)
        (job,) = (one for one in jobs() if one.name == "conversations.retire_conversations")
        assert job.every == timedelta(days=1)
        job.function(timezone.now() + timedelta(days=2))
        assert list(Conversation.objects.values_list("pk", flat=True)) == [open_]

    def test_a_customer_of_whom_nothing_is_left_goes_too(self, tenant: Tenant) -> None:
        Policy.objects.create(tenant=tenant, retention_days=30)
        one = open_one(tenant.pk, "anna")
        services.close(tenant.pk, one.id, by="system")

        services.retire_conversations(timezone.now() + timedelta(days=31))

        assert Customer.objects.count() == 0
        with pytest.raises(UnknownCustomer):
            selectors.customer_of(tenant.pk, one.customer_id)


class TestSearch:
    def test_finds_words_of_the_tenant_only(
        self, api: APIClient, tenant: Tenant, other: Tenant
    ) -> None:
        one, theirs = open_one(tenant.pk), open_one(other.pk, "carl")
        for body in ("my invoice is wrong", "the Invoice of May", "nothing"):
            say(tenant.pk, one.id, body)
        say(other.pk, theirs.id, f"invoice t{tenant.pk}")

        def found(query: str) -> list[str]:
            answer = api.get("/api/v1/conversations/search", {"q": query})
            return [message["body"] for message in answer.json()["results"]]

        assert found("invoice") == ["the Invoice of May", "my invoice is wrong"]
        assert found("invoice -may") == ["my invoice is wrong"]
        assert found('"invoice is"') == ["my invoice is wrong"]
        assert found("invoice or nothing") == [
            "nothing",
            "the Invoice of May",
            "my invoice is wrong",
        ]
        assert found("no' such & ( thing") == []
        page = api.get("/api/v1/conversations/search", {"q": "invoice", "limit": 1}).json()
        more = api.get(
            "/api/v1/conversations/search", {"q": "invoice", "after": page["next"]}
        ).json()
        assert [message["body"] for message in more["results"]] == ["my invoice is wrong"]

    @pytest.mark.parametrize("query", [{}, {"q": " "}, {"q": "x" * 201}, {"q": "x", "after": "y"}])
    def test_a_bad_question_is_named(self, api: APIClient, query: dict[str, str]) -> None:
        assert api.get("/api/v1/conversations/search", query).status_code == 400
