"""How a tenant wants its work given out; and how far the copy in Redis was from the truth."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.agents.models.agents import Team
from apps.agents.models.hours import Schedule
from apps.tenants.models import Tenant, TenantQuerySet


class Strategy(models.TextChoices):
    """What decides between agents who could all take the work."""

    LEAST_LOAD = "least_load"
    ROUND_ROBIN = "weighted_round_robin"
    BEST_SKILL = "best_skill"
    PERFORMANCE = "performance"


class OutOfHours(models.TextChoices):
    """What is done with work that comes when nobody is there."""

    WAIT = "wait"
    TELL = "tell"


def usual_steps() -> list[dict[str, int]]:
    """Skills asked one level lower after half a minute, two after one, none after two minutes."""
    return [{"after": 30, "drop": 1}, {"after": 60, "drop": 2}, {"after": 120, "drop": 5}]


class RoutingPolicy(models.Model):
    """A tenant's rules of matching. Without a row the defaults hold. Times are seconds."""

    tenant = models.OneToOneField(
        Tenant, on_delete=models.PROTECT, related_name="+", primary_key=True
    )
    strategy = models.CharField(max_length=20, choices=Strategy, default=Strategy.LEAST_LOAD)
    relax = models.JSONField(
        default=usual_steps,
        help_text="Steps: after so many seconds, so many levels less; 5 asks for no skill at all.",
    )
    priority_step = models.IntegerField(
        default=60, help_text="What one step of priority is worth, in seconds of waiting."
    )
    target_wait = models.IntegerField(default=60, help_text="An agent should have it by then.")
    target_response = models.IntegerField(default=60, help_text="And have answered by then.")
    offer_time = models.IntegerField(default=30)
    auto_accept = models.BooleanField(default=False)
    decline_pause = models.IntegerField(
        default=60, help_text="Who declined is not asked again for so long."
    )
    missed_max = models.SmallIntegerField(
        default=3, help_text="After so many offers in a row that ran out: away."
    )
    sticky_time = models.IntegerField(
        default=30, help_text="How long work waits for the agent who knows the customer."
    )
    grace = models.IntegerField(default=30, help_text="Between a lost connection and offline.")
    channel_costs = models.JSONField(
        default=dict, help_text="Channel: thousandths of a conversation; 1000 where not named."
    )
    inactive_after = models.IntegerField(default=240)
    inactive_weight = models.SmallIntegerField(
        default=1000, help_text="Thousandths of its weight that silent or held work still has."
    )
    wrap_up = models.IntegerField(default=0)
    warm_up = models.IntegerField(
        default=0, help_text="So long after coming online, work comes only at intervals."
    )
    warm_up_interval = models.IntegerField(default=90)
    schedule = models.ForeignKey(Schedule, on_delete=models.PROTECT, null=True, blank=True)
    out_of_hours = models.CharField(max_length=4, choices=OutOfHours, default=OutOfHours.TELL)
    long_wait = models.IntegerField(null=True, blank=True)
    long_queue = models.IntegerField(null=True, blank=True)
    overflow_team = models.ForeignKey(Team, on_delete=models.PROTECT, null=True, blank=True)
    updated_at = models.DateTimeField(db_default=Now())

    objects = TenantQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "routing policies"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(strategy__in=Strategy.values), name="strategy_is_known"
            ),
            models.CheckConstraint(
                condition=Q(out_of_hours__in=OutOfHours.values), name="out_of_hours_is_known"
            ),
            models.CheckConstraint(
                condition=Q(offer_time__range=(1, 3600))
                & Q(grace__range=(0, 3600))
                & Q(wrap_up__range=(0, 3600))
                & Q(warm_up__range=(0, 86_400))
                & Q(warm_up_interval__range=(1, 3600))
                & Q(decline_pause__range=(0, 86_400))
                & Q(sticky_time__range=(0, 86_400))
                & Q(priority_step__range=(0, 3600))
                & Q(target_wait__range=(1, 86_400))
                & Q(target_response__range=(1, 86_400))
                & Q(inactive_after__range=(10, 86_400)),
                name="policy_times_are_in_range",
            ),
            models.CheckConstraint(
                condition=Q(inactive_weight__range=(0, 1000)), name="inactive_weight_is_a_share"
            ),
            models.CheckConstraint(
                condition=Q(missed_max__range=(1, 100)), name="missed_max_is_in_range"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tenant}: {self.strategy}"


class DriftCheck(models.Model):
    """The newest comparison of the matching state in Redis with the tables. Aim: no difference."""

    tenant = models.OneToOneField(
        Tenant, on_delete=models.PROTECT, related_name="+", primary_key=True
    )
    checked_at = models.DateTimeField()
    compared = models.IntegerField()
    drifted = models.IntegerField()
    drifted_total = models.BigIntegerField(db_default=0, default=0)
    rebuilds_total = models.BigIntegerField(db_default=0, default=0)
    details: Any = models.JSONField(default=list)

    objects = TenantQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.tenant}: {self.drifted} of {self.compared}"
