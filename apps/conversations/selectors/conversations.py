"""Conversations as the outside sees them."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from django.db import connection
from django.db.models import Q, QuerySet

from apps.conversations.exceptions import UnknownConversation
from apps.conversations.lifecycle import OPEN
from apps.conversations.models import Conversation

LAST: Final = """
SELECT m.conversation_id, m.seq, m.sender, m.kind, m.body, m.sent_at
FROM unnest(%s::uuid[], %s::bigint[]) AS asked (conversation_id, seq)
JOIN conversations_message m USING (conversation_id, seq)
"""


class ConversationView(msgspec.Struct, frozen=True, gc=False):
    """A conversation with its customer's names. Times UTC."""

    id: UUID
    tenant_id: int
    customer_id: UUID
    customer_external_id: str
    customer_name: str
    channel: str
    state: str
    owner: str
    agent_id: UUID | None
    last_agent_id: UUID | None
    wanted_agent_id: UUID | None
    epoch: int
    fence: int
    last_seq: int
    version: int
    priority: int
    skills: dict[str, int]
    language: str
    tags: list[str]
    closings: int
    closing_reason: str
    opened_at: datetime
    queued_at: datetime | None
    assigned_at: datetime | None
    fallback_at: datetime | None
    wrap_up_until: datetime | None
    last_message_at: datetime | None
    closed_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether the customer can write."""
        return self.state in OPEN


class LastMessage(msgspec.Struct, frozen=True, gc=False):
    """The newest message of a conversation, for lists."""

    seq: int
    sender: str
    kind: str
    body: str
    sent_at: datetime


_COLUMNS: Final = tuple(
    {"customer_external_id": "customer__external_id", "customer_name": "customer__name"}.get(
        name, name
    )
    for name in ConversationView.__struct_fields__
)


def conversation_of(tenant: int, conversation: UUID) -> ConversationView:
    """The conversation of this id. Raises `UnknownConversation`."""
    found = conversations_by_id(tenant, [conversation])
    if conversation not in found:
        raise UnknownConversation(conversation=str(conversation))
    return found[conversation]


def conversations_by_id(
    tenant: int, conversations: Collection[UUID]
) -> dict[UUID, ConversationView]:
    """Those of the conversations that the tenant has."""
    rows = Conversation.objects.for_tenant(tenant).filter(pk__in=list(conversations))
    return {view.id: view for view in _views(rows)}


def existing(conversations: Collection[UUID]) -> set[tuple[int, UUID]]:
    """Which of these ids are conversations, and of which tenant."""
    rows = Conversation.objects.filter(pk__in=list(conversations))
    return set(rows.values_list("tenant_id", "pk"))


def open_conversation_of(tenant: int, customer: UUID, channel: str) -> ConversationView | None:
    """The one conversation that the customer has open on a channel, if any."""
    rows = Conversation.objects.for_tenant(tenant).filter(
        customer_id=customer, channel=channel, state__in=sorted(OPEN)
    )
    return next(iter(_views(rows)), None)


def position_of(tenant: int, conversation: UUID) -> tuple[int, int]:
    """Epoch and newest seq of a conversation's stream. Raises `UnknownConversation`."""
    found = (
        Conversation.objects.for_tenant(tenant)
        .filter(pk=conversation)
        .values_list("epoch", "last_seq")
        .first()
    )
    if found is None:
        raise UnknownConversation(conversation=str(conversation))
    return found


@dataclass(frozen=True, slots=True)
class Filters:
    """Which conversations are asked for; what is not given does not matter."""

    states: Collection[str] = ()
    agent: UUID | None = None
    customer: UUID | None = None
    channel: str | None = None
    tag: str | None = None


def inbox(
    tenant: int, filters: Filters | None = None, *, after: UUID | None = None, limit: int
) -> list[tuple[ConversationView, LastMessage | None]]:
    """A page of conversations, the newest first, older than `after`; each with its last message.

    Two queries, however many they are.
    """
    found = Conversation.objects.for_tenant(tenant).filter(_wanted(filters or Filters()))
    if after is not None:
        found = found.filter(pk__lt=after)
    views = _views(found.order_by("-pk")[:limit])
    last = _last_messages(views)
    return [(view, last.get(view.id)) for view in views]


def _wanted(filters: Filters) -> Q:
    wanted = Q()
    if filters.states:
        wanted &= Q(state__in=sorted(filters.states))
    if filters.agent is not None:
        wanted &= Q(agent_id=filters.agent)
    if filters.customer is not None:
        wanted &= Q(customer_id=filters.customer)
    if filters.channel is not None:
        wanted &= Q(channel=filters.channel)
    if filters.tag is not None:
        wanted &= Q(tags__contains=[filters.tag])
    return wanted


def view_of(row: Conversation) -> ConversationView:
    """A row, read with its customer, as a view."""
    return ConversationView(*(_follow(row, name) for name in _COLUMNS))


def _follow(row: Conversation, path: str) -> Any:
    found: Any = row
    for name in path.split("__"):
        found = getattr(found, name)
    return found


def _views(rows: QuerySet[Conversation]) -> list[ConversationView]:
    return [ConversationView(*row) for row in rows.values_list(*_COLUMNS)]


def _last_messages(views: list[ConversationView]) -> dict[UUID, LastMessage]:
    spoken = [view for view in views if view.last_seq]
    if not spoken:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(LAST, [[one.id for one in spoken], [one.last_seq for one in spoken]])
        return {row[0]: LastMessage(*row[1:]) for row in cursor.fetchall()}
