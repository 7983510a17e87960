"""What was said, by its place in the conversation: never by time, which two machines tell differently."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from django.db import connection

from apps.conversations.models import Message

PAGE_MAX: Final = 1_000

BY_SEQ: Final = """
SELECT m.id, m.conversation_id, m.seq, m.client_id, m.sender, m.sender_id, m.kind, m.body, m.data,
       m.sent_at
FROM unnest(%s::uuid[], %s::bigint[]) AS asked (conversation_id, seq)
JOIN conversations_message m USING (conversation_id, seq)
WHERE m.tenant_id = %s
"""


class MessageView(msgspec.Struct, frozen=True, gc=False):
    """A message in its place."""

    id: UUID
    conversation: UUID
    seq: int
    client_id: str
    sender: str
    sender_id: str
    kind: str
    body: str
    data: dict[str, Any] | None
    sent_at: datetime


_COLUMNS: Final = tuple(
    {"conversation": "conversation_id"}.get(name, name) for name in MessageView.__struct_fields__
)
_DATA: Final = MessageView.__struct_fields__.index("data")


def messages_after(
    tenant: int, conversation: UUID, after_seq: int, limit: int = 200
) -> list[MessageView]:
    """The messages after a seq, in their order; `limit` at most."""
    rows = Message.objects.for_tenant(tenant).filter(conversation_id=conversation)
    found = rows.filter(seq__gt=after_seq).order_by("seq").values_list(*_COLUMNS)[:limit]
    return [MessageView(*row) for row in found]


def messages_before(
    tenant: int, conversation: UUID, before_seq: int, limit: int = 200
) -> list[MessageView]:
    """The last messages before a seq, in their order; `limit` at most."""
    rows = Message.objects.for_tenant(tenant).filter(conversation_id=conversation)
    found = rows.filter(seq__lt=before_seq).order_by("-seq").values_list(*_COLUMNS)[:limit]
    return [MessageView(*row) for row in reversed(found)]


def messages_by_seq(
    tenant: int, places: Iterable[tuple[UUID, int]]
) -> dict[tuple[UUID, int], MessageView]:
    """Messages by conversation and seq, in one query: what a listener of the log asks for."""
    asked = list(places)
    if not asked:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(BY_SEQ, [[one for one, _ in asked], [seq for _, seq in asked], tenant])
        views = [view_of_row(row) for row in cursor.fetchall()]
    return {(view.conversation, view.seq): view for view in views}


def view_of_row(row: tuple[Any, ...]) -> MessageView:
    """A row of a cursor, whose JSON the driver leaves as text, as a view."""
    values = list(row)
    if isinstance(values[_DATA], str):
        values[_DATA] = msgspec.json.decode(values[_DATA])
    return MessageView(*values)
