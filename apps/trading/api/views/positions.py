"""Positions over HTTP."""

from datetime import datetime
from typing import Final

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.tenants.authentication import tenant_of
from apps.tenants.views import ApiView
from apps.trading import selectors
from apps.trading.api import documented as doc
from apps.trading.api import serializers as wire

TIMES: Final = {"as_of": "effective", "known_at": "known"}


def _times(asked: dict[str, datetime]) -> dict[str, datetime]:
    """The times that are asked for, by the selectors' names."""
    return {TIMES[name]: at for name, at in asked.items()}


class PositionListView(ApiView):
    """The positions of an account."""

    query = wire.TimesQuery

    @extend_schema(
        responses={200: wire.PositionsOut, **doc.problems(400, 404)},
        operation_id="v1_accounts_positions_list",
        summary="All positions of an account (id or number)",
    )
    def get(self, request: Request, name: str) -> Response:
        """By symbol; flat ones, too, for what was earned on them."""
        times, tenant = _times(self.asked), tenant_of(request).pk
        if times:
            found = selectors.positions_as_of(tenant, name, **times)
        else:
            found = selectors.positions_of(tenant, name)
        return Response(wire.positions_out(found))


class PositionView(ApiView):
    """One position."""

    query = wire.TimesQuery

    @extend_schema(
        responses={200: wire.PositionOut, **doc.problems(400, 404)},
        summary="An account's position in one instrument (id or symbol)",
    )
    def get(self, request: Request, name: str, symbol: str) -> Response:
        """The position."""
        times, tenant = _times(self.asked), tenant_of(request).pk
        if times:
            found = selectors.position_as_of(tenant, name, symbol, **times)
        else:
            found = selectors.position_of(tenant, name, symbol)
        return Response(wire.position_out(found))
