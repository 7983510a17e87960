"""Widgets, and letting the visitors of a site in.

A page that everybody can read holds no secret. Its key only names the widget; what a visitor may do rests
on their own token, which is signed for one visitor of one widget and opens that visitor's conversation.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from django.core import signing
from django.db import transaction
from django.utils import timezone

from apps.conversations import selectors
from apps.conversations.exceptions import SiteNotAllowed, UnknownWidget, WidgetRefused
from apps.conversations.models import Channel, Widget, WidgetSide, WidgetTheme
from apps.conversations.models.widgets import ACCENT, new_key
from apps.conversations.selectors import ConversationView, WidgetView
from apps.conversations.services import checks
from apps.conversations.services.checks import Skills
from apps.conversations.services.opening import Opened, open_conversation
from apps.core.exceptions import Fault, fault
from apps.core.ids import uuid7

TOKEN_LIFE: Final = timedelta(days=30)
SALT: Final = "conversations.widget.visitor"
ORIGINS_MAX: Final = 50
TITLE_MAX: Final = 100
GREETING_MAX: Final = 500
_COLOUR: Final = re.compile(r"#[0-9a-f]{6}")
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


@dataclass(frozen=True, slots=True)
class WidgetTerms:
    """What a tenant decides about a widget."""

    name: str
    origins: Sequence[str] = ()
    title: str = ""
    greeting: str = ""
    skills: Skills = ()
    language: str = ""
    accent: str = ACCENT
    theme: str = WidgetTheme.AUTO.value
    side: str = WidgetSide.RIGHT.value
    is_active: bool = True


def create_widget(tenant: int, **terms: Any) -> WidgetView:
    """A new widget of `WidgetTerms`; its key is public. Raises `WidgetRefused` with every reason."""
    columns = _columns(WidgetTerms(**terms))
    with transaction.atomic():
        row = Widget.objects.create(tenant_id=tenant, **columns)
    return selectors.widget_view(row)


def change_widget(tenant: int, widget: UUID, terms: WidgetTerms) -> WidgetView:
    """A widget's terms are these from now on; its key stays. Raises `UnknownWidget`, `WidgetRefused`.

    A site that is taken away is refused with its visitors' next call.
    """
    columns = _columns(terms)
    with transaction.atomic():
        row = _locked(tenant, widget)
        for name, value in columns.items():
            setattr(row, name, value)
        row.save(update_fields=list(columns))
    return selectors.widget_view(row)


def renew_key(tenant: int, widget: UUID) -> WidgetView:
    """Another key: pages with the former one show nothing any more. Raises `UnknownWidget`.

    Visitors who are in stay in, by their own tokens.
    """
    with transaction.atomic():
        row = _locked(tenant, widget)
        row.key = new_key()
        row.save(update_fields=["key"])
    return selectors.widget_view(row)


def widget_faults(terms: WidgetTerms) -> list[Fault]:
    """Everything that is wrong with a widget's terms."""
    faults = [
        *checks.name_faults("name", terms.name, TITLE_MAX),
        *checks.name_faults("title", terms.title, TITLE_MAX, empty=True),
        *checks.name_faults("greeting", terms.greeting, GREETING_MAX, empty=True),
        *checks.skill_faults(terms.skills),
        *checks.language_faults(terms.language),
        *_origin_faults(terms.origins),
    ]
    if not _COLOUR.fullmatch(terms.accent.lower()):
        faults.append(fault("accent", "bad_colour", "A colour such as #0b7565."))
    if terms.theme not in WidgetTheme.values:
        faults.append(fault("theme", "unknown_theme", f"One of {', '.join(WidgetTheme.values)}."))
    if terms.side not in WidgetSide.values:
        faults.append(fault("side", "unknown_side", f"One of {', '.join(WidgetSide.values)}."))
    return faults


def _columns(terms: WidgetTerms) -> dict[str, Any]:
    if faults := widget_faults(terms):
        raise WidgetRefused(errors=faults)
    return asdict(terms) | {
        "origins": sorted({one.lower() for one in terms.origins}),
        "skills": checks.levels_of(terms.skills),
        "accent": terms.accent.lower(),
    }


def _locked(tenant: int, widget: UUID) -> Widget:
    row = Widget.objects.for_tenant(tenant).select_for_update().filter(pk=widget).first()
    if row is None:
        raise UnknownWidget
    return row


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
