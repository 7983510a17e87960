"""Reports over HTTP: `since` and `until` say of which time; the last day where nothing is said."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.agents.api import serializers as wire
from apps.agents.selectors import reports
from apps.core.exceptions import fault
from apps.core.problems import Malformed
from apps.tenants.authentication import tenant_of
from apps.tenants.views import ApiView

LONGEST = timedelta(days=400)


def period_of(asked: Mapping[str, datetime]) -> tuple[datetime, datetime]:
    """The period asked for. Raises `Malformed`."""
    until = asked.get("until") or timezone.now()
    since = asked.get("since") or until - timedelta(days=1)
    if not timedelta() < until - since <= LONGEST:
        detail = f"Until is after since, and at most {LONGEST.days} days later."
        raise Malformed(errors=[fault("until", "out_of_range", detail)])
    return since, until


class AgentsReportView(ApiView):
    """How agents did."""

    query = wire.PeriodQuery

    @extend_schema(responses=wire.AgentsReportOut, summary="Figures by agent")
    def get(self, request: Request) -> Response:
        """By name."""
        rows = reports.by_agent(tenant_of(request).pk, *period_of(self.asked))
        return Response({"results": wire.AgentReportOut(rows, many=True).data})


class SkillsReportView(ApiView):
    """How agents did with each skill."""

    query = wire.PeriodQuery

    @extend_schema(
        responses=wire.SkillsReportOut,
        summary="Figures by agent and skill",
    )
    def get(self, request: Request) -> Response:
        """By name and skill."""
        rows = reports.by_agent_and_skill(tenant_of(request).pk, *period_of(self.asked))
        return Response(wire.SkillsReportOut({"results": rows}).data)


class QueueReportView(ApiView):
    """How the line did."""

    query = wire.PeriodQuery

    @extend_schema(
        responses=wire.QueueReportsOut,
        summary="Figures of waiting, responses, abandonment and service level; in all and by skill",
    )
    def get(self, request: Request) -> Response:
        """Of work that was queued in the period."""
        tenant, period = tenant_of(request).pk, period_of(self.asked)
        skills = wire.QueueReportOut(reports.by_skill(tenant, *period), many=True).data
        total = wire.QueueReportOut(reports.in_all(tenant, *period)).data
        return Response({"total": total, "skills": skills})


class HoursReportView(ApiView):
    """How each hour was."""

    query = wire.PeriodQuery

    @extend_schema(responses=wire.HoursReportOut, summary="Figures by hour")
    def get(self, request: Request) -> Response:
        """Hours are UTC."""
        rows = reports.by_hour(tenant_of(request).pk, *period_of(self.asked))
        return Response({"results": wire.QueueReportOut(rows, many=True).data})
