"""How a tenant's work is given out, over HTTP."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.agents import selectors, services
from apps.agents.api import serializers as wire
from apps.agents.api.views.common import LeadersWrite
from apps.tenants.authentication import tenant_of
from apps.tenants.forms import read_form
from apps.tenants.views import ApiView


class PolicyView(ApiView):
    """The tenant's policy."""

    permission_classes = (LeadersWrite,)

    @extend_schema(responses=wire.PolicyOut, summary="The rules of matching")
    def get(self, request: Request) -> Response:
        """The defaults where none was made."""
        return Response(wire.policy_out(selectors.policy_of(tenant_of(request).pk)))

    @extend_schema(
        request=wire.PolicyIn, responses=wire.PolicyOut, summary="Change rules of matching"
    )
    def patch(self, request: Request) -> Response:
        """The policy as it is now."""
        changes = read_form(wire.PolicyIn, request.data)
        return Response(wire.policy_out(services.change_policy(tenant_of(request).pk, changes)))


class ScheduleListView(ApiView):
    """The tenant's hours."""

    permission_classes = (LeadersWrite,)

    @extend_schema(responses=wire.SchedulesOut, summary="Schedules by name")
    def get(self, request: Request) -> Response:
        """All of them."""
        rows = selectors.schedules(tenant_of(request).pk)
        return Response({"results": [wire.schedule_out(row) for row in rows]})

    @extend_schema(
        request=wire.ScheduleIn, responses=wire.ScheduleOut, summary="Set a schedule, by name"
    )
    def put(self, request: Request) -> Response:
        """The schedule as it is now; its hours and exceptions are those of the body."""
        terms = services.ScheduleTerms(**read_form(wire.ScheduleIn, request.data))
        return Response(wire.schedule_out(services.set_schedule(tenant_of(request).pk, terms)))
