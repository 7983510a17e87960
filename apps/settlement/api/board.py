"""A tenant's settlements at a glance, as they are shown over HTTP."""

from collections.abc import Collection
from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from apps.settlement.api.serializers import SettlementOut, settlement_out
from apps.settlement.models import Settlement
from apps.settlement.selectors.board import Board


class DayCountOut(serializers.Serializer[Any]):
    """How many of a due date are in a state."""

    due = serializers.DateField(allow_null=True)
    state = serializers.CharField()
    count = serializers.IntegerField()


class MinuteOut(serializers.Serializer[Any]):
    """What settled in a minute."""

    at = serializers.DateTimeField()
    settled = serializers.IntegerField()
    p95_seconds = serializers.FloatField(help_text="From due to settled.")


class AgeOut(serializers.Serializer[Any]):
    """How many are so many days late; 6 is six or more."""

    days = serializers.IntegerField()
    count = serializers.IntegerField()


@extend_schema_serializer(component_name="SettlementReasonOut")
class ReasonOut(serializers.Serializer[Any]):
    """How many a person has to look at for a reason."""

    code = serializers.CharField()
    count = serializers.IntegerField()


class ClearingBreakerOut(serializers.Serializer[Any]):
    """How the breaker of a clearing system stands."""

    code = serializers.CharField()
    state = serializers.ChoiceField(["closed", "open", "half_open"])
    failures = serializers.IntegerField()
    since = serializers.DateTimeField(allow_null=True)
    retry_at = serializers.DateTimeField(allow_null=True)


class OpenProposalOut(serializers.Serializer[Any]):
    """One person says that it has settled outside; a second one decides."""

    by = serializers.CharField()
    reason = serializers.CharField()
    at = serializers.DateTimeField()
    is_yours = serializers.BooleanField(help_text="Then somebody else decides.")


class AttentionOut(SettlementOut):
    """A settlement that a person has to look at."""

    proposal = OpenProposalOut(allow_null=True)


@extend_schema_serializer(component_name="SettlementsBoardOut")
class BoardOut(serializers.Serializer[Any]):
    """A tenant's settlements at a glance."""

    at = serializers.DateTimeField()
    by_day = DayCountOut(many=True)
    per_minute = MinuteOut(many=True)
    ages = AgeOut(many=True)
    reasons = ReasonOut(many=True)
    breakers = ClearingBreakerOut(many=True)
    suspended = serializers.IntegerField()
    attention = AttentionOut(many=True)


def board_out(found: Board, voices: Collection[str]) -> dict[str, Any]:
    """The board as it is shown to a caller."""
    return {
        "at": found.at,
        "by_day": [
            {"due": due, "state": state, "count": count} for due, state, count in found.by_day
        ],
        "per_minute": [
            {"at": one.at, "settled": one.settled, "p95_seconds": round(one.p95_seconds, 1)}
            for one in found.per_minute
        ],
        "ages": [{"days": days, "count": count} for days, count in found.ages],
        "reasons": [{"code": code, "count": count} for code, count in found.reasons],
        "breakers": [
            {
                "code": one.code,
                "state": one.state,
                "failures": one.failures,
                "since": one.since,
                "retry_at": one.retry_at,
            }
            for one in found.breakers
        ],
        "suspended": found.suspended,
        "attention": [_attention(one, found, voices) for one in found.needing_person],
    }


def _attention(one: Settlement, found: Board, voices: Collection[str]) -> dict[str, Any]:
    said = found.proposals.get(one.pk)
    proposal = said and {
        "by": found.names.get(said.proposed_by, said.proposed_by),
        "reason": said.reason,
        "at": said.proposed_at,
        "is_yours": said.proposed_by in voices,
    }
    return settlement_out(one) | {"proposal": proposal}
