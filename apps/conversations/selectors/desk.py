"""What the desk has beside the transcript: notes, replies kept ready, ratings, the tenant's policy."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from django.db.models import Q

from apps.conversations.models import CannedReply, Note, Policy, Rating

NOTES_MAX: Final = 500


class NoteView(msgspec.Struct, frozen=True, gc=False):
    """An internal note."""

    id: UUID
    author: str
    body: str
    written_at: datetime


class CannedReplyView(msgspec.Struct, frozen=True, gc=False):
    """A reply that is kept ready."""

    id: UUID
    shortcut: str
    title: str
    body: str
    language: str


class RatingView(msgspec.Struct, frozen=True, gc=False):
    """What a customer thought."""

    closing: int
    score: int
    comment: str
    rated_at: datetime


def notes_of(tenant: int, conversation: UUID) -> list[NoteView]:
    """The notes of a conversation, the oldest first."""
    rows = Note.objects.for_tenant(tenant).filter(conversation_id=conversation, erased_at=None)
    found = rows.order_by("pk").values_list(*NoteView.__struct_fields__)[:NOTES_MAX]
    return [NoteView(*row) for row in found]


def canned_replies(tenant: int, *, language: str = "") -> list[CannedReplyView]:
    """The replies that are kept ready, for a language and for any, by their short names."""
    rows = CannedReply.objects.for_tenant(tenant).filter(is_active=True)
    if language:
        rows = rows.filter(Q(language="") | Q(language__iexact=language))
    found = rows.order_by("shortcut", "language").values_list(*CannedReplyView.__struct_fields__)
    return [CannedReplyView(*row) for row in found]


def ratings_of(tenant: int, conversation: UUID) -> list[RatingView]:
    """The ratings of a conversation, one for each closing at most."""
    rows = Rating.objects.for_tenant(tenant).filter(conversation_id=conversation)
    return [
        RatingView(*row)
        for row in rows.order_by("closing").values_list(*RatingView.__struct_fields__)
    ]


def policy_of(tenant: int) -> Policy:
    """The tenant's policy; the defaults where it has decided nothing."""
    return Policy.objects.for_tenant(tenant).first() or Policy(tenant_id=tenant)
