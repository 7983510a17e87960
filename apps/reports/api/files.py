"""Schedules and files over HTTP."""

from uuid import UUID

from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.problems import JsonRenderer
from apps.core.sheets import CsvRenderer
from apps.reports import selectors, services
from apps.reports.api import serializers as wire
from apps.reports.models import ScheduleState
from apps.reports.services import ScheduleTerms
from apps.tenants.authentication import caller_of, tenant_of
from apps.tenants.forms import read_form
from apps.tenants.pagination import page, page_asked
from apps.tenants.permissions import BooksRead
from apps.tenants.views import POST, ApiView


class ScheduleListView(ApiView):
    """The tenant's schedules."""

    permission_classes = (BooksRead,)
    query = wire.SchedulesQuery

    @extend_schema(
        responses=wire.ReportSchedulePageOut,
        operation_id="reports_schedules_list",
        summary="Schedules of reports, by name",
    )
    def get(self, request: Request) -> Response:
        """A page."""
        ask, _ = page_asked(self.asked)
        rows = selectors.schedules(tenant_of(request).pk, after=ask.after, limit=ask.limit + 1)
        return Response(
            page(
                rows,
                ask,
                cursor=lambda row: row.name,
                render=lambda row: wire.ReportScheduleOut(row).data,
            )
        )

    @extend_schema(
        request=wire.ReportScheduleIn,
        responses={201: wire.ReportScheduleOut},
        summary="Have a report made into a file once a day or hour, beginning with the present one",
    )
    def post(self, request: Request) -> Response:
        """201; the same terms under the same name again: 200 with the schedule that there is."""
        caller = caller_of(request)
        terms = ScheduleTerms(**read_form(wire.ReportScheduleIn, request.data))
        row, is_new = services.make_schedule(caller.tenant.pk, terms, by=caller.client)
        return Response(wire.ReportScheduleOut(row).data, status=201 if is_new else 200)


class ScheduleView(ApiView):
    """One schedule."""

    permission_classes = (BooksRead,)

    @extend_schema(responses=wire.ReportScheduleOut, summary="A schedule of reports")
    def get(self, request: Request, schedule_id: UUID) -> Response:
        """404 where this tenant has none of this id."""
        found = selectors.schedule_of(tenant_of(request).pk, schedule_id)
        return Response(wire.ReportScheduleOut(found).data)

    @extend_schema(
        request=wire.ReportScheduleStateIn,
        responses=wire.ReportScheduleOut,
        summary="Pause a schedule, or resume it from the present period on",
    )
    def patch(self, request: Request, schedule_id: UUID) -> Response:
        """Its terms stay: other terms are another schedule."""
        state = read_form(wire.ReportScheduleStateIn, request.data)["state"]
        turn = services.pause if state == ScheduleState.PAUSED else services.resume
        return Response(wire.ReportScheduleOut(turn(tenant_of(request).pk, schedule_id)).data)


class FileListView(ApiView):
    """The tenant's files."""

    permission_classes = (BooksRead,)
    query = wire.FilesQuery

    @extend_schema(
        responses=wire.ReportFilePageOut,
        operation_id="reports_files_list",
        summary="Files that were made of reports, or could not be made; the newest first",
    )
    def get(self, request: Request) -> Response:
        """A page."""
        ask, filters = page_asked(self.asked)
        rows = selectors.files(
            tenant_of(request).pk, before=ask.after, limit=ask.limit + 1, **filters
        )
        return Response(
            page(
                rows,
                ask,
                cursor=lambda row: str(row.pk),
                render=lambda row: wire.ReportFileOut(row).data,
            )
        )


class FileView(ApiView):
    """One file's card."""

    permission_classes = (BooksRead,)

    @extend_schema(responses=wire.ReportFileOut, summary="What was made, of what, and its checksum")
    def get(self, request: Request, file_id: UUID) -> Response:
        """404 where this tenant has none of this id."""
        return Response(wire.ReportFileOut(selectors.file_of(tenant_of(request).pk, file_id)).data)


class FileContentView(ApiView):
    """A file's bytes."""

    permission_classes = (BooksRead,)
    renderer_classes = (CsvRenderer, JsonRenderer)

    @extend_schema(
        responses={(200, "text/csv"): OpenApiTypes.BINARY},
        summary="The file; `ETag` is the SHA-256 of its bytes",
    )
    def get(self, request: Request, file_id: UUID) -> HttpResponseBase:
        """409 where it is not there (yet, or any more)."""
        found = selectors.file_of(tenant_of(request).pk, file_id)
        headers = {
            "Content-Disposition": f'attachment; filename="{found.name}"',
            "Content-Length": str(found.size),
            "ETag": f'"{found.sha256}"',
        }
        content = selectors.content_of(found)
        return StreamingHttpResponse(content, content_type="text/csv", headers=headers)


class FileRetryView(ApiView):
    """Another try."""

    permission_classes = (BooksRead,)
    bodiless = POST

    @extend_schema(
        request=None, responses=wire.ReportFileOut, summary="Have a failed file tried again"
    )
    def post(self, request: Request, file_id: UUID) -> Response:
        """The clock does so within a minute."""
        found = services.make_again(tenant_of(request).pk, file_id)
        return Response(wire.ReportFileOut(found).data)
