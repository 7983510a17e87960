"""Events: the newest of each partition, one key's history, and what became of one event."""

from typing import Any

from django.contrib import admin
from django.db.models import BooleanField, QuerySet
from django.db.models.expressions import RawSQL
from django.http import HttpRequest

from apps.events import registry
from apps.events.admin.filters import NameFilter, TenantFilter, TopicFilter, tenant_names
from apps.events.admin.texts import events_link, moment, pretty
from apps.events.models import Cursor, EventRecord, ParkedEvent
from apps.tenants.admin import ReadOnlyAdmin, table

NEWEST = """(topic, partition, "offset") IN (
    SELECT p.topic, p.number, newest."offset" FROM events_partition p
    CROSS JOIN LATERAL (
        SELECT e."offset" FROM events_event e WHERE e.topic = p.topic AND e.partition = p.number
        ORDER BY e."offset" DESC LIMIT 50
    ) newest)"""
ADDRESS_PARTS = 3


@admin.register(EventRecord)
class EventRecordAdmin(ReadOnlyAdmin):
    """The log. What happened stays as it was told."""

    list_display = ("recorded", "name", "key", "place", "tenant")
    list_display_links = ("recorded", "name")
    list_filter = (TenantFilter, TopicFilter, NameFilter)
    list_per_page = 50
    ordering = ("-recorded_at", "-offset")
    sortable_by = ()
    search_fields = ("key",)  # makes the box appear; get_search_results does the searching
    search_help_text = (
        "A key (an account's id, say) shows its whole history; topic/partition/offset one event. "
        "Without a search: the newest 50 events of each partition."
    )
    fields = (
        ("name", "version_"),
        ("topic", "partition", "offset"),
        ("history", "tenant"),
        ("occurred", "recorded"),
        "data_",
        "readers",
        ("headers_", "id"),
    )
    readonly_fields = (
        "version_", "history", "tenant", "occurred", "recorded", "data_", "headers_", "readers",
    )  # fmt: skip

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[EventRecord], search_term: str
    ) -> tuple[QuerySet[EventRecord], bool]:
        """By the indexes there are: a place, a key as a whole, or the newest of each partition."""
        term = search_term.strip()
        shown = queryset.defer("data", "headers")  # wide, and not in the list
        if not term:
            newest = RawSQL(NEWEST, (), output_field=BooleanField())  # noqa: S611 - a constant
            return shown.filter(newest), False
        place = place_of(term)
        return shown.filter(**place) if place else shown.filter(key=term), False

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> EventRecord | None:
        """The event at an address, by the log's own primary key."""
        place = place_of(object_id)
        return EventRecord.objects.filter(**place).first() if place else None

    @admin.display(description="recorded (UTC)")
    def recorded(self, event: EventRecord) -> str:
        """When it entered the log."""
        return moment(event.recorded_at)

    @admin.display(description="occurred (UTC)")
    def occurred(self, event: EventRecord) -> str:
        """When it happened in the business."""
        return moment(event.occurred_at)

    @admin.display(description="place")
    def place(self, event: EventRecord) -> str:
        """Topic, partition and offset."""
        return event.address

    @admin.display(description="tenant")
    def tenant(self, event: EventRecord) -> str:
        """Its slug."""
        return tenant_names().get(event.tenant_id, str(event.tenant_id))

    @admin.display(description="version")
    def version_(self, event: EventRecord) -> str:
        """Of the contract."""
        return f"v{event.version}"

    @admin.display(description="key")
    def history(self, event: EventRecord) -> str:
        """The key, leading to everything that happened to it."""
        return events_link(event.key)

    @admin.display(description="data")
    def data_(self, event: EventRecord) -> str:
        """The fact itself."""
        return pretty(event.data)

    @admin.display(description="headers")
    def headers_(self, event: EventRecord) -> str:
        """Trace and client."""
        return pretty(event.headers)

    @admin.display(description="taken by")
    def readers(self, event: EventRecord) -> str:
        """Every handler of the topic: whether it took the event, waits, or holds it."""
        at = {"topic": event.topic, "partition": event.partition}
        offsets = dict(Cursor.objects.filter(**at).values_list("handler", "offset"))
        held = set(
            ParkedEvent.objects.filter(**at, offset=event.offset).values_list("handler", flat=True)
        )
        rows: list[list[str]] = []
        for found in registry.handlers_of(event.topic):
            if event.name not in found.names:
                word = "not interested"
            elif found.name in held:
                word = "held behind a parked key"
            else:
                word = "taken" if offsets.get(found.name, 0) >= event.offset else "not yet"
            rows.append([found.name, word])
        if not rows:
            return "no handler reads this topic"
        return table(["Handler", "State"], rows)


def place_of(address: str) -> dict[str, Any] | None:
    """`topic/partition/offset` as columns; None if it is something else."""
    parts = address.strip().rsplit("/", 2)
    if len(parts) != ADDRESS_PARTS or not (parts[1].isdecimal() and parts[2].isdecimal()):
        return None
    partition, offset = int(parts[1]), int(parts[2])
    if partition >= 2**15 or offset >= 2**63:  # what the columns hold
        return None
    return {"topic": parts[0], "partition": partition, "offset": offset}
