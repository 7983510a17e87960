"""Reports over HTTP: an address for each, as JSON or CSV; and what there is."""

from dataclasses import asdict
from typing import Any, cast

from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.problems import JsonRenderer, Malformed
from apps.core.sheets import CsvRenderer
from apps.reports import parameters, selectors
from apps.reports.api import serializers as wire
from apps.reports.exceptions import BadParameters
from apps.reports.registry import Asked, Report
from apps.reports.selectors.sheets import csv_of, json_row
from apps.tenants.authentication import tenant_of
from apps.tenants.permissions import BooksRead
from apps.tenants.views import ApiView


class ReportListView(ApiView):
    """What reports there are."""

    permission_classes = (BooksRead,)

    @extend_schema(
        responses=wire.ReportsOut, summary="Every report, with its columns and parameters"
    )
    def get(self, request: Request) -> Response:
        """By group."""
        return Response({"results": [_declared(one) for one in selectors.reports()]})


def _declared(report: Report) -> dict[str, Any]:
    return {
        "name": report.name,
        "title": report.title,
        "group": report.group,
        "about": report.about,
        "columns": [asdict(one) for one in report.columns],
        "parameters": [asdict(one) for one in report.parameters],
        "chart": asdict(report.chart) if report.chart else None,
        "is_paged": report.is_paged,
    }


class ReportView(ApiView):
    """One report; `view_of` makes a class of its own for each, so that each is documented."""

    permission_classes = (BooksRead,)
    renderer_classes = (JsonRenderer, CsvRenderer)
    report: Report

    def handle_exception(self, exc: Exception) -> Response:
        """What the heart calls bad parameters is malformed here, as everywhere."""
        return super().handle_exception(
            Malformed(errors=exc.facts["errors"]) if isinstance(exc, BadParameters) else exc
        )

    def get(self, request: Request) -> HttpResponseBase:
        """A page as JSON, or all of it as CSV."""
        report, tenant, now = self.report, tenant_of(request).pk, timezone.now()
        given = dict(self.asked)
        after, limit = given.pop("after", None), given.pop("limit", 0)
        values = parameters.read(report, given, now)
        if request.accepted_renderer.format == CsvRenderer.format:
            return _file(report, Asked(tenant, values))
        page = selectors.read_page(report, Asked(tenant, values, after, limit))
        return Response(
            {
                "report": report.name,
                "parameters": parameters.written(values),
                "asked_at": now,
                "results": [json_row(report, row) for row in page.rows],
                "next": page.next,
            }
        )


def _file(report: Report, asked: Asked) -> StreamingHttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{report.name}.csv"'}
    return StreamingHttpResponse(csv_of(report, asked), content_type="text/csv", headers=headers)


def view_of(report: Report) -> type[ReportView]:
    """The view of a report."""
    document = extend_schema(
        responses={
            (200, "application/json"): wire.answer_of(report),
            (200, "text/csv"): OpenApiTypes.STR,
        },
        operation_id=f"reports_{report.name.replace('-', '_')}",
        summary=f"{report.title}; format=csv for all of it in a file",
        description=report.about,
    )
    name = "".join(part.title() for part in report.name.split("-"))
    own = {
        "__doc__": report.about,
        "report": report,
        "query": wire.query_of(report),
        "get": document(_own_get()),
    }
    return cast("type[ReportView]", type(f"{name}ReportView", (ReportView,), own))


def _own_get() -> Any:
    """A method of its own for each class: what is documented is written on it."""

    def get(self: ReportView, request: Request) -> HttpResponseBase:
        """A page as JSON, or all of it as CSV."""
        return ReportView.get(self, request)

    return get
