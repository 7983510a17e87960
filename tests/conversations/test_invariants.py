"""Each check of `manage.py verify` passes on what the services made, and sees what breaks it."""

from uuid import uuid4

import pytest
from django.db import connection, transaction

from apps.conversations import invariants, services
from apps.conversations.services import Receipt
from apps.tenants.models import Tenant
from tests.conversations.cast import open_one, say


def day(tenant: int) -> None:
    """What happens on a day."""
    one, two = open_one(tenant, "a"), open_one(tenant, "b", owner="queue")
    for number in range(3):
        say(tenant, one.id, f"m{number}")
    services.mark_receipts(tenant, [Receipt(one.id, "agent", "x", read_seq=2)])
    services.assign(tenant, two.id, agent=uuid4())
    services.close(tenant, two.id, by="system", wrap_up=True)


def failing(tenant: int | None) -> set[str]:
    found = [check(tenant) for check in invariants.INVARIANTS]
    assert all(one.checked for one in found)
    return {one.name.removeprefix("conversations: ") for one in found if not one.ok}


def test_what_services_make_is_whole(tenant: Tenant, other: Tenant) -> None:
    day(tenant.pk)
    day(other.pk)

    assert failing(None) == failing(tenant.pk) == set()


@pytest.mark.parametrize(
    ("damage", "seen"),
    [
        ("DELETE FROM conversations_message WHERE seq = 2", "messages are numbered without a gap"),
        ("UPDATE conversations_conversation SET last_seq = last_seq + 1 WHERE last_seq > 0",
         "messages are numbered without a gap"),
        ("UPDATE conversations_message SET tenant_id = tenant_id + 1",
         "everything belongs to its conversation's tenant"),
        ("UPDATE conversations_participant SET delivered_seq = 99",
         "receipts are within what was sent"),
        (("ALTER TABLE conversations_conversation DROP CONSTRAINT conversation_owner_follows_state;"
         "UPDATE conversations_conversation SET owner = 'queue' WHERE state = 'bot'"),
         "owner and agent follow the state"),
        ("UPDATE events_event SET data = jsonb_set(data, '{seq}', '7') WHERE data ->> 'seq' = '2'",
         "the log tells every message, in order"),
        (("DROP INDEX one_open_conversation_per_channel;"
         "UPDATE conversations_conversation SET state = 'bot', owner = 'bot', agent_id = NULL, "
         "customer_id = (SELECT min(id::text)::uuid FROM conversations_customer), closed_at = NULL"),
         "one is open per customer and channel"),
    ],
)  # fmt: skip
def test_damage_is_seen(tenant: Tenant, damage: str, seen: str) -> None:
    """In a transaction that is rolled back: some damage takes a constraint away first."""
    day(tenant.pk)

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(damage)
        assert seen in failing(tenant.pk) | failing(None)
        transaction.set_rollback(True)
    assert failing(tenant.pk) == set()
