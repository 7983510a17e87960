"""Positions over HTTP."""

from datetime import UTC, datetime
from typing import Final

from django.utils.dateparse import parse_datetime
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.exceptions import fault
from apps.core.problems import Malformed
from apps.tenants.authentication import tenant_of
from apps.tenants.pagination import refuse_unknown
from apps.trading import selectors
from apps.trading.api import documented as doc
from apps.trading.api import serializers as wire

TIMES: Final = {"as_of": "effective", "known_at": "known"}


def _times(request: Request) -> dict[str, datetime]:
    """The times that are asked for. Raises `Malformed`: a misread one would answer another day."""
    if faults := refuse_unknown(request, {"format", *TIMES}):
        raise Malformed(errors=faults)
    found: dict[str, datetime] = {}
    for name, meaning in TIMES.items():
        if name in request.query_params:
            found[meaning] = _time(name, request.query_params[name])
    return found


def _time(name: str, text: str) -> datetime:
    try:
        # A "+" that was not escaped in an address arrives as a space.
        found = parse_datetime(text.strip().replace(" ", "+"))
    except ValueError:
        found = None
    if found is None:
        detail = "A time in ISO 8601, such as 2026-11-23T09:30:00Z."
        raise Malformed(errors=[fault(name, "invalid_time", detail)])
    return found if found.tzinfo else found.replace(tzinfo=UTC)


class PositionListView(APIView):
    """The positions of an account."""

    @extend_schema(
        parameters=doc.TWO_TIMES,
        responses={200: wire.PositionsOut, **doc.problems(400, 404)},
        operation_id="v1_accounts_positions_list",
        summary="All positions of an account (id or number)",
    )
    def get(self, request: Request, name: str) -> Response:
        """By symbol; flat ones, too, for what was earned on them."""
        times, tenant = _times(request), tenant_of(request).pk
        if times:
            found = selectors.positions_as_of(tenant, name, **times)
        else:
            found = selectors.positions_of(tenant, name)
        return Response(wire.positions_out(found))


class PositionView(APIView):
    """One position."""

    @extend_schema(
        parameters=doc.TWO_TIMES,
        responses={200: wire.PositionOut, **doc.problems(400, 404)},
        summary="An account's position in one instrument (id or symbol)",
    )
    def get(self, request: Request, name: str, symbol: str) -> Response:
        """The position."""
        times, tenant = _times(request), tenant_of(request).pk
        if times:
            found = selectors.position_as_of(tenant, name, symbol, **times)
        else:
            found = selectors.position_of(tenant, name, symbol)
        return Response(wire.position_out(found))
