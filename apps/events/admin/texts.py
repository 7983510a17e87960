"""How the log's pages write times, JSON and links."""

import json
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode


def moment(at: datetime | None) -> str:
    """A UTC time to the millisecond: many events share a second."""
    return f"{at:%Y-%m-%d %H:%M:%S.%f}"[:-3] if at else "-"


def pretty(value: Any) -> str:
    """JSON, indented."""
    return preformatted(json.dumps(value, indent=2, ensure_ascii=False))


def preformatted(text: str) -> str:
    """Text whose lines stay as they are."""
    return format_html(
        '<pre class="whitespace-pre-wrap break-all font-mono text-sm">{}</pre>', text
    )


def events_link(search: str) -> str:
    """A link to the events that a search finds: a key's history, or one event by its address."""
    where = reverse("admin:events_eventrecord_changelist") + "?" + urlencode({"q": search})
    return format_html('<a href="{}" class="text-primary-600 underline">{}</a>', where, search)
