"""Agents, their statuses and teams over HTTP."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.agents import selectors, services
from apps.agents.api import serializers as wire
from apps.agents.api.views.common import AgentsWrite, LeadersWrite, agent_for
from apps.tenants.authentication import caller_of, tenant_of
from apps.tenants.forms import LimitQuery, read_form
from apps.tenants.pagination import page, page_asked
from apps.tenants.views import ApiView


class AgentListView(ApiView):
    """The tenant's agents."""

    permission_classes = (LeadersWrite,)
    query = wire.AgentsQuery

    @extend_schema(responses=wire.AgentPageOut, operation_id="v1_agents_list", summary="Agents")
    def get(self, request: Request) -> Response:
        """A page, the oldest first; `status` and `team` filter."""
        ask, filters = page_asked(self.asked)
        rows = selectors.agents(
            tenant_of(request).pk, after=ask.after, limit=ask.limit + 1, **filters
        )
        return Response(page(rows, ask, cursor=lambda row: str(row.pk), render=wire.agent_out))

    @extend_schema(
        request=wire.AgentIn,
        responses={201: wire.AgentOut, 200: wire.AgentOut},
        summary="Let a person serve; the same again finds them",
    )
    def post(self, request: Request) -> Response:
        """201 with the new agent, 200 with the one that is there."""
        terms = services.AgentTerms(**read_form(wire.AgentIn, request.data))
        row, made = services.create_agent(tenant_of(request).pk, terms)
        return Response(wire.agent_out(row), status=201 if made else 200)


class AgentView(ApiView):
    """One agent."""

    permission_classes = (LeadersWrite,)

    @extend_schema(responses=wire.AgentOut, summary="An agent by id, username or `me`")
    def get(self, request: Request, name: str) -> Response:
        """The agent."""
        caller = caller_of(request)
        if name == "me":
            return Response(wire.agent_out(agent_for(caller, name)))
        return Response(wire.agent_out(selectors.find_agent(caller.tenant.pk, name)))

    @extend_schema(request=wire.AgentChanges, responses=wire.AgentOut, summary="Change an agent")
    def patch(self, request: Request, name: str) -> Response:
        """The agent as they are now."""
        changes = read_form(wire.AgentChanges, request.data)
        return Response(wire.agent_out(services.change_agent(tenant_of(request).pk, name, changes)))


class StatusView(ApiView):
    """What an agent is doing."""

    permission_classes = (AgentsWrite,)

    @extend_schema(
        request=wire.StatusIn, responses=wire.AgentOut, summary="Change an agent's status"
    )
    def put(self, request: Request, name: str) -> Response:
        """The agent as they are now; without a socket, online is believed for twelve hours."""
        caller = caller_of(request)
        asked = read_form(wire.StatusIn, request.data)
        agent = agent_for(caller, name)
        services.set_status(caller.tenant.pk, agent.pk, by=caller.client, leased=True, **asked)
        return Response(wire.agent_out(selectors.find_agent(caller.tenant.pk, agent.pk)))


class StatusesView(ApiView):
    """What an agent was doing when."""

    query = LimitQuery

    @extend_schema(responses=wire.StatusChangesOut, summary="An agent's statuses, newest first")
    def get(self, request: Request, name: str) -> Response:
        """As many as are asked for; 404 where there is no such agent."""
        tenant = tenant_of(request).pk
        agent = selectors.find_agent(tenant, name)
        rows = selectors.statuses(tenant, agent.pk, **self.asked)
        return Response({"results": wire.StatusChangeOut(rows, many=True).data})


class OffersView(ApiView):
    """What an agent is asked."""

    @extend_schema(responses=wire.OffersOut, summary="An agent's open offers")
    def get(self, request: Request, name: str) -> Response:
        """The first to run out first."""
        caller = caller_of(request)
        rows = selectors.offers_of(caller.tenant.pk, agent_for(caller, name).pk)
        return Response({"results": wire.OfferOut(rows, many=True).data})


class WorksView(ApiView):
    """What an agent has."""

    @extend_schema(responses=wire.WorksOut, summary="What an agent has, offers included")
    def get(self, request: Request, name: str) -> Response:
        """The oldest first, with the load."""
        caller = caller_of(request)
        agent = agent_for(caller, name)
        rows = selectors.works_of(caller.tenant.pk, agent.pk)
        shown = wire.WorkOut(rows, many=True).data
        return Response({"load": agent.load, "capacity": agent.capacity * 1000, "results": shown})


class TeamListView(ApiView):
    """The tenant's teams."""

    permission_classes = (LeadersWrite,)

    @extend_schema(responses=wire.TeamsOut, summary="Teams by name")
    def get(self, request: Request) -> Response:
        """All of them."""
        rows = selectors.teams(tenant_of(request).pk)
        return Response({"results": [wire.team_out(row) for row in rows]})

    @extend_schema(
        request=wire.TeamIn,
        responses={201: wire.TeamOut, 200: wire.TeamOut},
        summary="Make a team; the same again finds it",
    )
    def post(self, request: Request) -> Response:
        """201 with the new team, 200 with the one that is there."""
        asked = read_form(wire.TeamIn, request.data)
        row, made = services.create_team(tenant_of(request).pk, **asked)
        return Response(wire.team_out(row), status=201 if made else 200)
