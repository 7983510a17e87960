"""The clock: which period of which job ran, and how it ended."""

from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from apps.events.admin.filters import JobFilter
from apps.events.admin.texts import moment
from apps.events.models import JobRecord
from apps.tenants.admin import ReadOnlyAdmin


class OutcomeFilter(admin.SimpleListFilter):
    """How a run ended."""

    title = "outcome"
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Value and label of each choice."""
        return [("failed", "failed"), ("unfinished", "not finished")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[JobRecord]) -> QuerySet[JobRecord]:
        """Rows of the chosen kind."""
        if self.value() == "failed":
            return queryset.exclude(error="")
        return queryset.filter(finished_at=None) if self.value() == "unfinished" else queryset


@admin.register(JobRecord)
class JobRecordAdmin(ReadOnlyAdmin):
    """Periods of the clock's jobs, newest first."""

    list_display = ("job", "of", "outcome", "begun", "finished", "error")
    list_filter = (JobFilter, OutcomeFilter)
    ordering = ("-period", "job")
    sortable_by = ()
    fields = (("job", "of", "outcome"), ("begun", "finished"), "error")
    readonly_fields = ("of", "outcome", "begun", "finished")

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> JobRecord | None:
        """The run of an address, by the table's own primary key."""
        job, _, second = object_id.rpartition("@")
        if not second.isdecimal() or len(second) > 11:  # noqa: PLR2004 - digits until the year 5138
            return None
        period = datetime.fromtimestamp(int(second), UTC)
        return JobRecord.objects.filter(job=job, period=period).first()

    @display(  # type: ignore[untyped-decorator] # unfold ships no types
        description="outcome",
        label={"done": "success", "failed": "danger", "begun": "info"},
    )
    def outcome(self, run: JobRecord) -> str:
        """In one word."""
        if run.error:
            return "failed"
        return "done" if run.finished_at else "begun"

    @admin.display(description="period from (UTC)")
    def of(self, run: JobRecord) -> str:
        """The period's start."""
        return f"{run.period:%Y-%m-%d %H:%M}"

    @admin.display(description="begun (UTC)")
    def begun(self, run: JobRecord) -> str:
        """When a worker took it."""
        return moment(run.claimed_at)

    @admin.display(description="finished (UTC)")
    def finished(self, run: JobRecord) -> str:
        """When it was done."""
        return moment(run.finished_at)
