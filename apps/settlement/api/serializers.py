"""What settlement takes and shows over HTTP. Amounts are strings; times ISO 8601, UTC."""

from decimal import Decimal
from typing import Any, Final

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from apps.core.money import plain
from apps.settlement.clearing.protocol import NoticeKind
from apps.settlement.models import (
    ClearingNotice,
    NoticeState,
    Settlement,
    SettlementPolicy,
    SettlementStep,
)
from apps.settlement.saga import State
from apps.settlement.selectors.settlements import Story
from apps.tenants.forms import NameField, PageQuery, PlaceCursor, StrictForm

SHORT: Final = SettlementPolicy.ShortDeliveries.choices


class SettlementsQuery(PageQuery):
    """Which settlements."""

    state = serializers.ChoiceField([one.value for one in State], required=False)
    trade = serializers.UUIDField(required=False)
    due = serializers.DateField(required=False)
    account = NameField(required=False, help_text="Its id or number.")
    needs_person = serializers.BooleanField(required=False, help_text="Only the manual queue.")


class NoticesQuery(PageQuery):
    """Which notices."""

    after = PlaceCursor()


class DecisionIn(StrictForm):
    """Why somebody decides something."""

    reason = serializers.CharField(min_length=3, max_length=1_000)


class ManualSettlementIn(DecisionIn):
    """Somebody says that it has settled outside; or decides about another's saying so."""

    decision = serializers.ChoiceField(["propose", "approve", "refuse"], required=False)


@extend_schema_serializer(component_name="SettlementAssignmentIn")
class AssignmentIn(DecisionIn):
    """Who is to work on it."""

    to = serializers.CharField(max_length=200, allow_blank=True)


@extend_schema_serializer(component_name="SettlementPolicyIn")
class PolicyIn(DecisionIn):
    """What becomes of a delivery of more than the account holds."""

    short_deliveries = serializers.ChoiceField(SHORT)


@extend_schema_serializer(component_name="SettlementPolicyOut")
class PolicyOut(serializers.Serializer[Any]):
    """How the tenant settles."""

    short_deliveries = serializers.ChoiceField(SHORT)
    reason = serializers.CharField()
    decided_by = serializers.CharField()
    decided_at = serializers.DateTimeField(allow_null=True)


