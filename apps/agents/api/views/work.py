"""The line, offers, and what supervisors do, over HTTP."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.agents import selectors, services
from apps.agents.api import serializers as wire
from apps.agents.api.views.common import AgentsWrite, LeadersWrite, agent_for, named
from apps.tenants.authentication import caller_of, tenant_of
from apps.tenants.forms import read_form
from apps.tenants.pagination import page, page_asked
from apps.tenants.views import ApiView


class QueueView(ApiView):
    """Who waits."""

    query = wire.QueueQuery

    @extend_schema(
        responses=wire.QueueOut,
        operation_id="v1_queue_list",
        summary="Waiting work, the next first",
    )
    def get(self, request: Request) -> Response:
        """A page of the line."""
        ask, _ = page_asked(self.asked)
        found = selectors.queue(tenant_of(request).pk, limit=ask.limit + 1, after=ask.after or 0)
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


class WorkView(ApiView):
    """One piece of work."""

    @extend_schema(
        responses=wire.WorkOut, summary="Where a conversation is: place, estimate, agent"
    )
    def get(self, request: Request, work: UUID) -> Response:
        """404 where it never waited."""
        found = selectors.work_of(tenant_of(request).pk, work)
        return Response(wire.WorkOut(found).data)


class PriorityView(ApiView):
    """How urgent work is."""

    permission_classes = (LeadersWrite,)

    @extend_schema(request=wire.PriorityIn, responses=wire.WorkOut, summary="Move work in the line")
    def put(self, request: Request, work: UUID) -> Response:
        """Where it is now."""
        caller = caller_of(request)
        asked = read_form(wire.PriorityIn, request.data)
        services.change_priority(caller.tenant.pk, work, by=caller.client, **asked)
        return Response(wire.WorkOut(selectors.work_of(caller.tenant.pk, work)).data)


class AssignmentView(ApiView):
    """Give work to somebody."""

    permission_classes = (LeadersWrite,)

    @extend_schema(
        request=wire.AgentNamed, responses=wire.HeldOut, summary="Give work to an agent at once"
    )
    def post(self, request: Request, work: UUID) -> Response:
        """Who has it now; 422 where they are not there, or have no room."""
        caller = caller_of(request)
        agent = named(request, read_form(wire.AgentNamed, request.data))
        held = services.reassign_work(caller.tenant.pk, work, agent.pk, by=caller.client)
        return Response(wire.HeldOut(held).data)


class TakeoverView(ApiView):
    """Take work oneself."""

    permission_classes = (LeadersWrite,)

    @extend_schema(
        request=wire.AgentMaybe, responses=wire.HeldOut, summary="Take work over from its agent"
    )
    def post(self, request: Request, work: UUID) -> Response:
        """Who has it now; 422 where they have no room."""
        caller = caller_of(request)
        agent = named(request, read_form(wire.AgentMaybe, request.data))
        held = services.take_over(caller.tenant.pk, work, agent.pk, by=caller.client)
        return Response(wire.HeldOut(held).data)


class TransferView(ApiView):
    """Give work away."""

    permission_classes = (AgentsWrite,)

    @extend_schema(
        request=wire.TransferIn,
        responses=wire.WorkOut,
        summary="Send work to skills, a team or an agent, with a time after which anybody will do",
    )
    def post(self, request: Request, work: UUID) -> Response:
        """Where it is now."""
        caller = caller_of(request)
        asked = read_form(wire.TransferIn, request.data)
        if name := asked.pop("agent", ""):
            asked["agent"] = selectors.find_agent(caller.tenant.pk, name).pk
        holder = selectors.work_of(caller.tenant.pk, work).agent_id
        if holder is not None:
            agent_for(caller, str(holder))
        to = services.Transfer(**asked)
        services.transfer_work(caller.tenant.pk, work, to, by=caller.client)
        return Response(wire.WorkOut(selectors.work_of(caller.tenant.pk, work)).data)


class AcceptanceView(ApiView):
    """Say yes."""

    permission_classes = (AgentsWrite,)

    @extend_schema(request=wire.AnswerIn, responses=wire.HeldOut, summary="Accept an offer")
    def post(self, request: Request, work: UUID) -> Response:
        """The agent has it; 409 where the offer is gone."""
        asked: dict[str, Any] = read_form(wire.AnswerIn, request.data)
        agent = named(request, asked)
        held = services.accept_offer(
            tenant_of(request).pk, work, agent.pk, fence=asked.get("fence")
        )
        return Response(wire.HeldOut(held).data)


class RefusalView(ApiView):
    """Say no."""

    permission_classes = (AgentsWrite,)

    @extend_schema(request=wire.RefusalIn, responses={204: None}, summary="Decline an offer")
    def post(self, request: Request, work: UUID) -> Response:
        """204; 409 where the offer is gone."""
        asked = read_form(wire.RefusalIn, request.data)
        agent = named(request, asked)
        services.decline_offer(tenant_of(request).pk, work, agent.pk, **asked)
        return Response(status=204)


class BoardView(ApiView):
    """Everybody at once."""

    @extend_schema(responses=wire.BoardOut, summary="Agents with what they have, and who waits")
    def get(self, request: Request) -> Response:
        """For supervisors."""
        return Response(wire.board_out(selectors.board(tenant_of(request).pk)))
