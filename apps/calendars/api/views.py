"""Calendars over HTTP: parse, one call, render."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final
from uuid import UUID

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.calendars import selectors, services
from apps.calendars.api import serializers as wire
from apps.calendars.calendar import AssetClass, Terms, calendar_named, pair_of
from apps.core.exceptions import fault
from apps.core.problems import Malformed
from apps.tenants.authentication import caller_of, tenant_of
from apps.tenants.forms import read_form
from apps.tenants.pagination import refuse_unknown
from apps.tenants.permissions import OperationsWrites

YEARS: Final = range(1970, 2200)
DATING: Final = ("market", "pair", "asset_class", "days", "trade_date", "at")


class CalendarListView(APIView):
    """The settlement calendars."""

    @extend_schema(
        responses=wire.CalendarListOut,
        operation_id="v1_calendars_list",
        summary="Settlement calendars; any currency of ISO 4217 has one besides, by its code",
    )
    def get(self, request: Request) -> Response:
        """All of them."""
        _only(request)
        rows = [wire.calendar_out(one) for one in selectors.calendars_of()]
        return Response({"results": rows, "next": None})


class CalendarView(APIView):
    """One calendar."""

    @extend_schema(
        parameters=[OpenApiParameter("from", date), OpenApiParameter("to", date)],
        responses=wire.OutlookOut,
        summary="A calendar: is it open, until when, and which days are; two weeks unless asked",
    )
    def get(self, request: Request, name: str) -> Response:
        """With the tenant's own exceptions in view."""
        _only(request, "from", "to")
        span = _date(request.query_params, "from"), _date(request.query_params, "to")
        found = selectors.outlook(tenant_of(request).pk, name, span, timezone.now())
        return Response(wire.outlook_out(found))


class DatingView(APIView):
    """The settlement date of a trade."""

    @extend_schema(
        parameters=[
            OpenApiParameter("market", str, description="A calendar; or `pair`."),
            OpenApiParameter("pair", str, description="Two currencies, such as EUR/USD."),
            OpenApiParameter("asset_class", str, enum=wire.CLASSES[:2]),
            OpenApiParameter("days", int, description="T+n; without it the market's cycle."),
            OpenApiParameter(
                "trade_date", date, description="Without it the business day of `at`."
            ),
            OpenApiParameter("at", datetime, description="When it is asked for; without it now."),
        ],
        responses=wire.DatingOut,
        operation_id="v1_settlement_dates_retrieve",
        summary="On which day a trade of a market or a currency pair is settled, and its window",
    )
    def get(self, request: Request) -> Response:
        """The date; 422 beyond the calendar's end."""
        _only(request, *DATING)
        given = request.query_params
        found = selectors.dating(
            tenant_of(request).pk, _terms(given), _date(given, "trade_date"), _moment(given, "at")
        )
        return Response(wire.dating_out(found))


class ExceptionListView(APIView):
    """Days closed or opened out of turn."""

    permission_classes = (OperationsWrites,)

    @extend_schema(
        parameters=[OpenApiParameter("calendar", str), OpenApiParameter("since", date)],
        responses=wire.ExceptionListOut,
        operation_id="v1_calendar_exceptions_list",
        summary="Days that are closed or open against the calendar",
    )
    def get(self, request: Request) -> Response:
        """By day; withdrawn ones are left out."""
        _only(request, "calendar", "since")
        given = request.query_params
        code = calendar_named(given["calendar"]).code if given.get("calendar") else None
        rows = selectors.exceptions_of(
            tenant_of(request).pk, calendar=code, since=_date(given, "since")
        )
        return Response({"results": wire.ExceptionOut(rows, many=True).data, "next": None})

    @extend_schema(
        request=wire.DayIn,
        responses={200: wire.ExceptionOut, 201: wire.ExceptionOut},
        summary="Close a day, or open one; open settlements are dated anew, with a record",
    )
    def post(self, request: Request) -> Response:
        """201; 200 where it was decided so before."""
        given = read_form(wire.DayIn, request.data)
        decide = services.open_day if given.pop("state") == "open" else services.close_day
        row, is_new = decide(tenant_of(request).pk, actor=caller_of(request).client, **given)
        return Response(wire.ExceptionOut(row).data, status=201 if is_new else 200)


