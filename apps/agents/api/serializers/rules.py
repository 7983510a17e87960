"""What rules, hours and reports take and show over HTTP."""

from typing import Any

from rest_framework import serializers

from apps.agents.api.serializers.common import text
from apps.agents.models import OutOfHours, RoutingPolicy, Schedule, Strategy
from apps.agents.services import Opening
from apps.tenants.forms import Query, StrictForm, TimeField

SECONDS = (
    "priority_step", "target_wait", "target_response", "offer_time", "decline_pause",
    "sticky_time", "grace", "inactive_after", "wrap_up", "warm_up", "warm_up_interval",
    "missed_max", "inactive_weight",
)  # fmt: skip
OTHERS = ("strategy", "relax", "auto_accept", "channel_costs", "out_of_hours", "long_wait")


class StepIn(StrictForm):
    """After so many seconds of waiting so many levels less."""

    after = serializers.IntegerField()
    drop = serializers.IntegerField()


class PolicyIn(StrictForm):
    """Rules of matching; those that are not named stay. Times are seconds."""

    strategy = serializers.ChoiceField(choices=Strategy.choices, required=False)
    relax = serializers.ListField(child=StepIn(), required=False, max_length=50)
    priority_step = serializers.IntegerField(required=False)
    target_wait = serializers.IntegerField(required=False)
    target_response = serializers.IntegerField(required=False)
    offer_time = serializers.IntegerField(required=False)
    auto_accept = serializers.BooleanField(required=False)
    decline_pause = serializers.IntegerField(required=False)
    missed_max = serializers.IntegerField(required=False)
    sticky_time = serializers.IntegerField(required=False)
    grace = serializers.IntegerField(required=False)
    channel_costs = serializers.DictField(child=serializers.IntegerField(), required=False)
    inactive_after = serializers.IntegerField(required=False)
    inactive_weight = serializers.IntegerField(required=False)
    wrap_up = serializers.IntegerField(required=False)
    warm_up = serializers.IntegerField(required=False)
    warm_up_interval = serializers.IntegerField(required=False)
    schedule = text(required=False, allow_null=True, allow_blank=True)
    out_of_hours = serializers.ChoiceField(choices=OutOfHours.choices, required=False)
    long_wait = serializers.IntegerField(required=False, allow_null=True)
    long_queue = serializers.IntegerField(required=False, allow_null=True)
    overflow_team = text(required=False, allow_null=True, allow_blank=True)


class PolicyOut(PolicyIn):
    """Rules of matching."""


def policy_out(row: RoutingPolicy) -> dict[str, Any]:
    """A policy as it is shown."""
    shown = {name: getattr(row, name) for name in (*SECONDS, *OTHERS, "long_queue")}
    return shown | {
        "schedule": row.schedule.name if row.schedule else None,
        "overflow_team": row.overflow_team.name if row.overflow_team else None,
    }


class OpeningIn(StrictForm):
    """From when to when, local time; up to the next day where the end is not later."""

    opens = serializers.TimeField(required=False, allow_null=True)
    closes = serializers.TimeField(required=False, allow_null=True)

    def to_internal_value(self, data: Any) -> Opening:
        """One interval."""
        found = super().to_internal_value(data)
        return Opening(**({"opens": None, "closes": None} | found))


class HoursIn(OpeningIn):
    """An interval of a weekday; 0 is Monday."""

    weekday = serializers.IntegerField()


class ExceptionIn(OpeningIn):
    """A day that is not like its weekday; without times it is closed."""

    day = serializers.DateField()


class ScheduleIn(StrictForm):
    """A schedule as a whole."""

    name = text()
    zone = text()
    hours = HoursIn(many=True, required=False)
    exceptions = ExceptionIn(many=True, required=False)


class ScheduleOut(ScheduleIn):
    """A schedule."""


class SchedulesOut(serializers.Serializer[Any]):
    """The tenant's schedules."""

    results = ScheduleOut(many=True)


def schedule_out(row: Schedule) -> dict[str, Any]:
    """A schedule as it is shown."""
    return {
        "name": row.name,
        "zone": row.zone,
        "hours": [
            {"weekday": one.weekday, "opens": one.opens, "closes": one.closes}
            for one in sorted(row.hours.all(), key=lambda each: (each.weekday, each.opens))
        ],
        "exceptions": [
            {"day": one.day, "opens": one.opens, "closes": one.closes}
            for one in sorted(row.exceptions.all(), key=lambda each: each.day)
        ],
    }


class PeriodQuery(Query):
    """From when to when; the last day where nothing is said."""

    since = TimeField(required=False)
    until = TimeField(required=False)


class HandlingOut(serializers.Serializer[Any]):
    """What an agent did with what they were given; seconds, and shares of 1."""

    agent = serializers.UUIDField(source="agent_id")
    name = serializers.CharField()
    taken = serializers.IntegerField()
    declined = serializers.IntegerField()
    missed = serializers.IntegerField()
    transferred = serializers.IntegerField()
    first_response = serializers.FloatField(allow_null=True)
    average_response = serializers.FloatField(allow_null=True)
    response_level = serializers.FloatField(allow_null=True)
    handle_time = serializers.FloatField(allow_null=True)
    business_handle_time = serializers.FloatField(allow_null=True)


class AgentReportOut(HandlingOut):
    """An agent's figures; seconds."""

    busy = serializers.FloatField()
    signed_in = serializers.FloatField()
    online = serializers.FloatField()
    utilisation = serializers.FloatField(allow_null=True)


class AgentsReportOut(serializers.Serializer[Any]):
    """Every agent's figures, by name."""

    results = AgentReportOut(many=True)


class SkillReportOut(HandlingOut):
    """An agent's figures for a skill."""

    skill = serializers.CharField(allow_blank=True)


class SkillsReportOut(serializers.Serializer[Any]):
    """Each agent's figures for each skill, by name and skill."""

    results = SkillReportOut(many=True)


class QueueReportOut(serializers.Serializer[Any]):
    """Figures of work; seconds, and shares of 1. `group`: a skill, or an hour."""

    group = serializers.CharField()
    queued = serializers.IntegerField()
    matched = serializers.IntegerField()
    matched_in_target = serializers.IntegerField()
    abandoned = serializers.IntegerField()
    average_wait = serializers.FloatField(allow_null=True)
    business_wait = serializers.FloatField(allow_null=True)
    wait_p90 = serializers.FloatField(allow_null=True)
    first_response = serializers.FloatField(allow_null=True)
    business_first_response = serializers.FloatField(allow_null=True)
    average_response = serializers.FloatField(allow_null=True)
    handle_time = serializers.FloatField(allow_null=True)
    abandonment = serializers.FloatField(allow_null=True)
    service_level = serializers.FloatField(allow_null=True)
    response_level = serializers.FloatField(allow_null=True)


class QueueReportsOut(serializers.Serializer[Any]):
    """All work, and for each skill."""

    total = QueueReportOut()
    skills = QueueReportOut(many=True)


class HoursReportOut(serializers.Serializer[Any]):
    """For each hour (UTC) in which work was queued."""

    results = QueueReportOut(many=True)
