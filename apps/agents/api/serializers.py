"""What agents take and show over HTTP. Times ISO 8601, UTC; loads in thousandths of a conversation."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.agents.models import Agent, Status
from apps.agents.selectors import OfferView, WorkView

NAME = 200


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields that it does not know: what is ignored, the sender believes was heeded."""

    def to_internal_value(self, data: Any) -> Any:
        """The values, or every fault at once."""
        known = {name for name, field in self.fields.items() if not field.read_only}
        faults: dict[str, Any] = {
            str(name): [serializers.ErrorDetail("There is no such field.", code="unknown_field")]
            for name in (set(data) - known if isinstance(data, Mapping) else ())
        }
        try:
            found = super().to_internal_value(data)
        except serializers.ValidationError as error:
            if isinstance(error.detail, dict):
                raise serializers.ValidationError(faults | error.detail) from error
            raise
        if faults:
            raise serializers.ValidationError(faults)
        return found


def _text(**options: Any) -> serializers.CharField:
    return serializers.CharField(**{"max_length": NAME, "trim_whitespace": False, **options})


@extend_schema_field(
    {
        "oneOf": [
            {"type": "object", "additionalProperties": {"type": "integer"}},
            {
                "type": "array",
                "items": {
                    "oneOf": [
                        {"type": "string"},
                        {
                            "type": "object",
                            "properties": {
                                "skill": {"type": "string"},
                                "level": {"type": "integer", "minimum": 1, "maximum": 5},
                            },
                        },
                    ]
                },
            },
        ],
        "example": [{"skill": "billing", "level": 4}],
    }
)
class SkillsField(serializers.Field[dict[str, int], Any, Any, Any]):
    """Skills with levels: `{name: level}`, `[{skill, level}]`, or names alone (level `default`)."""

    def __init__(self, *, default_level: int = 3, **options: Any) -> None:
        """As any field; `default_level` is the level of a name alone."""
        super().__init__(**options)
        self.default_level = default_level

    def to_internal_value(self, data: Any) -> dict[str, int]:
        """Name to level; whether they are in range is the service's to say."""
        if isinstance(data, Mapping):
            return dict(data)
        if not isinstance(data, list):
            raise serializers.ValidationError("A list or an object.", code="invalid")
        found: dict[str, int] = {}
        for one in data:
            name, level = self._pair(one)
            if name in found:
                raise serializers.ValidationError(f"{name} is named twice.", code="twice")
            found[name] = level
        return found

    def _pair(self, one: Any) -> tuple[str, int]:
        if isinstance(one, str):
            return one, self.default_level
        if isinstance(one, Mapping):
            name = one.get("skill", one.get("name"))
            level = one.get("level", one.get("proficiency", self.default_level))
            known = {"skill", "name", "level", "proficiency"}
            if isinstance(name, str) and not set(one) - known:
                return name, level
        raise serializers.ValidationError("A name, or {skill, level}.", code="invalid")

    def to_representation(self, value: Any) -> list[dict[str, object]]:
        """By name."""
        return [{"skill": name, "level": level} for name, level in sorted(value.items())]


class AgentChanges(StrictSerializer):
    """What of an agent can change."""

    name = _text(required=False, allow_blank=True)
    capacity = serializers.IntegerField(required=False)
    skills = SkillsField(required=False)
    languages = serializers.ListField(child=_text(), required=False, max_length=50)
    team = _text(required=False, allow_blank=True)
    schedule = _text(required=False, allow_blank=True)
    weight = serializers.IntegerField(required=False)
    auto_accept = serializers.BooleanField(required=False, allow_null=True)


class AgentIn(AgentChanges):
    """A person who is to serve; somebody new becomes a member with the role `agent`."""

    user = _text(max_length=150, help_text="The username.")
    password = _text(required=False, allow_null=True, write_only=True, max_length=128)


class StatusIn(StrictSerializer):
    """What an agent is doing from now on."""

    status = serializers.ChoiceField(choices=Status.choices)
    reason = _text(required=False, allow_blank=True)


class AgentOut(serializers.Serializer[Any]):
    """An agent."""

    id = serializers.UUIDField()
    user = serializers.CharField()
    name = serializers.CharField()
    status = serializers.ChoiceField(choices=Status.choices)
    status_reason = serializers.CharField()
    status_since = serializers.DateTimeField()
    capacity = serializers.IntegerField()
    load = serializers.IntegerField(help_text="Thousandths of a conversation.")
    skills = SkillsField()
    languages = serializers.ListField(child=serializers.CharField())
    team = serializers.CharField(allow_null=True)
    schedule = serializers.CharField(allow_null=True)
    weight = serializers.IntegerField()
    auto_accept = serializers.BooleanField(allow_null=True)


def agent_out(row: Agent) -> dict[str, Any]:
    """An agent as it is shown."""
    return dict(
        AgentOut(
            {
                "id": row.pk,
                "user": row.user.username,
                "name": row.name,
                "status": row.status,
                "status_reason": row.status_reason,
                "status_since": row.status_since,
                "capacity": row.capacity,
                "load": row.load,
                "skills": {one.skill: one.level for one in row.skills.all()},
                "languages": row.languages,
                "team": row.team.name if row.team else None,
                "schedule": row.schedule.name if row.schedule else None,
                "weight": row.weight,
                "auto_accept": row.auto_accept,
            }
        ).data
    )


class AgentPageOut(serializers.Serializer[Any]):
    """A page of agents."""

    results = AgentOut(many=True)
    next = serializers.CharField(allow_null=True)


class StatusChangeOut(serializers.Serializer[Any]):
    """A stretch of time in one status."""

    status = serializers.CharField()
    reason = serializers.CharField()
    by = serializers.CharField()
    since = serializers.DateTimeField()
    until = serializers.DateTimeField(allow_null=True)


class StatusChangesOut(serializers.Serializer[Any]):
    """An agent's statuses, the newest first."""

    results = StatusChangeOut(many=True)


class WorkOut(serializers.Serializer[WorkView]):
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


class OfferOut(serializers.Serializer[OfferView]):
    """An open offer."""

    conversation = serializers.UUIDField(source="work_id")
    fence = serializers.CharField()
    offered_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    channel = serializers.CharField()
    priority = serializers.IntegerField()


class OffersOut(serializers.Serializer[Any]):
    """An agent's open offers."""

    results = OfferOut(many=True)
