"""Everything that is kept about a customer, for them to read; and the receipts of erasures."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from apps.conversations.exceptions import UnknownCustomer
from apps.conversations.models import (
    Attachment,
    Conversation,
    Erasure,
    Message,
    Note,
    Participant,
    Rating,
    Session,
)
from apps.conversations.selectors.customers import customer_of
from apps.nlu import selectors as understanding


class ErasureView(msgspec.Struct, frozen=True, gc=False):
    """The receipt of an erasure."""

    id: UUID
    customer_id: UUID
    by: str
    counts: dict[str, int]
    checks: list[dict[str, Any]]
    began_at: datetime
    ended_at: datetime | None

    @property
    def is_clean(self) -> bool:
        """Whether it ended, and no look afterwards found anything."""
        return self.ended_at is not None and all(one["ok"] for one in self.checks)


def erasure_of(tenant: int, customer: UUID) -> ErasureView:
    """The receipt of a customer's erasure. Raises `UnknownCustomer` where they were not erased."""
    rows = Erasure.objects.for_tenant(tenant).filter(customer_id=customer).order_by("pk")
    row = rows.values_list(*ErasureView.__struct_fields__).first()
    if row is None:
        raise UnknownCustomer(customer=str(customer))
    return ErasureView(*row)


def everything_about(tenant: int, customer: UUID) -> dict[str, Any]:
    """All that is kept about a customer, by kind, in one object. Raises `UnknownCustomer`."""
    person = customer_of(tenant, customer)
    rows = Conversation.objects.for_tenant(tenant).filter(customer_id=customer).order_by("pk")
    ids = list(rows.values_list("pk", flat=True))
    return {
        "customer": person,
        "conversations": list(
            rows.values(
                "id", "channel", "state", "priority", "skills", "language", "tags",
                "closing_reason", "opened_at", "closed_at", "last_seq",
            )
        ),
        "messages": _of(
            Message, ids, "seq", "conversation_id", "seq", "sender", "kind", "body", "data", "sent_at"
        ),
        "notes": _of(Note, ids, "pk", "conversation_id", "author", "body", "written_at"),
        "ratings": _of(Rating, ids, "pk", "conversation_id", "closing", "score", "comment", "rated_at"),
        "files": _of(
            Attachment, ids, "pk", "conversation_id", "id", "name", "content_type", "size", "stored_at"
        ),
        "receipts": _of(
            Participant, ids, "pk", "conversation_id", "sender", "delivered_seq", "read_seq", "joined_at"
        ),
        "sessions": _of(
            Session, ids, "pk", "conversation_id", "sender", "client", "started_at", "ended_at"
        ),
        "understood": [
            {"conversation_id": one.conversation, "at": one.at, "text": one.text, "intent": one.intent}
            for one in understanding.turns_with_words(tenant, ids).order_by("conversation", "at")
        ],
    }  # fmt: skip


def _of(model: Any, conversations: list[UUID], order: str, *columns: str) -> list[dict[str, Any]]:
    rows = model.objects.filter(conversation_id__in=conversations)
    return list(rows.order_by("conversation_id", order).values(*columns))
