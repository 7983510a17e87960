"""Cursors: how far each handler is in each partition; the kill switch, and letting it go on."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from apps.core.exceptions import DomainError
from apps.events import services
from apps.events.admin.filters import HandlerFilter, TopicFilter
from apps.events.admin.texts import moment
from apps.events.models import CursorRecord, CursorState
from apps.tenants.admin import ReadOnlyAdmin


class ConditionFilter(admin.SimpleListFilter):
    """What an operator looks for."""

    title = "condition"
    parameter_name = "condition"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Value and label of each choice."""
        return [("behind", "behind"), ("stopped", "stopped"), ("failing", "meets errors")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[CursorRecord]
    ) -> QuerySet[CursorRecord]:
        """Rows of the chosen kind."""
        conditions: dict[str | None, dict[str, Any]] = {
            "behind": {"behind__gt": 0},
            "stopped": {"state": CursorState.STOPPED},
            "failing": {"failures__gt": 0},
        }
        return queryset.filter(**conditions.get(self.value(), {}))


@admin.register(CursorRecord)
class CursorRecordAdmin(ReadOnlyAdmin):
    """Every handler in every partition, those that are behind first."""

    list_display = (
        "handler", "topic", "partition", "state_", "behind", "error", "moved", "offset", "head",
        "queue_shard", "events_total", "rescues_total",
    )  # fmt: skip
    list_filter = (ConditionFilter, HandlerFilter, TopicFilter)
    list_per_page = 128
    ordering = ("-behind", "handler", "topic", "partition")
    sortable_by = ()
    fields = (
        ("handler", "topic", "partition", "queue_shard"),
        ("state_", "moved", "retry"),
        ("offset", "head", "behind"),
        "error",
        ("failures", "attempts", "events_total", "rescues_total"),
    )
    readonly_fields = ("state_", "moved", "retry")
    actions = ("stop", "let_go_on")

    def has_switch_permission(self, request: HttpRequest) -> bool:
        """Whether this person may stop and start handlers."""
        return request.user.has_perm("events.change_cursorrecord")

    @display(  # type: ignore[untyped-decorator] # unfold ships no types
        description="state", label={"running": "success", "stopped": "danger"}
    )
    def state_(self, cursor: CursorRecord) -> str:
        """With a colour."""
        return cursor.state

    @admin.display(description="moved (UTC)")
    def moved(self, cursor: CursorRecord) -> str:
        """When it last took something."""
        return moment(cursor.updated_at)

    @admin.display(description="tries again (UTC)")
    def retry(self, cursor: CursorRecord) -> str:
        """After an outage: not before this time."""
        return moment(cursor.retry_at)

    @admin.action(description="Stop the selected handlers there", permissions=["switch"])
    def stop(self, request: HttpRequest, queryset: QuerySet[CursorRecord]) -> None:
        """The kill switch: nothing more is taken there until someone lets it go on."""
        reason = f"stopped by {request.user.get_username()}"

        def stop(one: CursorRecord) -> None:
            services.stop_partition(one.handler, one.topic, one.partition, reason=reason)

        self._each(request, queryset, stop, "Stopped")

    @admin.action(description="Let the selected handlers go on", permissions=["switch"])
    def let_go_on(self, request: HttpRequest, queryset: QuerySet[CursorRecord]) -> None:
        """Once the cause is mended."""

        def go_on(one: CursorRecord) -> None:
            services.resume_partition(one.handler, one.topic, one.partition)

        self._each(request, queryset, go_on, "Goes on")

    def _each(
        self,
        request: HttpRequest,
        queryset: QuerySet[CursorRecord],
        act: Callable[[CursorRecord], None],
        word: str,
    ) -> None:
        done = 0
        for one in queryset:
            try:
                act(one)
            except DomainError as error:  # a handler of an older release, say
                messages.error(request, f"{one}: {error}")
                continue
            self.log_change(request, one, word)
            done += 1
        if done:
            messages.success(request, f"{word}: {done} of {len(queryset)}.")
