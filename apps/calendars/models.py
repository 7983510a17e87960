"""What a tenant decides beside the lists of holidays, each with a reason and a name."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.calendars.calendar import AssetClass
from apps.core.ids import uuid7
from apps.tenants.models import Tenant, TenantQuerySet


class CalendarException(models.Model):
    """A day that is closed, or open, against the calendar: a storm, a day of mourning, a make-up day.

    It is never deleted: withdrawn, it stays as a record.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    calendar = models.TextField(help_text="Code of a settlement calendar, such as US or TARGET.")
    day = models.DateField()
    is_open = models.BooleanField(help_text="Opened out of turn; otherwise closed.")
    reason = models.TextField()
    decided_by = models.TextField()
    decided_at = models.DateTimeField(db_default=Now())
    withdrawn_by = models.TextField(blank=True, default="")
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["tenant", "calendar", "day"],
                condition=Q(withdrawn_at=None),
                name="calendar_day_is_decided_once",
            ),
            models.CheckConstraint(
                condition=~Q(reason="") & ~Q(decided_by=""), name="calendar_exception_has_a_reason"
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at=None, withdrawn_by="")
                | (Q(withdrawn_at__isnull=False) & ~Q(withdrawn_by="")),
                name="calendar_withdrawal_has_a_name",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.calendar} {self.day} {'open' if self.is_open else 'closed'}"


class MarketRule(models.Model):
    """A cycle, a cut-off or both, from a day on: by trade date the one, by settlement day the other."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    calendar = models.TextField()
    asset_class = models.TextField(choices=[(one.value, one.value) for one in AssetClass])
    effective_from = models.DateField()
    settlement_days = models.SmallIntegerField(null=True, blank=True)
    cutoff = models.TimeField(null=True, blank=True, help_text="On the market's own clock.")
    reason = models.TextField()
    decided_by = models.TextField()
    decided_at = models.DateTimeField(db_default=Now())

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["tenant", "calendar", "asset_class", "effective_from"],
                name="market_rule_is_set_once_a_day",
            ),
            models.CheckConstraint(
                condition=Q(asset_class__in=[one.value for one in AssetClass]),
                name="market_rule_asset_class_is_known",
            ),
            models.CheckConstraint(
                condition=Q(settlement_days=None) | Q(settlement_days__range=(0, 30)),
                name="market_rule_days_are_sane",
            ),
            models.CheckConstraint(
                condition=Q(settlement_days__isnull=False) | Q(cutoff__isnull=False),
                name="market_rule_says_something",
            ),
            models.CheckConstraint(
                condition=~Q(reason="") & ~Q(decided_by=""), name="market_rule_has_a_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.calendar} {self.asset_class} from {self.effective_from}"
