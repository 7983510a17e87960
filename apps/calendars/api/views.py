"""Calendars over HTTP: parse, one call, render."""

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.calendars import selectors, services
from apps.calendars.api import serializers as wire
from apps.calendars.calendar import AssetClass, Terms, calendar_named, pair_of
from apps.tenants.authentication import caller_of, tenant_of
from apps.tenants.forms import read_form
from apps.tenants.permissions import OperationsWrites
from apps.tenants.views import ApiView


class CalendarListView(ApiView):
    """The settlement calendars."""

    @extend_schema(
        responses=wire.CalendarListOut,
        operation_id="v1_calendars_list",
        summary="Settlement calendars; any currency of ISO 4217 has one besides, by its code",
    )
    def get(self, request: Request) -> Response:
        """All of them."""
        rows = [wire.calendar_out(one) for one in selectors.calendars_of()]
        return Response({"results": rows, "next": None})


class CalendarView(ApiView):
    """One calendar."""

    query = wire.CalendarQuery

    @extend_schema(
        responses=wire.OutlookOut,
        summary="A calendar: is it open, until when, and which days are; two weeks unless asked",
    )
    def get(self, request: Request, name: str) -> Response:
        """With the tenant's own exceptions in view."""
        span = self.asked.get("from"), self.asked.get("to")
        found = selectors.outlook(tenant_of(request).pk, name, span, timezone.now())
        return Response(wire.outlook_out(found))


class DatingView(ApiView):
    """The settlement date of a trade."""

    query = wire.DatingQuery

    @extend_schema(
        responses=wire.DatingOut,
        operation_id="v1_settlement_dates_retrieve",
        summary="On which day a trade of a market or a currency pair is settled, and its window",
    )
    def get(self, request: Request) -> Response:
        """The date; 422 beyond the calendar's end."""
        asked, tenant = self.asked, tenant_of(request).pk
        at = asked.get("at") or timezone.now()
        found = selectors.dating(tenant, _terms(asked), asked.get("trade_date"), at)
        return Response(wire.dating_out(found))


class ExceptionListView(ApiView):
    """Days closed or opened out of turn."""

    permission_classes = (OperationsWrites,)
    query = wire.ExceptionsQuery

    @extend_schema(
        responses=wire.ExceptionListOut,
        operation_id="v1_calendar_exceptions_list",
        summary="Days that are closed or open against the calendar",
    )
    def get(self, request: Request) -> Response:
        """By day; withdrawn ones are left out."""
        name, since = self.asked.get("calendar"), self.asked.get("since")
        code = calendar_named(name).code if name else None
        rows = selectors.exceptions_of(tenant_of(request).pk, calendar=code, since=since)
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


class WithdrawalView(ApiView):
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


class RuleListView(ApiView):
    """A tenant's own cycles and cut-offs."""

    permission_classes = (OperationsWrites,)

    @extend_schema(
        responses=wire.RuleListOut,
        operation_id="v1_market_rules_list",
        summary="Cycles and cut-offs, by the day from which they hold",
    )
    def get(self, request: Request) -> Response:
        """All of them."""
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


def _terms(asked: dict[str, Any]) -> Terms:
    """Raises UnknownCalendar."""
    days = asked.get("days")
    if "pair" in asked:
        return Terms(AssetClass.FX, calendar_named("USD"), pair_of(asked["pair"]), days)
    calendar = calendar_named(asked["market"])
    return Terms(AssetClass(asked["asset_class"]), calendar, None, days)
