"""Positions over HTTP."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.core.problems import Malformed
from apps.tenants.authentication import tenant_of
from apps.tenants.pagination import refuse_unknown
from apps.trading import selectors
from apps.trading.api import documented as doc
from apps.trading.api import serializers as wire


def _refuse_parameters(request: Request) -> None:
    """Positions are as of now: a time that is ignored would be answered with the wrong day."""
    if faults := refuse_unknown(request, {"format"}):
        raise Malformed(errors=faults)


class PositionListView(APIView):
    """The positions of an account."""

    @extend_schema(
        responses={200: wire.PositionsOut, **doc.problems(400, 404)},
        operation_id="v1_accounts_positions_list",
        summary="All positions of an account (id or number)",
    )
    def get(self, request: Request, name: str) -> Response:
        """By symbol; flat ones, too, for what was earned on them."""
        _refuse_parameters(request)
        found = selectors.positions_of(tenant_of(request).pk, name)
        return Response(wire.positions_out(found))


class PositionView(APIView):
    """One position."""

    @extend_schema(
        responses={200: wire.PositionOut, **doc.problems(400, 404)},
        summary="An account's position in one instrument (id or symbol)",
    )
    def get(self, request: Request, name: str, symbol: str) -> Response:
        """The position."""
        _refuse_parameters(request)
        found = selectors.position_of(tenant_of(request).pk, name, symbol)
        return Response(wire.position_out(found))
