"""Lag and parked keys over HTTP."""

from dataclasses import asdict

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.events import selectors, services
from apps.events.api.serializers import LagOut, ParkedOut, ResumptionOut
from apps.events.exceptions import NotParked
from apps.events.models import ParkedKey
from apps.tenants.authentication import tenant_of
from apps.tenants.permissions import OperationsWrites
from apps.tenants.views import POST, ApiView

PARKED_SHOWN = 500


class LagView(ApiView):
    """How far every handler is behind."""

    @extend_schema(responses=LagOut(many=True), summary="Lag of every handler and partition")
    def get(self, request: Request) -> Response:
        """Only places that hold events, or stand still: idle ones say nothing."""
        behind = [
            asdict(lag) | {"events": lag.events, "error": lag.fault}
            for lag in selectors.lags()
            if lag.head or lag.state != "running"
        ]
        return Response({"results": behind})


class ParkedView(ApiView):
    """Keys that a handler cannot get past."""

    @extend_schema(responses=ParkedOut(many=True), summary="Parked keys of this tenant")
    def get(self, request: Request) -> Response:
        """Newest first."""
        rows = ParkedKey.objects.for_tenant(tenant_of(request)).order_by("-pk")[:PARKED_SHOWN]
        return Response({"results": ParkedOut(rows, many=True).data})


class ResumptionView(ApiView):
    """Let a parked key go on."""

    permission_classes = (OperationsWrites,)
    bodiless = POST

    @extend_schema(request=None, responses=ResumptionOut, summary="Replay a parked key in order")
    def post(self, request: Request, parked_id: int) -> Response:
        """409 with the error where an event fails again."""
        parked = ParkedKey.objects.for_tenant(tenant_of(request)).filter(pk=parked_id).first()
        if parked is None:
            raise NotParked(id=parked_id)
        count = services.resume(parked.handler, parked.topic, parked.partition, parked.key)
        return Response({"key": parked.key, "replayed": count})
