"""The event feed: a tenant's events, page after page, with a wait for news at its end."""

import re
import time
from threading import Event as News
from typing import Any, Final

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.turns import aside
from apps.events import selectors
from apps.events.contracts import PARTITIONS, TOPICS
from apps.events.selectors import Offsets, Told
from apps.tenants.authentication import tenant_of
from apps.tenants.forms import Cursor, LimitQuery, NumberField
from apps.tenants.views import ApiView

WAIT_MOST: Final = 30  # seconds
LOOK_EVERY: Final = 0.2  # seconds; a look is one index probe a partition
CURSOR_MOST: Final = 16_000  # characters: every partition of every topic
_ONE_TOPIC: Final = re.compile(r"([a-z]+)((?:\.\d{1,2}-\d{1,18})*)")
_never: Final = News()


class FeedCursor(Cursor):
    """How far a feed was read: topics, and in each the offset of every partition."""

    most = CURSOR_MOST

    def to_internal_value(self, data: Any) -> Any:
        """The offsets that `cursor_of` wrote."""
        found: Offsets = {}
        for part in super().to_internal_value(data).split("_"):
            match = _ONE_TOPIC.fullmatch(part)
            if match is None or match[1] not in TOPICS:
                raise self.refuse()
            for place in match[2].split(".")[1:]:
                number, offset = map(int, place.split("-"))
                if number >= PARTITIONS:
                    raise self.refuse()
                found[match[1], number] = offset
        return found


def cursor_of(topics: list[str], reached: Offsets) -> str:
    """How far a feed was read, as text that may stand in an address."""
    places: dict[str, list[str]] = {topic: [topic] for topic in topics}
    for (topic, number), offset in sorted(reached.items()):
        if offset:
            places[topic].append(f"{number}-{offset}")
    return "_".join(".".join(parts) for parts in places.values())


class EventsQuery(LimitQuery):
    """Which events, and how long to wait where there are none yet."""

    topic = serializers.ChoiceField(
        TOPICS, required=False, help_text="All topics, unless one is named."
    )
    after = FeedCursor()
    wait = NumberField(
        default=0,
        min_value=0,
        max_value=WAIT_MOST,
        help_text="Seconds to wait for the first event where there is none; an answer may come earlier.",
    )


class EventOut(serializers.Serializer[Any]):
    """A fact, in the form in which webhooks deliver it."""

    id = serializers.UUIDField()
    type = serializers.CharField(help_text="The event's name; its schema is under this subject.")
    name = serializers.CharField(help_text="The same.")
    version = serializers.IntegerField()
    topic = serializers.ChoiceField(TOPICS)
    partition = serializers.IntegerField()
    offset = serializers.IntegerField(help_text="Of all tenants: a tenant's own have gaps.")
    key = serializers.CharField(help_text="The events of a key come in order.")
    occurred_at = serializers.DateTimeField()
    recorded_at = serializers.DateTimeField()
    data = serializers.DictField()  # type: ignore[assignment] # DRF's own `data` is no field


class EventFeedOut(serializers.Serializer[Any]):
    """A page of the feed."""

    results = EventOut(many=True)
    next = serializers.CharField(help_text="Where to read on; always there, also where nothing is.")
    has_more = serializers.BooleanField(help_text="Whether more is there already.")


class EventsView(ApiView):
    """The tenant's events."""

    query = EventsQuery

    @extend_schema(
        responses=EventFeedOut,
        operation_id="events_feed",
        summary="Events in the order of their keys, on from a cursor; wait for the next ones",
    )
    def get(self, request: Request) -> Response:
        """The next events, as soon as there are any or the wait is over."""
        topics = [self.asked["topic"]] if "topic" in self.asked else list(TOPICS)
        after = self.asked.get("after", {})
        kept = {place: offset for place, offset in after.items() if place[0] in topics}
        page, may_wait = _when_there(tenant_of(request).pk, topics, kept, self.asked)
        shown = {
            "results": [event_out(one) for one in page.events],
            "next": cursor_of(topics, page.reached),
            "has_more": page.has_more,
        }
        # So that nobody who was not let wait asks again and again.
        return Response(shown, headers={} if may_wait else {"Retry-After": "1"})


def event_out(one: Told) -> dict[str, Any]:
    """An event as `EventOut` says."""
    body = one.content()
    return body | {"name": one.name}


def _when_there(
    tenant: int, topics: list[str], after: Offsets, asked: dict[str, Any]
) -> tuple[selectors.Page, bool]:
    """The next page; an empty one when the wait is over, or at once where nobody may wait (False)."""
    ends = time.monotonic() + asked["wait"]
    page = selectors.next_page(tenant, topics, after, asked["limit"])
    if page.events or page.has_more or not asked["wait"]:
        return page, True
    with aside() as may_wait:
        while may_wait and not page.events and (left := ends - time.monotonic()) > 0:
            _never.wait(min(LOOK_EVERY, left))
            page = selectors.next_page(tenant, topics, page.reached, asked["limit"])
        return page, may_wait
