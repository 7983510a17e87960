"""Who takes part in a conversation, and how far each got."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from apps.conversations.models import Participant


class ParticipantView(msgspec.Struct, frozen=True, gc=False):
    """A participant with their watermarks."""

    id: UUID
    sender: str
    sender_id: str
    delivered_seq: int
    read_seq: int
    joined_at: datetime
    left_at: datetime | None


_COLUMNS: Final = ParticipantView.__struct_fields__


def participants_of(tenant: int, conversation: UUID) -> list[ParticipantView]:
    """Everybody who takes, or took, part; in the order in which they joined."""
    rows = Participant.objects.for_tenant(tenant).filter(conversation_id=conversation)
    return [ParticipantView(*row) for row in rows.order_by("pk").values_list(*_COLUMNS)]
