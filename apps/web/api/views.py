"""The board over HTTP, and tickets for its socket."""

from typing import ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.sockets import tickets
from apps.tenants.authentication import caller_of, tenant_of
from apps.tenants.models import Role
from apps.tenants.permissions import IsMember
from apps.tenants.views import POST, ApiView
from apps.web.api.serializers import BoardOut, TicketOut
from apps.web.snapshots import snapshot


class MayWatch(IsMember):
    """Every member: a ticket is asked for with POST, but only opens a window."""

    writers: ClassVar[frozenset[str]] = frozenset(Role.values)


class BoardView(ApiView):
    """The board, for whoever cannot hold a socket open."""

    @extend_schema(responses=BoardOut, summary="The operations board")
    def get(self, request: Request) -> HttpResponse:
        """The same object that the socket sends every second."""
        response = HttpResponse(snapshot(tenant_of(request)), content_type="application/json")
        response["Cache-Control"] = "no-store"
        return response


class TicketView(ApiView):
    """A ticket opens the board's socket once, within 30 seconds."""

    permission_classes = (MayWatch,)
    bodiless = POST

    @extend_schema(
        request=None,
        responses={201: TicketOut},
        summary="A ticket for the board's socket",
    )
    def post(self, request: Request) -> Response:
        """503 while Redis does not answer: poll the board meanwhile."""
        caller = caller_of(request)
        claim = tickets.Claim(tickets.BOARD, caller.tenant.pk, caller.client)
        return Response(TicketOut(tickets.issue(claim)).data, status=201)
