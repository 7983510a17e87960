"""Out of hours: the customer is told, once; is asked how they can be reached; and sees when somebody is there again."""

from datetime import UTC, datetime, time, timedelta
from uuid import UUID

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from apps.agents import selectors as lines
from apps.agents import services as agents
from apps.agents.models import Schedule, ScheduleHours
from apps.conversations import selectors, services
from apps.conversations.exceptions import ConversationClosed, NoteRefused
from apps.conversations.models import Customer, Policy
from apps.conversations.services import closed
from apps.tenants.models import Tenant
from tests.agents.cast import policy
from tests.conversations.cast import facts, hear, open_one, transcript

SAID = "We are closed. Somebody answers in the morning."
ANSWER = ("conversations.answer_closed", "agent")


@pytest.fixture
def shut(tenant: Tenant) -> Schedule:
    """A tenant whose hours begin tomorrow, and who says so."""
    tomorrow = (timezone.now() + timedelta(days=1)).weekday()
    schedule = Schedule.objects.create(tenant=tenant, name="Office", zone="UTC")
    ScheduleHours.objects.create(
        schedule=schedule, weekday=(tomorrow + 1) % 7, opens=time(9), closes=time(17)
    )
    policy(tenant.pk, schedule=schedule)
    services.save_policy(Policy(tenant=tenant, closed_text=SAID, closed_asks_contact=True))
    return schedule


def waits(tenant: int, name: str = "anna") -> UUID:
    one = open_one(tenant, name, owner="queue")
    agents.look(tenant)
    hear(*ANSWER)
    return one.id


def test_whoever_waits_is_told_once(tenant: Tenant, shut: Schedule) -> None:
    one = waits(tenant.pk)
    agents.look(tenant.pk)
    hear(*ANSWER)

    assert transcript(tenant.pk, one) == [(1, "system", SAID)]
    (message,) = selectors.messages_after(tenant.pk, one, 0)
    assert message.kind == "event"
    assert message.data is not None
    assert message.data["name"] == "out_of_hours"
    assert message.data["asks_contact"] is True
    assert datetime.fromisoformat(message.data["opens_at"]) > timezone.now()
    assert [fact["rule"] for fact in facts(one, "agents.work.overflowed")] == ["out_of_hours"]


def test_the_same_fact_again_says_nothing_again(
    tenant: Tenant, shut: Schedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = []
    monkeypatch.setattr(services, "tell_closed", heard.extend)
    one = waits(tenant.pk)
    assert heard
    for _ in range(2):
        closed.tell_closed(heard)
    assert transcript(tenant.pk, one) == [(1, "system", SAID)]


def test_a_tenant_without_words_or_within_hours_says_nothing(tenant: Tenant) -> None:
    assert transcript(tenant.pk, waits(tenant.pk)) == []
    schedule = Schedule.objects.create(tenant=tenant, name="Office", zone="UTC")
    for day in range(7):
        ScheduleHours.objects.create(schedule=schedule, weekday=day, opens=time(0), closes=time(0))
    policy(tenant.pk, schedule=schedule)
    services.save_policy(Policy(tenant=tenant, closed_text=SAID))
    assert transcript(tenant.pk, waits(tenant.pk, "ben")) == []


def test_whoever_was_served_meanwhile_is_told_nothing(
    tenant: Tenant, shut: Schedule, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = []
    monkeypatch.setattr(services, "tell_closed", heard.extend)
    one = waits(tenant.pk)
    services.close(tenant.pk, one, by="test")
    closed.tell_closed(heard)
    assert transcript(tenant.pk, one) == []


def test_hours_are_told_on_opening_and_while_one_waits(
    tenant: Tenant, shut: Schedule, api: APIClient
) -> None:
    terms = {"customer": {"external_id": "anna"}, "channel": "api", "owner": "queue"}
    opened = api.post("/api/v1/conversations", terms, format="json").json()
    assert opened["queue"]["is_open"] is False
    assert datetime.fromisoformat(opened["queue"]["opens_at"]).time() == time(9)
    assert api.get(f"/api/v1/conversations/{opened['id']}").json()["queue"] == opened["queue"]
    talking = {**terms, "customer": {"external_id": "ben"}, "owner": "bot"}
    assert api.post("/api/v1/conversations", talking, format="json").json()["queue"] is None


@pytest.mark.parametrize("at", [0, 30])
def test_when_it_opens_again(tenant: Tenant, shut: Schedule, at: int) -> None:
    now = timezone.now() + timedelta(days=at)
    found = lines.opening_at(tenant.pk, now)
    assert found.opens_at is None or found.opens_at > now
    assert found.is_open == lines.is_open(tenant.pk, now)
    if found.opens_at is not None:
        assert lines.opening_at(tenant.pk, found.opens_at).is_open


def test_a_tenant_that_never_opens_cannot_say_when(tenant: Tenant) -> None:
    policy(tenant.pk, schedule=Schedule.objects.create(tenant=tenant, name="Never", zone="UTC"))
    assert lines.opening_at(tenant.pk, datetime(2026, 1, 1, tzinfo=UTC)) == (False, None)


def test_how_they_can_be_reached_is_a_note_and_is_erased_with_them(tenant: Tenant) -> None:
    one = services.open_conversation(tenant.pk, external_id="v", channel="widget").conversation
    services.leave_contact(tenant.pk, one.id, contact="anna@shop.example", name="Anna")
    (note,) = selectors.notes_of(tenant.pk, one.id)
    assert note.body == "Can be reached: anna@shop.example"
    assert Customer.objects.get().name == "Anna"
    services.leave_contact(tenant.pk, one.id, contact="+41 79 000 00 00", name="Mallory")
    assert Customer.objects.get().name == "Anna"
    services.erase_customer(tenant.pk, one.customer_id, by="test")
    assert all(not note.body for note in selectors.notes_of(tenant.pk, one.id))


@pytest.mark.parametrize("contact", ["", " ", "x" * 201, "a\nb", "a\0", "\ud83d"])
def test_what_is_no_contact_is_refused(tenant: Tenant, contact: str) -> None:
    one = open_one(tenant.pk)
    with pytest.raises(NoteRefused):
        services.leave_contact(tenant.pk, one.id, contact=contact)
    services.close(tenant.pk, one.id, by="test")
    with pytest.raises(ConversationClosed):
        services.leave_contact(tenant.pk, one.id, contact="anna@shop.example")
