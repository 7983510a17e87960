"""Messages that wait: noted from the log, told once when the customer is away, never when they are here."""

from datetime import timedelta
from uuid import UUID

from django.utils import timezone

from apps.conversations import services
from apps.conversations.models import Policy, Session, Undelivered
from apps.conversations.services import Receipt
from apps.tenants.models import Tenant
from tests.conversations.cast import facts, hear, open_one, say

LATER = timedelta(minutes=5)


def told(conversation: UUID) -> list[tuple[int, int, int]]:
    found = facts(conversation, "conversations.messages.undelivered")
    return [(fact["from_seq"], fact["to_seq"], fact["count"]) for fact in found]


def test_a_customer_who_is_away_is_told_of_once(tenant: Tenant) -> None:
    one = open_one(tenant.pk)
    for number, sender in enumerate(("customer", "bot", "customer", "bot")):
        say(tenant.pk, one.id, f"m{number}", sender=sender)
    hear("conversations.note_undelivered", "message")
    now = timezone.now()

    assert services.tell_undelivered(now) == 0  # not yet
    assert services.tell_undelivered(now + LATER) == 1
    assert services.tell_undelivered(now + 2 * LATER) == 0
    assert told(one.id) == [(2, 4, 2)]  # their own are not counted
    say(tenant.pk, one.id, "m5", sender="bot")
    hear("conversations.note_undelivered", "message")
    assert services.tell_undelivered(now + 2 * LATER) == 1
    assert told(one.id)[1:] == [(2, 5, 3)]


def test_what_was_delivered_waits_no_more(tenant: Tenant) -> None:
    one = open_one(tenant.pk)
    say(tenant.pk, one.id, "hello", sender="bot")
    hear("conversations.note_undelivered", "message")
    mine = Receipt(one.id, "customer", str(one.customer_id), delivered_seq=1)
    services.mark_receipts(tenant.pk, [mine])

    assert services.tell_undelivered(timezone.now() + LATER) == 0
    assert Undelivered.objects.count() == 0


def test_a_customer_who_is_here_is_not_told_of(tenant: Tenant) -> None:
    one = open_one(tenant.pk)
    session = services.start_session(
        tenant.pk, conversation=one.id, sender="customer", client="visitor:1"
    )
    say(tenant.pk, one.id, "hello", sender="bot")
    hear("conversations.note_undelivered", "message")
    now = timezone.now()

    assert services.tell_undelivered(now + LATER) == 0
    services.end_session(tenant.pk, session.id)
    services.end_session(tenant.pk, session.id)
    assert services.tell_undelivered(now + 2 * LATER) == 1
    assert len(facts(one.id, "conversations.session.ended")) == 1


def test_the_last_words_before_the_end_are_told_of(tenant: Tenant) -> None:
    one = open_one(tenant.pk)
    say(tenant.pk, one.id, "goodbye", sender="bot")
    services.close(tenant.pk, one.id, by="bot")
    hear("conversations.note_undelivered", "message")

    assert services.tell_undelivered(timezone.now() + LATER) == 1


def test_a_tenant_may_want_no_word(tenant: Tenant) -> None:
    Policy.objects.create(tenant=tenant, undelivered_seconds=0)
    one = open_one(tenant.pk)
    say(tenant.pk, one.id, "hello", sender="bot")
    hear("conversations.note_undelivered", "message")

    assert services.tell_undelivered(timezone.now() + LATER) == 0
    assert Undelivered.objects.count() == 0


def test_a_device_that_falls_silent_is_gone(tenant: Tenant) -> None:
    one = open_one(tenant.pk)
    quiet, lively = (
        services.start_session(tenant.pk, conversation=one.id, sender="customer", client=name).id
        for name in ("a", "b")
    )
    Session.objects.update(last_seen_at=timezone.now() - LATER)
    services.touch_sessions([lively])

    assert services.end_silent_sessions(timezone.now()) == 1
    assert Session.objects.get(ended_at=None).pk == lively
    assert Session.objects.exclude(ended_at=None).get().pk == quiet