class SettlementOut(serializers.Serializer[Any]):
    """One settlement."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(["settlement", "return"])
    trade = serializers.UUIDField()
    trade_version = serializers.IntegerField()
    original = serializers.UUIDField(allow_null=True)
    account = serializers.CharField()
    instrument = serializers.CharField()
    movement = serializers.ChoiceField(["receive", "deliver"])
    quantity = serializers.CharField(
        help_text="As it was dealt, instructed and is confirmed: in units of the trade."
    )
    settled_quantity = serializers.CharField(help_text="Of the quantity; in units of the trade.")
    open_quantity = serializers.CharField(
        help_text="What is still to move, in units of the trade; 0 where nothing moves any more."
    )
    open_units = serializers.CharField(
        help_text="The same in units of today: another number if the instrument was split since."
    )
    settled_units = serializers.CharField(
        help_text="Units that its ledger entries moved, each in those of its day: the settled"
        " quantity, unless the instrument was split before one of them."
    )
    currency = serializers.CharField()
    amount = serializers.CharField(help_text="Cash at clearing.")
    client_cash = serializers.DictField(child=serializers.CharField())
    trade_date = serializers.DateField()
    due = serializers.DateField(allow_null=True)
    window_at = serializers.DateTimeField(allow_null=True)
    is_late = serializers.BooleanField()
    state = serializers.CharField()
    code = serializers.CharField(help_text="Reason, in the words of ISO 20022.")
    detail = serializers.CharField()
    clearing = serializers.CharField()
    instruction = serializers.UUIDField(allow_null=True)
    reference = serializers.CharField()
    tries = serializers.IntegerField()
    next_at = serializers.DateTimeField(allow_null=True)
    needs_person_since = serializers.DateTimeField(allow_null=True)
    assigned_to = serializers.CharField()
    opened_at = serializers.DateTimeField()
    instructed_at = serializers.DateTimeField(allow_null=True)
    settled_at = serializers.DateTimeField(allow_null=True)


class StepOut(serializers.Serializer[Any]):
    """One step of a settlement."""

    step = serializers.CharField()
    attempt = serializers.IntegerField()
    from_state = serializers.CharField()
    to_state = serializers.CharField()
    request_id = serializers.UUIDField(allow_null=True)
    request_hash = serializers.CharField()
    response = serializers.CharField()
    error = serializers.CharField()
    note = serializers.CharField()
    by = serializers.CharField()
    started_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    next_attempt_at = serializers.DateTimeField(allow_null=True)


class NoticeOut(serializers.Serializer[Any]):
    """What a clearing system told."""

    id = serializers.IntegerField()
    system = serializers.CharField()
    notice_id = serializers.CharField(help_text="The clearing system's.")
    instruction = serializers.CharField(help_text="Ours, as it was repeated to us.")
    settlement = serializers.UUIDField(allow_null=True)
    kind = serializers.ChoiceField([one.value for one in NoticeKind])
    quantity = serializers.CharField(allow_null=True)
    amount = serializers.CharField(allow_null=True)
    code = serializers.CharField()
    detail = serializers.CharField()
    state = serializers.ChoiceField(NoticeState.choices)
    reason = serializers.CharField()
    at = serializers.DateTimeField()
    received_at = serializers.DateTimeField()


class ProposalOut(serializers.Serializer[Any]):
    """Somebody said that it has settled by hand, and what a second person made of it."""

    id = serializers.UUIDField()
    reason = serializers.CharField()
    proposed_by = serializers.CharField()
    proposed_at = serializers.DateTimeField()
    is_approved = serializers.BooleanField(allow_null=True)
    decided_by = serializers.CharField(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    decision_reason = serializers.CharField()


class PenaltyOut(serializers.Serializer[Any]):
    """A business day of failing, and its price."""

    on = serializers.DateField()
    quantity = serializers.CharField()
    price = serializers.CharField()
    rate = serializers.CharField()
    amount = serializers.CharField()
    currency = serializers.CharField()


class StoryOut(SettlementOut):
    """One settlement with everything that was done about it."""

    steps = StepOut(many=True)
    notices = NoticeOut(many=True)
    proposals = ProposalOut(many=True)
    penalties = PenaltyOut(many=True)


class SettlementPageOut(serializers.Serializer[Any]):
    """A page of settlements."""

    results = SettlementOut(many=True)
    next = serializers.CharField(allow_null=True)


class NoticePageOut(serializers.Serializer[Any]):
    """A page of notices."""

    results = NoticeOut(many=True)
    next = serializers.CharField(allow_null=True)


def settlement_out(one: Settlement) -> dict[str, Any]:
    """A settlement as it is shown."""
    return {
        "id": one.pk,
        "kind": one.kind,
        "trade": one.trade_id,
        "trade_version": one.version_no,
        "original": one.original_id,
        "account": one.account_number,
        "instrument": one.symbol,
        "movement": one.movement,
        "quantity": plain(one.quantity),
        "settled_quantity": plain(one.settled),
        "open_quantity": plain(one.open_quantity),
        "open_units": plain(one.units_to_move),
        "settled_units": plain(one.units_moved),
        "currency": one.currency,
        "amount": plain(one.amount),
        "client_cash": {
            currency: plain(Decimal(amount)) for currency, amount in one.client_cash.items()
        },
        "trade_date": one.trade_date,
        "due": one.due_on,
        "window_at": one.window_at,
        "is_late": one.is_late,
        "state": one.state,
        "code": one.code,
        "detail": one.detail,
        "clearing": one.clearing,
        "instruction": one.instruction_id,
        "reference": one.reference,
        "tries": one.tries,
        "next_at": one.next_at,
        "needs_person_since": one.attention_at,
        "assigned_to": one.assigned_to,
        "opened_at": one.opened_at,
        "instructed_at": one.instructed_at,
        "settled_at": one.settled_at,
    }


def story_out(found: Story) -> dict[str, Any]:
    """A settlement with its history as it is shown."""
    return {
        **settlement_out(found.settlement),
        "steps": [_step(one) for one in found.steps],
        "notices": [notice_out(one) for one in found.notices],
        "proposals": [
            {
                "id": one.pk,
                "reason": one.reason,
                "proposed_by": one.proposed_by,
                "proposed_at": one.proposed_at,
                "is_approved": one.is_approved,
                "decided_by": one.decided_by,
                "decided_at": one.decided_at,
                "decision_reason": one.decision_reason,
            }
            for one in found.proposals
        ],
        "penalties": [
            {
                "on": one.on,
                "quantity": plain(one.quantity),
                "price": plain(one.price),
                "rate": plain(one.rate),
                "amount": plain(one.amount),
                "currency": one.currency,
            }
            for one in found.penalties
        ],
    }


def _step(one: SettlementStep) -> dict[str, Any]:
    return dict(StepOut(one).data)


def notice_out(one: ClearingNotice) -> dict[str, Any]:
    """A notice as it is shown."""
    return {
        "id": one.pk,
        "system": one.system,
        "notice_id": one.notice_id,
        "instruction": one.instruction,
        "settlement": one.settlement_id,
        "kind": one.kind,
        "quantity": None if one.quantity is None else plain(one.quantity),
        "amount": None if one.amount is None else plain(one.amount),
        "code": one.code,
        "detail": one.detail,
        "state": one.state,
        "reason": one.reason,
        "at": one.at,
        "received_at": one.received_at,
    }
