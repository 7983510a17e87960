"""Schedules: which report of which terms is to be made into a file, and how often."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.core.ids import uuid7
from apps.reports.periods import Every
from apps.tenants.models import Tenant, TenantQuerySet


class ScheduleState(models.TextChoices):
    """Whether files are made."""

    ACTIVE = "active"
    PAUSED = "paused"


class Schedule(models.Model):
    """A report that is made into a file once a period. Its terms stay; others are another schedule."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    name = models.TextField()
    report = models.TextField(help_text="Its name.")
    parameters = models.JSONField(help_text="{name: text}; the period's own times are filled in.")
    every = models.CharField(max_length=4, choices=[(one.value, one.value) for one in Every])
    zone = models.TextField(help_text="An IANA zone, such as Europe/Berlin: whose days they are.")
    at = models.TimeField(help_text="Of days: when the file is made on the day after, there.")
    keep_days = models.PositiveIntegerField(help_text="How long a file is kept.")
    state = models.CharField(
        max_length=6, choices=ScheduleState, default=ScheduleState.ACTIVE, db_default="active"
    )
    since = models.DateTimeField(help_text="The first period is the one that lies around it.")
    next_at = models.DateTimeField(help_text="When the clock looks at it again (UTC).")
    created_by = models.TextField(help_text="Who asked for it: `key:<id>` or `user:<id>`.")
    created_at = models.DateTimeField(db_default=Now())

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["tenant", "name"], name="report_schedule_is_unique"),
            models.CheckConstraint(
                condition=Q(every__in=list(Every)), name="report_schedule_every_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=ScheduleState.values), name="report_schedule_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(keep_days__range=(1, 3_700)), name="report_schedule_keeps_for_a_time"
            ),
            models.CheckConstraint(condition=~Q(name=""), name="report_schedule_has_a_name"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["next_at"], condition=Q(state="active"), name="report_schedules_next"
            ),
        ]

    def __str__(self) -> str:
        return self.name
