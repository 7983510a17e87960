"""Adjustments over HTTP: one caller proposes, another decides."""

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.ledger import selectors, services
from apps.ledger.models import Adjustment, AdjustmentState
from apps.ledger.services import AdjustmentTerms, Line
from apps.tenants.authentication import caller_of, tenant_of
from apps.tenants.forms import AmountField, PageQuery, StrictForm, TimeField, key_of, read_form
from apps.tenants.pagination import page, page_asked
from apps.tenants.permissions import OperationsWrites
from apps.tenants.views import ApiView

KEY: Final = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, required=True,
    description="The same key with the same proposal gives the same adjustment again.",
)  # fmt: skip


class AdjustmentLineIn(StrictForm):
    """One line."""

    account = serializers.CharField(max_length=64, help_text="Code in the chart of accounts.")
    owner = serializers.CharField(
        max_length=64, default="", allow_blank=True, allow_null=True,
        help_text="Id or number of a client account; none for the house's own.",
    )  # fmt: skip
    asset = serializers.CharField(max_length=64)
    side = serializers.ChoiceField(["debit", "credit"])
    amount = AmountField(help_text="Above zero; the side gives it its sign.")


class AdjustmentIn(StrictForm):
    """What is proposed, and why."""

    reason = serializers.CharField(max_length=1_000)
    lines = AdjustmentLineIn(many=True)
    effective_at = TimeField(required=False, help_text="When it counts; now, unless said.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """By hand, because `break` is a word of Python."""
        mends = serializers.UUIDField(required=False, help_text="The break that it closes.")
        return {**super().get_fields(), "break": mends}


class AdjustmentDecisionIn(StrictForm):
    """Why; and what was looked at."""

    reason = serializers.CharField(max_length=1_000, required=False, default="", allow_blank=True)
    digest = serializers.CharField(
        max_length=64, required=False, help_text="Of what was looked at: another is refused."
    )


class AdjustmentTurnedDownIn(StrictForm):
    """Why not."""

    reason = serializers.CharField(max_length=1_000)


class AdjustmentLineOut(serializers.Serializer[Any]):
    """One line."""

    account = serializers.CharField()
    owner = serializers.UUIDField(allow_null=True)
    owner_number = serializers.CharField()
    asset = serializers.CharField()
    side = serializers.ChoiceField(["debit", "credit"])
    amount = serializers.CharField()


class AdjustmentOut(serializers.ModelSerializer[Adjustment]):
    """An adjustment, and what became of it."""

    state = serializers.CharField(help_text=", ".join(AdjustmentState.values))
    lines = AdjustmentLineOut(many=True)
    entry = serializers.UUIDField(source="entry_id", allow_null=True)

    class Meta:
        model = Adjustment
        fields = (
            "id", "state", "reason", "lines", "effective_at", "digest", "proposed_by",
            "proposed_at", "decided_by", "decided_at", "decision_reason", "entry",
        )  # fmt: skip

    def to_representation(self, instance: Adjustment) -> dict[str, Any]:
        """With the break that it mends."""
        return {**super().to_representation(instance), "break": instance.mends_id}


class AdjustmentsQuery(PageQuery):
    """Which adjustments."""

    state = serializers.ChoiceField(AdjustmentState.choices, required=False)


class AdjustmentListView(ApiView):
    """The tenant's adjustments."""

    permission_classes = (OperationsWrites,)
    query = AdjustmentsQuery

    @extend_schema(
        responses=AdjustmentOut(many=True), operation_id="v1_adjustments_list",
        summary="Adjustments, oldest first",
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """A page of adjustments."""
        ask, filters = page_asked(self.asked)
        rows = selectors.adjustments(
            tenant_of(request).pk, after=ask.after, limit=ask.limit + 1, **filters
        )
        shown = page(rows, ask, cursor=lambda row: str(row.pk), render=_out)
        return Response(shown)

    @extend_schema(
        parameters=[KEY], request=AdjustmentIn, responses={201: AdjustmentOut, 200: AdjustmentOut},
        summary="Propose lines that correct the books; another person decides about them",
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """201 with the proposal; 200 with the same one where the key was used for it before."""
        given, caller = read_form(AdjustmentIn, request.data), caller_of(request)
        terms = AdjustmentTerms(
            reason=given["reason"],
            lines=[Line(**{**line, "owner": line["owner"] or ""}) for line in given["lines"]],
            effective_at=given.get("effective_at"),
            mends=given.get("break"),
        )
        row, is_new = services.propose_adjustment(
            caller.tenant.pk, terms, by=caller.client, key=key_of(request)
        )
        headers = {} if is_new else {"Idempotency-Replayed": "true"}
        return Response(_out(row), status=201 if is_new else 200, headers=headers)


class AdjustmentView(ApiView):
    """One adjustment."""

    @extend_schema(responses=AdjustmentOut, summary="An adjustment")
    def get(self, request: Request, adjustment_id: UUID) -> Response:
        """The adjustment."""
        return Response(_out(selectors.adjustment_of(tenant_of(request).pk, adjustment_id)))


class ApprovalView(ApiView):
    """The second person's yes."""

    permission_classes = (OperationsWrites,)

    @extend_schema(
        request=AdjustmentDecisionIn,
        responses=AdjustmentOut,
        summary="Book what another person proposed",
    )
    def post(self, request: Request, adjustment_id: UUID) -> Response:
        """The adjustment with its entry."""
        given, caller = read_form(AdjustmentDecisionIn, request.data), caller_of(request)
        row = services.approve_adjustment(
            caller.tenant.pk,
            adjustment_id,
            by=caller.client,
            reason=given["reason"],
            digest=given.get("digest"),
        )
        return Response(_out(row))


class RejectionView(ApiView):
    """The second person's no."""

    permission_classes = (OperationsWrites,)

    @extend_schema(
        request=AdjustmentTurnedDownIn,
        responses=AdjustmentOut,
        summary="Refuse what another person proposed",
    )
    def post(self, request: Request, adjustment_id: UUID) -> Response:
        """The adjustment."""
        return _turned_down(request, adjustment_id, services.reject_adjustment)


class WithdrawalView(ApiView):
    """The first person's change of mind."""

    permission_classes = (OperationsWrites,)

    @extend_schema(
        request=AdjustmentTurnedDownIn,
        responses=AdjustmentOut,
        summary="Take back what one proposed oneself",
    )
    def post(self, request: Request, adjustment_id: UUID) -> Response:
        """The adjustment."""
        return _turned_down(request, adjustment_id, services.withdraw_adjustment)


def _turned_down(request: Request, uid: UUID, call: Callable[..., Adjustment]) -> Response:
    given, caller = read_form(AdjustmentTurnedDownIn, request.data), caller_of(request)
    return Response(_out(call(caller.tenant.pk, uid, by=caller.client, reason=given["reason"])))


def _out(row: Adjustment) -> Any:
    return AdjustmentOut(row).data
