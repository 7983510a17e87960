"""The agents' views: parse, one call, render."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from apps.agents import selectors, services
from apps.agents.api import serializers as wire
from apps.agents.exceptions import NotYours
from apps.agents.models import Agent
from apps.core.problems import Malformed
from apps.tenants.authentication import Caller, caller_of, tenant_of
from apps.tenants.models import Role
from apps.tenants.pagination import page, page_asked
from apps.tenants.permissions import EVERYWHERE, IsMember

LEADERS = EVERYWHERE | {Role.SUPERVISOR}


class LeadersWrite(IsMember):
    """Agents, teams and rules: supervisors and administrators."""

    writers = LEADERS


class AgentsWrite(IsMember):
    """What agents do themselves, and their supervisors for them."""

    writers = LEADERS | {Role.AGENT}


def read(form: type[Serializer[Any]], data: Any) -> dict[str, Any]:
    """The validated body. Raises DRF's ValidationError with every fault."""
    given = form(data=data)
    given.is_valid(raise_exception=True)
    found: dict[str, Any] = given.validated_data
    return found


def agent_for(caller: Caller, name: str) -> Agent:
    """The agent in whose name the caller may act: their own, or (leaders, programs) anyone.

    `me` is the caller's own. Raises `UnknownAgent`, `NotYours`.
    """
    own = selectors.agent_of(caller.tenant.pk, caller.client)
    if name == "me" and own is not None:
        return own
    found = selectors.find_agent(caller.tenant.pk, name)
    # A key is a program that speaks for agents; a person of the role speaks for themselves.
    if caller.role in LEADERS or caller.client.startswith("key:") or found == own:
        return found
    raise NotYours(agent=name)


class AgentListView(APIView):
    """The tenant's agents."""

    permission_classes = (LeadersWrite,)

    @extend_schema(responses=wire.AgentPageOut, operation_id="v1_agents_list", summary="Agents")
    def get(self, request: Request) -> Response:
        """A page, the oldest first; `status` and `team` filter."""
        ask = page_asked(request, filters=["status", "team"])
        wanted = {
            name: value for name in ("status", "team") if (value := request.query_params.get(name))
        }
        rows = selectors.agents(
            tenant_of(request).pk, after=ask.after, limit=ask.limit + 1, **wanted
        )
        return Response(page(rows, ask, cursor=lambda row: str(row.pk), render=wire.agent_out))

    @extend_schema(
        request=wire.AgentIn,
        responses={201: wire.AgentOut, 200: wire.AgentOut},
        summary="Let a person serve; the same again finds them",
    )
    def post(self, request: Request) -> Response:
        """201 with the new agent, 200 with the one that is there."""
        terms = services.AgentTerms(**read(wire.AgentIn, request.data))
        row, made = services.create_agent(tenant_of(request).pk, terms)
        return Response(wire.agent_out(row), status=201 if made else 200)


class AgentView(APIView):
    """One agent."""

    permission_classes = (LeadersWrite,)

    @extend_schema(responses=wire.AgentOut, summary="An agent by id, username or `me`")
    def get(self, request: Request, name: str) -> Response:
        """The agent."""
        caller = caller_of(request)
        own = selectors.agent_of(caller.tenant.pk, caller.client) if name == "me" else None
        return Response(wire.agent_out(own or selectors.find_agent(caller.tenant.pk, name)))

    @extend_schema(request=wire.AgentChanges, responses=wire.AgentOut, summary="Change an agent")
    def patch(self, request: Request, name: str) -> Response:
        """The agent as they are now."""
        changes = read(wire.AgentChanges, request.data)
        return Response(wire.agent_out(services.change_agent(tenant_of(request).pk, name, changes)))


class StatusView(APIView):
    """What an agent is doing."""

    permission_classes = (AgentsWrite,)

    @extend_schema(
        request=wire.StatusIn, responses=wire.AgentOut, summary="Change an agent's status"
    )
    def put(self, request: Request, name: str) -> Response:
        """The agent as they are now; without a socket, online is believed for twelve hours."""
        caller = caller_of(request)
        asked = read(wire.StatusIn, request.data)
        agent = agent_for(caller, name)
        services.set_status(caller.tenant.pk, agent.pk, by=caller.client, leased=True, **asked)
        return Response(wire.agent_out(selectors.find_agent(caller.tenant.pk, agent.pk)))


class StatusesView(APIView):
    """What an agent was doing when."""

    @extend_schema(responses=wire.StatusChangesOut, summary="An agent's statuses, newest first")
    def get(self, request: Request, name: str) -> Response:
        """A page; 404 where there is no such agent."""
        ask = page_asked(request)
        tenant = tenant_of(request).pk
        agent = selectors.find_agent(tenant, name)
        rows = selectors.statuses(tenant, agent.pk, limit=ask.limit)
        return Response({"results": wire.StatusChangeOut(rows, many=True).data})


class QueueView(APIView):
    """Who waits."""

    @extend_schema(responses=wire.QueueOut, summary="Waiting work, the next first")
    def get(self, request: Request) -> Response:
        """A page of the line."""
        ask = page_asked(request)
        if ask.after is not None and not (ask.after.isascii() and ask.after.isdigit()):
            raise Malformed(errors=[{"field": "after", "code": "invalid", "detail": "A place."}])
        begin = int(ask.after or 0)
        found = selectors.queue(tenant_of(request).pk, limit=ask.limit + 1, after=begin)
        shown = page(
            found.results,
            ask,
            cursor=lambda row: str(row.position),
            render=lambda row: wire.WorkOut(row).data,
        )
        counts = {
            "waiting": found.waiting,
            "longest_wait_seconds": found.longest_wait_seconds,
        }
        return Response(counts | shown)
