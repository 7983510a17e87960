"""Language understanding over HTTP: parse, one call, render."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.nlu import selectors, services
from apps.nlu.api import serializers as wire
from apps.tenants.authentication import tenant_of
from apps.tenants.forms import read_form
from apps.tenants.models import Role
from apps.tenants.permissions import EVERYWHERE, AdminWrites, IsMember
from apps.tenants.views import ApiView


class MayAsk(IsMember):
    """Whoever talks to customers, or runs the platform: a question may cost money at a provider."""

    writers = EVERYWHERE | {Role.SUPERVISOR, Role.AGENT, Role.OPERATIONS}


class InterpretationsView(ApiView):
    """What a text means."""

    permission_classes = (MayAsk,)

    @extend_schema(
        request=wire.InterpretationIn,
        responses=wire.InterpretationOut,
        summary="What a text means: intent, confidence, entities",
        operation_id="nlu_interpret",
    )
    def post(self, request: Request) -> Response:
        """Always an answer, within two seconds."""
        asked = read_form(wire.InterpretationIn, request.data)
        found = services.interpret(tenant_of(request).pk, asked["text"], language=asked["language"])
        return Response(wire.interpretation_out(found))


class UsageView(ApiView):
    """How the tenant's providers are used."""

    permission_classes = (AdminWrites,)

    @extend_schema(
        responses=wire.UsageWire,
        summary="How providers are used: who first, race, hedges, cache, threshold",
        operation_id="nlu_usage",
    )
    def get(self, request: Request) -> Response:
        """The terms of use; the defaults where nothing was decided."""
        return Response(wire.UsageWire(selectors.usage_of(tenant_of(request).pk)).data)

    @extend_schema(
        request=wire.UsageWire(partial=True),
        responses=wire.UsageWire,
        summary="Change how providers are used",
        operation_id="nlu_change_usage",
    )
    def put(self, request: Request) -> Response:
        """Felt within five seconds by every process."""
        changes = read_form(wire.UsageWire, request.data, partial=True)
        found = services.change_usage(tenant_of(request).pk, changes)
        return Response(wire.UsageWire(found).data)


class FiguresView(ApiView):
    """What became of the tenant's questions."""

    query = wire.FiguresQuery

    @extend_schema(
        responses=wire.FiguresOut,
        summary="Providers over the last hour or day: latency, outcomes, breakers, cost; newest turns",
        operation_id="nlu_figures",
    )
    def get(self, request: Request) -> Response:
        """The figures, and the newest turns without what was written."""
        window, provider = selectors.Window(self.asked["window"]), self.asked["provider"]
        found = selectors.figures(tenant_of(request).pk, window, provider=provider)
        return Response(wire.figures_out(found))
