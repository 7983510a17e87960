"""What waits, and who has what: work, and its assignments."""

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.agents.models.agents import Agent, Team
from apps.core.ids import uuid7
from apps.tenants.models import Tenant, TenantQuerySet


class WorkState(models.TextChoices):
    """Where work is on its way."""

    WAITING = "waiting"
    OFFERED = "offered"
    ASSIGNED = "assigned"
    WRAP_UP = "wrap_up"
    DONE = "done"


class Outcome(models.TextChoices):
    """How an assignment, or all of the work, ended."""

    COMPLETED = "completed"
    DECLINED = "declined"
    TIMED_OUT = "timed_out"
    TRANSFERRED = "transferred"
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"
    TAKEN_OVER = "taken_over"
    ABANDONED = "abandoned"


class How(models.TextChoices):
    """How an agent came to the work."""

    ACCEPTED = "accepted"
    AUTO = "auto"
    ASSIGNED = "assigned"
    TAKEN_OVER = "taken_over"


class AssignmentState(models.TextChoices):
    """How far an agent is with the work."""

    OFFERED = "offered"
    ACTIVE = "active"
    WRAP_UP = "wrap_up"
    ENDED = "ended"


LIVE = (AssignmentState.OFFERED, AssignmentState.ACTIVE, AssignmentState.WRAP_UP)


class Work(models.Model):
    """One visit to the queue: from the wish for an agent to the end. `work_id` names the matter.

    `order_at` is the time by which work is ordered: when it was queued, earlier by its priority and
    by a close deadline. Whoever waits keeps it, so nobody is overtaken for ever.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    work_id = models.UUIDField()
    state = models.CharField(max_length=8, choices=WorkState, default="waiting")
    channel = models.TextField()
    language = models.TextField(db_default="", default="")
    skills = models.JSONField(default=dict, help_text="Name: level 1 to 5.")
    priority = models.SmallIntegerField(default=0)
    queued_at = models.DateTimeField()
    order_at = models.DateTimeField()
    asked_at = models.DateTimeField(
        null=True,
        help_text="Since when it waits for whom it asks for now, if not since it was queued: skills are "
        "relaxed from then on.",
    )
    deadline = models.DateTimeField(null=True)
    weight = models.IntegerField(help_text="Thousandths of one conversation.")
    on_hold = models.BooleanField(db_default=False, default=False)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, null=True, related_name="+")
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, null=True, related_name="+")
    fallback_at = models.DateTimeField(
        null=True, help_text="From then on not only that team or agent."
    )
    sticky_agent = models.ForeignKey(Agent, on_delete=models.PROTECT, null=True, related_name="+")
    declined = models.JSONField(default=dict, help_text="Agent: not before (ms since 1970).")
    overflowed = models.JSONField(default=list, help_text="Rules that were told.")
    fence = models.BigIntegerField(db_default=0, default=0)
    matched_at = models.DateTimeField(null=True, help_text="When an agent first had it.")
    customer_since = models.DateTimeField(
        null=True, help_text="Since when the customer waits for a word of the agent."
    )
    active_at = models.DateTimeField(null=True, help_text="The newest message of either side.")
    first_response_ms = models.BigIntegerField(null=True)
    responses = models.IntegerField(db_default=0, default=0)
    response_ms = models.BigIntegerField(db_default=0, default=0, help_text="Sum of all responses.")
    done_at = models.DateTimeField(null=True)
    outcome = models.CharField(
        max_length=11, choices=Outcome, db_default="", default="", blank=True
    )
    version = models.BigIntegerField(db_default=1, default=1)
    updated_at = models.DateTimeField(db_default=Now())

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["tenant", "work_id"], condition=~Q(state="done"), name="work_is_live_once"
            ),
            models.CheckConstraint(
                condition=Q(state__in=WorkState.values), name="work_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(priority__range=(0, 100)), name="work_priority_is_in_range"
            ),
            models.CheckConstraint(
                condition=Q(weight__range=(0, 100_000)), name="work_weight_is_in_range"
            ),
            models.CheckConstraint(
                condition=Q(state="done", done_at__isnull=False)
                | (~Q(state="done") & Q(done_at=None)),
                name="work_is_done_at_a_time",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["tenant", "order_at", "id"],
                name="work_that_waits",
                condition=Q(state="waiting"),
            ),
            models.Index(fields=["tenant", "queued_at"], name="work_of_a_time"),
        ]

    def __str__(self) -> str:
        return f"{self.work_id} {self.state}"

    @property
    def waits_since(self) -> datetime:
        """The beginning of its present wait; its place in the line may be older."""
        return self.asked_at or self.queued_at


class Assignment(models.Model):
    """An agent's hold on work, from the offer to the end. A trigger keeps ended ones as they are."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    work = models.ForeignKey(Work, on_delete=models.PROTECT, related_name="assignments")
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="assignments")
    state = models.CharField(max_length=7, choices=AssignmentState)
    how = models.CharField(max_length=10, choices=How, db_default="", default="", blank=True)
    fence = models.BigIntegerField()
    weight = models.IntegerField()
    offered_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    accepted_at = models.DateTimeField(null=True)
    first_response_ms = models.BigIntegerField(null=True)
    responses = models.IntegerField(db_default=0, default=0)
    response_ms = models.BigIntegerField(
        db_default=0, default=0, help_text="Sum of the agent's responses."
    )
    wrap_up_at = models.DateTimeField(null=True)
    wrap_up_until = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    outcome = models.CharField(
        max_length=11, choices=Outcome, db_default="", default="", blank=True
    )
    reason = models.TextField(db_default="", default="")

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["work"], condition=~Q(state="ended"), name="work_has_one_agent"
            ),
            models.UniqueConstraint(fields=["work", "fence"], name="fence_is_used_once"),
            models.CheckConstraint(
                condition=Q(state__in=AssignmentState.values), name="assignment_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state="ended", ended_at__isnull=False)
                | (~Q(state="ended") & Q(ended_at=None)),
                name="assignment_ends_at_a_time",
            ),
            models.CheckConstraint(
                condition=~Q(state="offered") | Q(expires_at__isnull=False),
                name="offer_runs_out",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["active", "wrap_up"]) | Q(accepted_at__isnull=False),
                name="taken_work_was_accepted",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["agent"], name="assignments_in_hand", condition=~Q(state="ended")),
            models.Index(
                fields=["tenant", "expires_at"],
                name="offers_that_run_out",
                condition=Q(state="offered"),
            ),
            models.Index(fields=["tenant", "offered_at"], name="assignments_of_a_time"),
        ]

    def __str__(self) -> str:
        return f"{self.agent_id} {self.state}"
