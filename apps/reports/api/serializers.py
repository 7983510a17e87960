"""What reports take and show over HTTP. Amounts are strings; times ISO 8601, UTC."""

from typing import Any, cast

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from apps.reports.models import FileState, ReportFile, Schedule, ScheduleState
from apps.reports.periods import Every
from apps.reports.registry import Ask, Column, Kind, Parameter, Report, report_of
from apps.reports.services.schedules import MORNING
from apps.tenants.pagination import PAGE_DEFAULT, PAGE_MAX

Field = serializers.Field[Any, Any, Any, Any]
TEXTS = {Kind.TEXT, Kind.AMOUNT, Kind.SHARE}
ASKED = {
    Ask.SINCE: OpenApiTypes.DATETIME,
    Ask.UNTIL: OpenApiTypes.DATETIME,
    Ask.MOMENT: OpenApiTypes.DATETIME,
    Ask.DAY: OpenApiTypes.DATE,
    Ask.FIRST_DAY: OpenApiTypes.DATE,
    Ask.LAST_DAY: OpenApiTypes.DATE,
}


def row_of(report: Report) -> type[serializers.Serializer[Any]]:
    """The serializer that documents a row."""
    fields = {column.name: _field(column) for column in report.columns}
    name = "".join(part.title() for part in report.name.split("-"))
    made = type(f"{name}RowOut", (serializers.Serializer,), {"__doc__": report.about, **fields})
    return cast("type[serializers.Serializer[Any]]", made)


def answer_of(report: Report) -> type[serializers.Serializer[Any]]:
    """The serializer that documents an answer."""
    name = "".join(part.title() for part in report.name.split("-"))
    made = type(
        f"{name}ReportOut",
        (serializers.Serializer,),
        {
            "__doc__": report.about,
            "report": serializers.CharField(),
            "parameters": serializers.DictField(
                child=serializers.CharField(), help_text="As they were read."
            ),
            "asked_at": serializers.DateTimeField(),
            "results": row_of(report)(many=True),
            "next": serializers.CharField(
                allow_null=True, help_text="The `after` of the next page; null: these are all."
            ),
        },
    )
    return cast("type[serializers.Serializer[Any]]", made)


def query_of(report: Report) -> list[OpenApiParameter]:
    """What may be asked, for the documentation."""
    found = [_query(one) for one in report.parameters]
    if report.is_paged:
        limit = {"type": "integer", "minimum": 1, "maximum": PAGE_MAX, "default": PAGE_DEFAULT}
        found += [
            OpenApiParameter(
                "after", OpenApiTypes.STR, description="The `next` of the page before."
            ),
            OpenApiParameter("limit", limit, description="How many at most; a CSV has all."),
        ]
    return found


def _query(one: Parameter) -> OpenApiParameter:
    return OpenApiParameter(
        one.name,
        ASKED.get(one.ask, OpenApiTypes.STR),
        description=one.about or one.title,
        required=one.is_required,
        enum=[choice for choice in one.choices if choice] or None,
    )


def _field(column: Column) -> Field:
    said: dict[str, Any] = {
        "help_text": column.about,
        "allow_null": column.kind not in {Kind.TEXT, Kind.COUNT},
    }
    if column.kind is Kind.COUNT:
        return serializers.IntegerField(**{**said, "allow_null": True})
    if column.kind is Kind.TIME:
        return serializers.DateTimeField(**said)
    if column.kind is Kind.DAY:
        return serializers.DateField(**said)
    if column.kind is Kind.FLAG:
        return serializers.BooleanField(**said)
    return serializers.CharField(**said)


class ColumnOut(serializers.Serializer[Any]):
    """A column of a report."""

    name = serializers.CharField()
    title = serializers.CharField()
    kind = serializers.ChoiceField([one.value for one in Kind])
    about = serializers.CharField()


class ParameterOut(serializers.Serializer[Any]):
    """Something that may be asked."""

    name = serializers.CharField()
    title = serializers.CharField()
    ask = serializers.ChoiceField([one.value for one in Ask])
    choices = serializers.ListField(child=serializers.CharField(allow_blank=True))
    is_required = serializers.BooleanField()
    about = serializers.CharField()


class ChartOut(serializers.Serializer[Any]):
    """How a report is drawn: `y` over `x`, a picture for each value of `split`."""

    shape = serializers.ChoiceField(["bars", "line"])
    x = serializers.ListField(child=serializers.CharField())
    y = serializers.ListField(child=serializers.CharField())
    split = serializers.CharField()


class ReportOut(serializers.Serializer[Any]):
    """A report: what it tells and what may be asked."""

    name = serializers.CharField()
    title = serializers.CharField()
    group = serializers.CharField()
    about = serializers.CharField()
    columns = ColumnOut(many=True)
    parameters = ParameterOut(many=True)
    chart = ChartOut(allow_null=True)
    is_paged = serializers.BooleanField()


class ReportsOut(serializers.Serializer[Any]):
    """Every report."""

    results = ReportOut(many=True)


class ReportScheduleIn(serializers.Serializer[Any]):
    """A report that is to be made into a file once a period."""

    name = serializers.CharField(max_length=100)
    report = serializers.CharField(max_length=100)
    parameters = serializers.DictField(
        child=serializers.CharField(max_length=200), required=False, default=dict,
        help_text="Without times: the period says them.",
    )  # fmt: skip
    every = serializers.ChoiceField([one.value for one in Every])
    zone = serializers.CharField(
        max_length=64, required=False, default="UTC", help_text="An IANA zone: whose days they are."
    )
    at = serializers.TimeField(
        required=False, default=MORNING,
        help_text="Of days: when the file is made on the day after, there.",
    )  # fmt: skip
    keep_days = serializers.IntegerField(required=False, default=400, min_value=1, max_value=3_700)


class ReportScheduleOut(serializers.ModelSerializer[Schedule]):
    """A schedule."""

    class Meta:
        model = Schedule
        fields = (
            "id", "name", "report", "parameters", "every", "zone", "at", "keep_days", "state",
            "next_at", "created_by", "created_at",
        )  # fmt: skip


class ReportScheduleStateIn(serializers.Serializer[Any]):
    """Whether files are made."""

    state = serializers.ChoiceField(ScheduleState.choices)


class ReportSchedulePageOut(serializers.Serializer[Any]):
    """A page of schedules."""

    results = ReportScheduleOut(many=True)
    next = serializers.CharField(allow_null=True)


class ReportFileOut(serializers.ModelSerializer[ReportFile]):
    """A file of a period."""

    schedule = serializers.UUIDField(source="schedule_id")
    schedule_name = serializers.CharField(source="schedule.name")
    title = serializers.SerializerMethodField()
    name = serializers.CharField()
    state = serializers.ChoiceField([one.value for one in FileState])

    class Meta:
        model = ReportFile
        fields = (
            "id", "schedule", "schedule_name", "report", "title", "name", "parameters",
            "period_start", "period_end", "state", "attempts", "retry_at", "error", "rows", "size",
            "sha256", "made_at", "expires_at",
        )  # fmt: skip

    def get_title(self, row: ReportFile) -> str:
        """The report's, for people."""
        return report_of(row.report).title


class ReportFilePageOut(serializers.Serializer[Any]):
    """A page of files."""

    results = ReportFileOut(many=True)
    next = serializers.CharField(allow_null=True)
