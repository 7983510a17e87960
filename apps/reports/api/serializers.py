"""What reports take and show over HTTP. Amounts are strings; times ISO 8601, UTC."""

from typing import Any, cast

from drf_spectacular.drainage import set_override
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers

from apps.reports import selectors
from apps.reports.models import FileState, ReportFile, Schedule, ScheduleState
from apps.reports.parameters import LENGTH_MAX
from apps.reports.periods import Every
from apps.reports.registry import Ask, Column, Kind, Parameter, Report, report_of
from apps.reports.services.schedules import MORNING
from apps.tenants.forms import Cursor, NameCursor, NameField, PageQuery, Query, StrictForm

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


class SchedulesQuery(PageQuery):
    """Which schedules."""

    after = Cursor()


class FilesQuery(PageQuery):
    """Which files."""

    schedule = serializers.UUIDField(required=False)
    report = serializers.ChoiceField(
        [one.name for one in selectors.reports()], required=False, help_text="Its name."
    )
    state = serializers.ChoiceField(FileState.choices, required=False)


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


def query_of(report: Report) -> type[Query]:
    """The form of what may be asked of a report; times and days stay text, which the heart reads."""
    name = "".join(part.title() for part in report.name.split("-"))
    base = _PagedQuery if report.is_paged else _ReportQuery
    return cast("type[Query]", type(f"{name}ReportQuery", (base,), {"report": report}))


class _ReportQuery(Query):
    """What may be asked of a report."""

    report: Report

    def get_fields(self) -> dict[str, Field]:
        """By what the report declares: names may be words of Python, such as `from`."""
        return {**super().get_fields(), **{one.name: _asked(one) for one in self.report.parameters}}


class _PagedQuery(_ReportQuery, PageQuery):
    """The same, of a report that comes in pages."""

    after = NameCursor()


def _asked(one: Parameter) -> Field:
    said: dict[str, Any] = {"required": one.is_required, "help_text": one.about or one.title}
    if one.ask is Ask.CHOICE:
        return serializers.ChoiceField([choice for choice in one.choices if choice], **said)
    if one.ask in {Ask.ACCOUNT, Ask.INSTRUMENT}:
        return NameField(**said)
    field: Field = serializers.CharField(max_length=LENGTH_MAX, **said)
    set_override(field, "field", ASKED[one.ask])
    return field


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


class ReportScheduleIn(StrictForm):
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


class ReportScheduleStateIn(StrictForm):
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
