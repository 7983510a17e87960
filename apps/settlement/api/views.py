"""Settlements over HTTP: parse, one call, render."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.settlement import services
from apps.settlement.api import board as glance
from apps.settlement.api import serializers as wire
from apps.settlement.selectors import settlements as selectors
from apps.settlement.selectors.board import board
from apps.settlement.selectors.settlements import Filters
from apps.settlement.services import Decision
from apps.tenants.authentication import caller_of, tenant_of
from apps.tenants.forms import StrictForm, read_form
from apps.tenants.pagination import page, page_asked
from apps.tenants.permissions import AdminWrites, OperationsWrites
from apps.tenants.selectors import voices_of
from apps.tenants.views import ApiView


class SettlementListView(ApiView):
    """The settlements of a tenant."""

    query = wire.SettlementsQuery

    @extend_schema(
        responses=wire.SettlementPageOut,
        operation_id="v1_settlements_list",
        summary="Settlements, newest first; by state, trade, due date, account",
    )
    def get(self, request: Request) -> Response:
        """A page."""
        ask, filters = page_asked(self.asked)
        found = selectors.settlements(
            tenant_of(request).pk, Filters(**filters), after=ask.after, limit=ask.limit + 1
        )
        return Response(
            page(found, ask, cursor=lambda one: str(one.pk), render=wire.settlement_out)
        )


class BoardView(ApiView):
    """Settlements at a glance."""

    @extend_schema(
        responses=glance.BoardOut,
        operation_id="v1_settlements_board",
        summary="Settlements by day and state, fails and their age, breakers, throughput",
    )
    def get(self, request: Request) -> Response:
        """What the page shows."""
        found = board(tenant_of(request).pk)
        return Response(glance.board_out(found, voices_of(caller_of(request).client)))


class PolicyView(ApiView):
    """How the tenant settles."""

    permission_classes = (AdminWrites,)

    @extend_schema(responses=wire.PolicyOut, summary="What becomes of short deliveries")
    def get(self, request: Request) -> Response:
        """The policy that holds."""
        return Response(wire.PolicyOut(selectors.policy_of(tenant_of(request).pk)).data)

    @extend_schema(
        request=wire.PolicyIn,
        responses=wire.PolicyOut,
        summary="cover: deliver what the account does not hold; hold: wait for it",
    )
    def put(self, request: Request) -> Response:
        """The policy from now on."""
        decision, given = _decision(wire.PolicyIn, request)
        row = services.set_policy(tenant_of(request).pk, given["short_deliveries"], decision)
        return Response(wire.PolicyOut(row).data)


class SettlementView(ApiView):
    """One settlement."""

    @extend_schema(responses=wire.StoryOut, summary="A settlement with its steps")
    def get(self, request: Request, settlement: UUID) -> Response:
        """The settlement."""
        return Response(wire.story_out(selectors.story(tenant_of(request).pk, settlement)))


class RetryView(ApiView):
    """Another try of what a person has to look at."""

    permission_classes = (OperationsWrites,)

    @extend_schema(request=wire.DecisionIn, responses=wire.StoryOut, summary="Try it again")
    def post(self, request: Request, settlement: UUID) -> Response:
        """The settlement after the decision."""
        decision, _ = _decision(wire.DecisionIn, request)
        services.retry(tenant_of(request).pk, settlement, decision)
        return _story(request, settlement)


class ManualSettlementView(ApiView):
    """Settling by hand: two people."""

    permission_classes = (OperationsWrites,)

    @extend_schema(
        request=wire.ManualSettlementIn,
        responses={200: wire.StoryOut, 202: wire.StoryOut},
        summary="Say that it has settled outside; the second person who says so settles it",
    )
    def post(self, request: Request, settlement: UUID) -> Response:
        """202 where it is proposed, 200 where somebody decided."""
        decision, given = _decision(wire.ManualSettlementIn, request)
        said = given.get("decision")
        settled = services.settle_by_hand(tenant_of(request).pk, settlement, decision, said)
        return _story(request, settlement, status=200 if settled or said == "refuse" else 202)


class CompensationView(ApiView):
    """Cancelling and compensating."""

    permission_classes = (OperationsWrites,)

    @extend_schema(
        request=wire.DecisionIn,
        responses=wire.StoryOut,
        summary="Cancel its trade, and withdraw what is at clearing",
    )
    def post(self, request: Request, settlement: UUID) -> Response:
        """The settlement after the decision."""
        decision, _ = _decision(wire.DecisionIn, request)
        services.compensate(tenant_of(request).pk, settlement, decision)
        return _story(request, settlement)


class AssignmentView(ApiView):
    """Who works on it."""

    permission_classes = (OperationsWrites,)

    @extend_schema(request=wire.AssignmentIn, responses=wire.StoryOut, summary="Assign it")
    def post(self, request: Request, settlement: UUID) -> Response:
        """The settlement after the decision."""
        decision, given = _decision(wire.AssignmentIn, request)
        services.assign(tenant_of(request).pk, settlement, decision, to=given["to"])
        return _story(request, settlement)


class CommentView(ApiView):
    """What somebody has to say about it."""

    permission_classes = (OperationsWrites,)

    @extend_schema(request=wire.DecisionIn, responses=wire.StoryOut, summary="Comment on it")
    def post(self, request: Request, settlement: UUID) -> Response:
        """The settlement with the comment among its steps."""
        decision, _ = _decision(wire.DecisionIn, request)
        services.comment(tenant_of(request).pk, settlement, decision)
        return _story(request, settlement)


class NoticeListView(ApiView):
    """Notices of clearing systems that fit nothing."""

    query = wire.NoticesQuery

    @extend_schema(
        responses=wire.NoticePageOut,
        operation_id="v1_settlement_notices_list",
        summary="Suspended notices, oldest first",
    )
    def get(self, request: Request) -> Response:
        """A page."""
        ask, _ = page_asked(self.asked)
        found = selectors.suspended_notices(
            tenant_of(request).pk, after=ask.after, limit=ask.limit + 1
        )
        return Response(page(found, ask, cursor=lambda one: str(one.pk), render=wire.notice_out))


class ResolutionView(ApiView):
    """What a suspended notice was about."""

    permission_classes = (OperationsWrites,)

    @extend_schema(request=wire.DecisionIn, responses={204: None}, summary="Resolve a notice")
    def post(self, request: Request, notice: int) -> Response:
        """Nothing to say."""
        decision, _ = _decision(wire.DecisionIn, request)
        services.resolve_notice(tenant_of(request).pk, notice, decision)
        return Response(status=204)


def _decision(form: type[StrictForm], request: Request) -> tuple[Decision, dict[str, Any]]:
    found = read_form(form, request.data)
    return Decision(caller_of(request).client, found["reason"]), found


def _story(request: Request, settlement: UUID, status: int = 200) -> Response:
    found = selectors.story(tenant_of(request).pk, settlement)
    return Response(wire.story_out(found), status=status)
