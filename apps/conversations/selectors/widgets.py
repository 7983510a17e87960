"""Widgets, and what a visitor of a site may see: their own conversation and nothing else."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec
from django.utils import timezone

from apps.conversations.exceptions import UnknownConversation, UnknownWidget
from apps.conversations.models import Channel, Conversation, Widget
from apps.conversations.selectors.conversations import ConversationView, conversation_of

STILL_SHOWN: Final = timedelta(days=7)
"""How long a closed conversation is shown to a visitor who comes back: its last answer may be unread."""


class WidgetView(msgspec.Struct, frozen=True, gc=False):
    """A widget."""

    id: UUID
    tenant_id: int
    key: str
    name: str
    origins: list[str]
    title: str
    greeting: str
    skills: dict[str, int]
    language: str
    accent: str
    theme: str
    side: str
    is_active: bool


_COLUMNS: Final = WidgetView.__struct_fields__


def widget_of_key(key: str) -> WidgetView:
    """The active widget of a public key, whoever's it is. Raises `UnknownWidget`."""
    row = Widget.objects.filter(key=key, is_active=True).values_list(*_COLUMNS).first()
    if row is None:
        raise UnknownWidget
    return WidgetView(*row)


def widget_view(row: Widget) -> WidgetView:
    """A widget, as it stands in its row."""
    return WidgetView(*(getattr(row, name) for name in _COLUMNS))


def active_widget(widget: UUID) -> WidgetView | None:
    """The widget of this id, if it is active: a visitor's token names it."""
    row = Widget.objects.filter(pk=widget, is_active=True).values_list(*_COLUMNS).first()
    return WidgetView(*row) if row else None


def widgets_of(tenant: int) -> Sequence[WidgetView]:
    """The tenant's widgets, the oldest first."""
    rows = Widget.objects.for_tenant(tenant).order_by("pk")
    return [WidgetView(*row) for row in rows.values_list(*_COLUMNS)]


def only_widget() -> WidgetView | None:
    """The installation's widget, if it has exactly one active: for a demo page that anyone may see."""
    rows = list(Widget.objects.filter(is_active=True).values_list(*_COLUMNS)[:2])
    return WidgetView(*rows[0]) if len(rows) == 1 else None


def visitors_conversation(
    tenant: int, external_id: str, conversation: UUID | None = None
) -> ConversationView:
    """A visitor's conversation: this one, or the newest. Raises `UnknownConversation`.

    Somebody else's is as unknown as one that never was.
    """
    found = Conversation.objects.for_tenant(tenant).filter(
        customer__external_id=external_id, channel=Channel.WIDGET
    )
    if conversation is not None:
        found = found.filter(pk=conversation)
    newest = found.order_by("-pk").values_list("pk", flat=True).first()
    if newest is None:
        raise UnknownConversation
    return conversation_of(tenant, newest)


def conversation_to_show(tenant: int, external_id: str) -> ConversationView | None:
    """What a visitor sees who comes back: the open conversation, or one closed not long ago."""
    try:
        newest = visitors_conversation(tenant, external_id)
    except UnknownConversation:
        return None
    is_fresh = newest.closed_at is None or timezone.now() - newest.closed_at < STILL_SHOWN
    return newest if is_fresh else None
