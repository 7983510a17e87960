"""What a tenant no longer keeps is deleted: closed conversations after the time that its policy names."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.core.files.storage import default_storage
from django.db import connection
from django.db.models import Exists, OuterRef

from apps.conversations.events import ConversationsRetired
from apps.conversations.lifecycle import State
from apps.conversations.models import Attachment, Conversation, Customer, Policy
from apps.events.services import unit_of_work
from apps.nlu.services import forget_texts

CHUNK: Final = 200  # conversations in one transaction


def retire_conversations(now: datetime) -> int:
    """Delete what every tenant no longer keeps; how many conversations. Again changes nothing."""
    retired = 0
    for policy in Policy.objects.exclude(retention_days=None).order_by("pk"):
        limit = now - timedelta(days=policy.retention_days or 0)
        while count := _retire(policy.tenant_id, limit, now):
            retired += count
        _forget_customers(policy.tenant_id, limit)
    return retired


def _retire(tenant: int, limit: datetime, now: datetime) -> int:
    with unit_of_work() as work:
        rows = Conversation.objects.for_tenant(tenant).filter(
            state=State.CLOSED.value, closed_at__lt=limit
        )
        ids = list(
            rows.order_by("pk")
            .select_for_update(skip_locked=True)
            .values_list("pk", flat=True)[:CHUNK]
        )
        if ids:
            _delete(ids)
            forget_texts(tenant, ids)
            fact = ConversationsRetired(conversation_ids=tuple(ids), closed_before=limit, at=now)
            work.publish(fact, tenant=tenant, key=f"retention:{tenant}", occurred_at=now)
    return len(ids)


def _delete(ids: list[UUID]) -> None:
    # Files first: a row without its file is deleted by the next run, a file without its row never.
    for path in Attachment.objects.filter(conversation_id__in=ids).values_list("path", flat=True):
        if path:
            default_storage.delete(path)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lockstep.retiring = 'on'")
        cursor.execute("DELETE FROM conversations_message WHERE conversation_id = ANY(%s)", [ids])
        cursor.execute("SET LOCAL lockstep.retiring = 'off'")
    Conversation.objects.filter(pk__in=ids).delete()


def _forget_customers(tenant: int, limit: datetime) -> None:
    """Customers of whom nothing is left."""
    theirs = Conversation.objects.filter(customer=OuterRef("pk"))
    with unit_of_work():
        rows = Customer.objects.for_tenant(tenant).filter(~Exists(theirs), created_at__lt=limit)
        rows.delete()
