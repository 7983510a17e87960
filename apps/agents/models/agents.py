"""Who serves: agents, their skills and teams, and what they were doing when."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.agents.models.hours import Schedule
from apps.core.ids import uuid7
from apps.tenants.models import Tenant, TenantQuerySet, User


class Status(models.TextChoices):
    """What an agent is doing. Only who is online is given work."""

    ONLINE = "online"
    BUSY = "busy"
    AWAY = "away"
    WRAP_UP = "wrap_up"
    OFFLINE = "offline"


class Team(models.Model):
    """Agents to whom work can be given as a group."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    name = models.TextField()
    schedule = models.ForeignKey(
        Schedule, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["tenant", "name"], name="team_name_is_unique"),
        ]

    def __str__(self) -> str:
        return self.name


class Agent(models.Model):
    """A person who serves customers of one tenant.

    `load` is the weight of what the agent has, in thousandths of one conversation. A trigger keeps
    it as assignments come and go, and refuses one for which there is no room, whoever writes.
    `version` grows with every change of the row (a trigger, too): by it a late copy in Redis is
    told from a new one.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    name = models.TextField()
    team = models.ForeignKey(
        Team, on_delete=models.PROTECT, null=True, blank=True, related_name="agents"
    )
    schedule = models.ForeignKey(
        Schedule, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    languages = ArrayField(
        models.TextField(), default=list, blank=True, help_text="None named: speaks them all."
    )
    capacity = models.SmallIntegerField(help_text="Conversations at once.")
    weight = models.SmallIntegerField(db_default=1, default=1, help_text="Share in the rotation.")
    auto_accept = models.BooleanField(
        null=True, blank=True, help_text="Unknown: as the policy says."
    )
    status = models.CharField(max_length=8, choices=Status, default="offline", db_default="offline")
    status_reason = models.TextField(db_default="", default="", blank=True)
    status_since = models.DateTimeField(db_default=Now())
    load = models.IntegerField(db_default=0, default=0, editable=False)
    response_ms = models.IntegerField(
        null=True, blank=True, editable=False, help_text="Smoothed time to a first response."
    )
    matched_at = models.DateTimeField(null=True, blank=True, editable=False)
    warm_until = models.DateTimeField(null=True, blank=True, editable=False)
    missed = models.SmallIntegerField(
        db_default=0, default=0, editable=False, help_text="Offers in a row that ran out."
    )
    lease_until = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="Signed in over HTTP without a socket: counts as present until then.",
    )
    version = models.BigIntegerField(db_default=1, default=1, editable=False)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["tenant", "user"], name="agent_is_one_person"),
            models.CheckConstraint(
                condition=Q(status__in=Status.values), name="agent_status_is_known"
            ),
            models.CheckConstraint(
                condition=Q(capacity__range=(1, 100)), name="agent_capacity_is_in_range"
            ),
            models.CheckConstraint(
                condition=Q(weight__range=(1, 100)), name="agent_weight_is_in_range"
            ),
            models.CheckConstraint(condition=Q(load__gte=0), name="agent_load_is_not_negative"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["tenant"], name="agents_who_are_in", condition=~Q(status="offline")
            ),
        ]

    def __str__(self) -> str:
        return self.name


class AgentSkill(models.Model):
    """What an agent can do, and how well: 1 (somewhat) to 5 (nobody better)."""

    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="skills")
    skill = models.TextField()
    level = models.SmallIntegerField(default=3)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["agent", "skill"], name="skill_has_one_level"),
            models.CheckConstraint(condition=Q(level__range=(1, 5)), name="skill_level_is_1_to_5"),
        ]

    def __str__(self) -> str:
        return f"{self.skill} {self.level}"


class StatusChange(models.Model):
    """One stretch of time in one status; the open one is the present."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="history")
    status = models.CharField(max_length=8, choices=Status)
    reason = models.TextField(db_default="", default="")
    by = models.TextField(db_default="", default="", help_text="Who changed it; empty: the system.")
    since = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["agent"], condition=Q(until=None), name="agent_is_in_one_status"
            ),
            models.CheckConstraint(
                condition=Q(until=None) | Q(until__gte=models.F("since")),
                name="status_ends_after_it_began",
            ),
            models.CheckConstraint(
                condition=Q(status__in=Status.values), name="past_status_is_known"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tenant", "since"], name="statuses_of_a_time"),
        ]

    def __str__(self) -> str:
        return f"{self.status} since {self.since:%Y-%m-%d %H:%M}"
