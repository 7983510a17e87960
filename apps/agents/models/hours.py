"""When somebody is there: weekly hours with exceptions, in a zone of their own.

Whether it is open is never kept: it is computed from these rows whenever it is asked.
"""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.core.ids import uuid7
from apps.tenants.models import Tenant, TenantQuerySet


class Schedule(models.Model):
    """Hours by a name, for a tenant, a team or an agent."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    name = models.TextField()
    zone = models.TextField(help_text="An IANA zone, such as Europe/Berlin.")

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["tenant", "name"], name="schedule_name_is_unique"),
        ]

    def __str__(self) -> str:
        return self.name


class ScheduleHours(models.Model):
    """One interval of a week, local time. Up to `closes`, next day where that is not later."""

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="hours")
    weekday = models.SmallIntegerField(help_text="0 is Monday.")
    opens = models.TimeField()
    closes = models.TimeField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(weekday__range=(0, 6)), name="weekday_is_of_a_week"),
            models.UniqueConstraint(
                fields=["schedule", "weekday", "opens"], name="hours_open_once_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.weekday} {self.opens:%H:%M}-{self.closes:%H:%M}"


class ScheduleException(models.Model):
    """A day that is not like its weekday; without times it is closed."""

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="exceptions")
    day = models.DateField()
    opens = models.TimeField(null=True, blank=True)
    closes = models.TimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(opens=None, closes=None) | Q(opens__isnull=False, closes__isnull=False),
                name="exception_has_both_times_or_none",
            ),
            models.UniqueConstraint(
                fields=["schedule", "day", "opens"], name="exception_opens_once_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day}: {'closed' if self.opens is None else f'{self.opens}-{self.closes}'}"
