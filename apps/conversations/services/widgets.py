"""Widgets, and letting the visitors of a site in.

A page that everybody can read holds no secret. Its key only names the widget; what a visitor may do rests
on their own token, which is signed for one visitor of one widget and opens that visitor's conversation.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from django.core import signing
from django.utils import timezone

from apps.conversations import selectors
from apps.conversations.exceptions import SiteNotAllowed, WidgetRefused
from apps.conversations.models import Channel, Widget
from apps.conversations.selectors import ConversationView, WidgetView
from apps.conversations.services import checks
from apps.conversations.services.checks import Fault, Skills, fault
from apps.conversations.services.opening import Opened, open_conversation
from apps.core.ids import uuid7
from apps.events.services import unit_of_work

TOKEN_LIFE: Final = timedelta(days=30)
SALT: Final = "conversations.widget.visitor"
ORIGINS_MAX: Final = 50
TITLE_MAX: Final = 100
GREETING_MAX: Final = 500
_HOST: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\]")


@dataclass(frozen=True, slots=True)
class Visitor:
    """A visitor of a site, known by their token."""

    widget: WidgetView
    id: UUID

    @property
    def external_id(self) -> str:
        """The name under which the visitor is a customer."""
        return f"visitor:{self.id}"


@dataclass(frozen=True, slots=True)
class Visit:
    """What a visitor's page needs to begin."""

    visitor: Visitor
    token: str
    expires_at: datetime
    conversation: ConversationView | None


def create_widget(
    tenant: int,
    *,
    name: str,
    origins: Sequence[str] = (),
    title: str = "",
    greeting: str = "",
    skills: Skills = (),
    language: str = "",
) -> WidgetView:
    """A new widget; its key is public. Raises `WidgetRefused` with every reason."""
    faults = [
        *checks.name_faults("name", name, TITLE_MAX),
        *checks.name_faults("title", title, TITLE_MAX, empty=True),
        *checks.name_faults("greeting", greeting, GREETING_MAX, empty=True),
        *checks.skill_faults(skills),
        *checks.language_faults(language),
        *_origin_faults(origins),
    ]
    if faults:
        raise WidgetRefused(errors=faults)
    with unit_of_work():
        row = Widget.objects.create(
            tenant_id=tenant,
            name=name,
            origins=sorted({one.lower() for one in origins}),
            title=title,
            greeting=greeting,
            skills=checks.levels_of(skills),
            language=language,
        )
    return selectors.widget_of_key(row.key)


def welcome_visitor(key: str, *, origin: str, token: str = "", is_ours: bool = False) -> Visit:
    """Let a visitor in, or let them in again: the same token is the same visitor.

    `origin` is the page's, as the browser says it; `is_ours` if the page is one of our own. A token that
    does not hold any more makes a new visitor, never an error. Raises `UnknownWidget`, `SiteNotAllowed`.
    """
    widget = selectors.widget_of_key(key)
    check_site(widget, origin, is_ours=is_ours)
    known = visitor_of(token) if token else None
    visitor = known if known and known.widget.id == widget.id else Visitor(widget, uuid7())
    shown = None
    if visitor is known:
        shown = selectors.conversation_to_show(widget.tenant_id, visitor.external_id)
    return Visit(visitor, _token_for(visitor), timezone.now() + TOKEN_LIFE, shown)


def visitor_of(token: str) -> Visitor | None:
    """Whose token it is; None if it was not signed by us, is too old, or its widget was switched off."""
    try:
        widget, visitor = signing.loads(token, salt=SALT, max_age=TOKEN_LIFE)
        found = selectors.active_widget(UUID(hex=widget))
        return Visitor(found, UUID(hex=visitor)) if found else None
    except (signing.BadSignature, ValueError, TypeError):
        return None


def check_site(widget: WidgetView, origin: str, *, is_ours: bool = False) -> None:
    """Whether the widget may be shown there. Raises `SiteNotAllowed`."""
    if not is_ours and origin.lower() not in widget.origins:
        raise SiteNotAllowed(origin=origin)


def begin(visitor: Visitor, *, language: str = "") -> Opened:
    """The visitor's open conversation; a new one only if there is none."""
    widget = visitor.widget
    return open_conversation(
        widget.tenant_id,
        external_id=visitor.external_id,
        channel=Channel.WIDGET.value,
        skills=widget.skills,
        language=language or widget.language,
    )


def _token_for(visitor: Visitor) -> str:
    return signing.dumps([visitor.widget.id.hex, visitor.id.hex], salt=SALT)


def _origin_faults(origins: Sequence[str]) -> Iterator[Fault]:
    if len(origins) > ORIGINS_MAX:
        yield fault("origins", "too_many", f"At most {ORIGINS_MAX} sites.")
    for origin in origins:
        if not _is_origin(origin):
            detail = (
                f"{origin[:100]!r} is no origin: scheme and host, such as https://shop.example."
            )
            yield fault("origins", "bad_origin", detail)


def _is_origin(text: str) -> bool:
    try:
        parts = urlsplit(text.lower())
        port = parts.port
    except ValueError:
        return False
    where = parts.netloc.removesuffix(f":{port}") if port else parts.netloc
    is_bare = text.lower() == f"{parts.scheme}://{parts.netloc}"
    return is_bare and parts.scheme in {"http", "https"} and bool(_HOST.fullmatch(where))
