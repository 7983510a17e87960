"""What the line and offers take and show over HTTP."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from apps.agents.api.serializers.common import AgentMaybe, FenceField, SkillsField, text
from apps.agents.api.serializers.people import AgentOut, agent_out
from apps.agents.selectors import Board
from apps.agents.services import Held
from apps.tenants.forms import LimitQuery, PlaceCursor, StrictForm


class WorkOut(serializers.Serializer[Any]):
    """Work that waits or is served; `conversation` is its id."""

    conversation = serializers.UUIDField(source="work_id")
    state = serializers.CharField()
    channel = serializers.CharField()
    language = serializers.CharField()
    skills = SkillsField()
    priority = serializers.IntegerField()
    queued_at = serializers.DateTimeField()
    deadline = serializers.DateTimeField(allow_null=True)
    agent = serializers.UUIDField(source="agent_id", allow_null=True)
    position = serializers.IntegerField(allow_null=True)
    estimate_seconds = serializers.IntegerField(allow_null=True)


class QueueOut(serializers.Serializer[Any]):
    """Who waits, the next first."""

    waiting = serializers.IntegerField()
    longest_wait_seconds = serializers.IntegerField()
    results = WorkOut(many=True)
    next = serializers.CharField(allow_null=True)


class OfferOut(serializers.Serializer[Any]):
    """An open offer."""

    conversation = serializers.UUIDField(source="work_id")
    fence = serializers.CharField()
    offered_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    seconds_left = serializers.FloatField(help_text="By our clock; yours may be another.")
    channel = serializers.CharField()
    priority = serializers.IntegerField()


class OffersOut(serializers.Serializer[Any]):
    """An agent's open offers."""

    results = OfferOut(many=True)


class WorksOut(serializers.Serializer[Any]):
    """What an agent has."""

    load = serializers.IntegerField(help_text="Thousandths of a conversation.")
    capacity = serializers.IntegerField()
    results = WorkOut(many=True)


class HeldOut(serializers.Serializer[Held]):
    """Who has work, under which token."""

    conversation = serializers.UUIDField(source="work_id")
    agent = serializers.UUIDField(source="agent_id")
    fence = serializers.CharField()
    how = serializers.CharField()
    accepted_at = serializers.DateTimeField()


@extend_schema_serializer(component_name="WorkPriorityIn")
class PriorityIn(StrictForm):
    """How urgent work is: 0 to 100."""

    priority = serializers.IntegerField()


class AnswerIn(AgentMaybe):
    """An answer to an offer; `fence` says to which one, where there were several."""

    fence = FenceField(required=False)


class RefusalIn(AgentMaybe):
    """Why an agent says no."""

    reason = text(required=False, allow_blank=True)


@extend_schema_serializer(component_name="WorkTransferIn")
class TransferIn(StrictForm):
    """Where work is to go."""

    skills = SkillsField(required=False)
    team = text(required=False, allow_blank=True)
    agent = text(required=False, allow_blank=True)
    fallback_seconds = serializers.IntegerField(required=False)


class SeatWorkOut(serializers.Serializer[Any]):
    """Work in somebody's hands."""

    conversation = serializers.UUIDField()
    state = serializers.CharField()
    channel = serializers.CharField()


class SeatOut(AgentOut):
    """An agent and what they have."""

    works = SeatWorkOut(many=True)


@extend_schema_serializer(component_name="AgentsBoardOut")
class BoardOut(serializers.Serializer[Any]):
    """Everybody, and who waits."""

    agents = SeatOut(many=True)
    waiting = serializers.IntegerField()
    longest_wait_seconds = serializers.IntegerField()
    queue = WorkOut(many=True)


def board_out(found: Board) -> dict[str, Any]:
    """The board as it is shown."""
    agents = [
        agent_out(seat.agent)
        | {
            "works": [
                {"conversation": str(work), "state": state, "channel": channel}
                for work, state, channel in seat.works
            ]
        }
        for seat in found.seats
    ]
    return {
        "agents": agents,
        "waiting": found.queue.waiting,
        "longest_wait_seconds": found.queue.longest_wait_seconds,
        "queue": WorkOut(found.queue.results, many=True).data,
    }


class QueueQuery(LimitQuery):
    """Which places of the line."""

    after = PlaceCursor()