class WithdrawalView(APIView):
    """An exception that holds no more."""

    permission_classes = (OperationsWrites,)

    @extend_schema(
        request=wire.WithdrawalIn, responses={204: None}, summary="Let the calendar hold again"
    )
    def post(self, request: Request, exception: UUID) -> Response:
        """204, again as well; the exception stays on record."""
        reason = read_form(wire.WithdrawalIn, request.data)["reason"]
        services.withdraw_exception(
            tenant_of(request).pk, exception, reason=reason, actor=caller_of(request).client
        )
        return Response(status=204)


class RuleListView(APIView):
    """A tenant's own cycles and cut-offs."""

    permission_classes = (OperationsWrites,)

    @extend_schema(
        responses=wire.RuleListOut,
        operation_id="v1_market_rules_list",
        summary="Cycles and cut-offs, by the day from which they hold",
    )
    def get(self, request: Request) -> Response:
        """All of them."""
        _only(request)
        rows = selectors.rules_of(tenant_of(request).pk)
        return Response({"results": wire.RuleOut(rows, many=True).data, "next": None})

    @extend_schema(
        request=wire.RuleIn,
        responses={201: wire.RuleOut},
        summary="Set a cycle, a cut-off or both from a day on",
    )
    def post(self, request: Request) -> Response:
        """A rule of the same day is replaced."""
        given = read_form(wire.RuleIn, request.data)
        stated = given.pop("reason"), caller_of(request).client
        row = services.set_rule(tenant_of(request).pk, stated=stated, **given)
        return Response(wire.RuleOut(row).data, status=201)


def _only(request: Request, *names: str) -> None:
    """Raises `Malformed` on a parameter that means nothing here."""
    if faults := refuse_unknown(request, {"format", *names}):
        raise Malformed(errors=faults)


def _terms(given: Mapping[str, str]) -> Terms:
    """Raises Malformed and UnknownCalendar."""
    market, pair = given.get("market", ""), given.get("pair", "")
    if bool(market) == bool(pair):
        raise _malformed("market", "Either a market, or a pair of currencies.")
    text = given.get("days", "")
    if text and not (text.isascii() and text.isdigit() and int(text[:4]) <= services.DAYS_MAX):
        raise _malformed("days", f"A number from 0 to {services.DAYS_MAX}.")
    days = int(text) if text else None
    if pair:
        return Terms(AssetClass.FX, calendar_named("USD"), pair_of(pair), days)
    name = given.get("asset_class") or AssetClass.SECURITY.value
    if name not in wire.CLASSES[:2]:
        raise _malformed("asset_class", f"One of {', '.join(wire.CLASSES[:2])}.")
    return Terms(AssetClass(name), calendar_named(market), None, days)


def _date(given: Mapping[str, str], name: str) -> date | None:
    if not given.get(name):
        return None
    try:
        found = date.fromisoformat(given[name])
    except ValueError:
        raise _malformed(name, "A date, such as 2026-03-09.") from None
    if found.year not in YEARS:
        raise _malformed(name, f"A day of {YEARS.start} to {YEARS.stop - 1}.")
    return found


def _moment(given: Mapping[str, str], name: str) -> datetime:
    if not given.get(name):
        return timezone.now()
    try:
        # A "+" that was not escaped in an address arrives as a space.
        found = parse_datetime(given[name].strip().replace(" ", "+"))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or found.year not in YEARS:
        raise _malformed(name, "A time with its zone, such as 2026-03-09T14:00:00Z.")
    return found


def _malformed(field: str, detail: str) -> Malformed:
    return Malformed(errors=[fault(field, "invalid", detail)])
