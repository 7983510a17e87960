"""What agents take and show over HTTP. Times ISO 8601, UTC; loads in thousandths of a conversation."""

from typing import Any

from rest_framework import serializers

from apps.agents.api.serializers.common import SkillsField, text
from apps.agents.models import Agent, Status, Team
from apps.tenants.forms import NameField, PageQuery, StrictForm


class AgentChanges(StrictForm):
    """What of an agent can change."""

    name = text(required=False, allow_blank=True)
    capacity = serializers.IntegerField(required=False)
    skills = SkillsField(required=False)
    languages = serializers.ListField(child=text(), required=False, max_length=50)
    team = text(required=False, allow_blank=True)
    schedule = text(required=False, allow_blank=True)
    weight = serializers.IntegerField(required=False)
    auto_accept = serializers.BooleanField(required=False, allow_null=True)


class AgentIn(AgentChanges):
    """A person who is to serve; somebody new becomes a member with the role `agent`."""

    user = text(max_length=150, help_text="The username.")
    password = text(required=False, allow_null=True, write_only=True, max_length=128)


class AgentsQuery(PageQuery):
    """Which agents."""

    status = serializers.ChoiceField(choices=Status.choices, required=False)
    team = NameField(required=False, help_text="Its id or name.")


class StatusIn(StrictForm):
    """What an agent is doing from now on."""

    status = serializers.ChoiceField(choices=Status.choices)
    reason = text(required=False, allow_blank=True)


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


class TeamIn(StrictForm):
    """A team, with hours of its own if it has any."""

    name = text()
    schedule = text(required=False, allow_blank=True)


class TeamOut(serializers.Serializer[Any]):
    """A team."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    schedule = serializers.CharField(allow_null=True)


def team_out(row: Team) -> dict[str, Any]:
    """A team as it is shown."""
    schedule = row.schedule.name if row.schedule else None
    return {"id": str(row.pk), "name": row.name, "schedule": schedule}


class TeamsOut(serializers.Serializer[Any]):
    """The tenant's teams."""

    results = TeamOut(many=True)
