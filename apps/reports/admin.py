"""The back office's window on schedules of reports and their files; the page itself is `/reports/`."""

from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from apps.core.exceptions import DomainError
from apps.reports import selectors, services
from apps.reports.models import FileState, ReportFile, Schedule
from apps.tenants.admin import ReadOnlyAdmin


@admin.register(Schedule)
class ScheduleAdmin(ReadOnlyAdmin):
    """Schedules: seen, paused and resumed here; made on the page and over the API."""

    list_display = ("name", "report", "every", "zone", "at", "state", "next_at", "tenant")
    list_filter = ("tenant", "state", "report")
    list_select_related = ("tenant",)
    ordering = ("tenant", "name")
    search_fields = ("=name",)
    fields = (
        ("name", "tenant", "state"),
        ("report", "parameters"),
        ("every", "zone", "at"),
        ("keep_days", "next_at"),
        ("created_by", "created_at"),
    )
    actions = ("pause", "resume")

    def has_turn_permission(self, request: HttpRequest) -> bool:
        """Whoever may change schedules."""
        return bool(request.user.has_perm("reports.change_schedule"))

    @admin.action(description="Pause: make no more files", permissions=["turn"])
    def pause(self, request: HttpRequest, queryset: QuerySet[Schedule]) -> None:
        """Until they are resumed."""
        for row in queryset:
            services.pause(row.tenant_id, row.pk)
        messages.success(request, "Paused.")

    @admin.action(description="Resume, from the present period on", permissions=["turn"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Schedule]) -> None:
        """Periods that went by meanwhile have no file."""
        for row in queryset:
            services.resume(row.tenant_id, row.pk)
        messages.success(request, "Resumed.")


@admin.register(ReportFile)
class ReportFileAdmin(ReadOnlyAdmin):
    """Files: what was made, what could not be, and another try."""

    list_display = ("report", "period_start", "state", "rows", "size", "made_at", "error", "tenant")
    list_filter = ("tenant", "state", "report")
    list_select_related = ("tenant",)
    ordering = ("-id",)
    fields = (
        ("report", "schedule", "tenant"),
        ("period_start", "period_end", "parameters"),
        ("state", "attempts", "retry_at"),
        "error",
        ("rows", "size", "sha256"),
        ("made_at", "expires_at"),
        "content",
    )
    readonly_fields = ("content",)
    actions = ("again",)

    @admin.display(description="File")
    def content(self, row: ReportFile) -> str:
        """To be downloaded here, by whoever may see it here."""
        if row.state != FileState.READY:
            return "–"
        return format_html(
            '<a href="{}">{}</a>',
            reverse("admin:reports_reportfile_content", args=[row.pk]),
            row.name,
        )

    def get_urls(self) -> list[URLPattern]:
        """Those of every table, and the files' own."""
        view = self.admin_site.admin_view(self.download)
        return [
            path("<uuid:pk>/content", view, name="reports_reportfile_content"),
            *super().get_urls(),
        ]

    def download(self, request: HttpRequest, pk: UUID) -> HttpResponseBase:
        """The file; 404 where it is not there (any more)."""
        row = ReportFile.objects.filter(pk=pk).first()
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        if row is None or row.state != FileState.READY:
            raise Http404
        headers = {
            "Content-Disposition": f'attachment; filename="{row.name}"',
            "Content-Length": str(row.size),
        }
        content = selectors.content_of(row)
        return StreamingHttpResponse(content, content_type="text/csv", headers=headers)

    def has_again_permission(self, request: HttpRequest) -> bool:
        """Whoever may change files."""
        return bool(request.user.has_perm("reports.change_reportfile"))

    @admin.action(description="Try again", permissions=["again"])
    def again(self, request: HttpRequest, queryset: QuerySet[ReportFile]) -> None:
        """Those that could not be made."""
        for row in queryset:
            try:
                services.make_again(row.tenant_id, row.pk)
            except DomainError as error:
                messages.error(request, f"{row}: {error}")
            else:
                messages.success(request, f"{row} is tried again within a minute.")
