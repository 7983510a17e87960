"""Reconciliation: runs, breaks, and what others say that they hold for us."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from apps.ledger.models.fields import ExactField
from apps.ledger.reconciliation import BreakState, Status
from apps.tenants.models import Tenant, TenantQuerySet


class ReconciliationRun(models.Model):
    """One look at one day of one tenant. Run again, a day that could not be looked at is replaced."""

    id = models.UUIDField(primary_key=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    date = models.DateField(help_text="The business day (UTC).")
    status = models.CharField(max_length=8, choices=[(one.value, one.value) for one in Status])
    since = models.DateTimeField(help_text="What was booked from then on was looked at.")
    until = models.DateTimeField(help_text="The moment of the look.")
    cut = models.JSONField(
        help_text="Offsets at which both sides were compared: {partition: offset}."
    )
    checks = models.JSONField(help_text="[{name, status, checked, found, missing}]")
    found = models.IntegerField(help_text="Breaks that this run saw.")
    started_by = models.TextField(help_text="The clock, or who asked.")
    finished_at = models.DateTimeField()

    objects = TenantQuerySet.as_manager()

    class Meta:
        ordering = ("-date",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["tenant", "date"], name="day_is_reconciled_once"),
            models.CheckConstraint(
                condition=Q(status__in=list(Status)), name="run_status_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.date}: {self.status}"


class Break(models.Model):
    """Two records that differ, and the work on it. The same difference is one break until closed."""

    id = models.UUIDField(primary_key=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    run = models.ForeignKey(ReconciliationRun, on_delete=models.PROTECT, related_name="breaks")
    last_run = models.ForeignKey(ReconciliationRun, on_delete=models.PROTECT, related_name="+")
    kind = models.TextField()
    subject = models.TextField(help_text="What differs: with the kind, its identity.")
    account = models.TextField(blank=True, default="")
    asset = models.TextField(blank=True, default="")
    expected = ExactField(null=True)
    actual = ExactField(null=True)
    detail = models.TextField()
    state = models.CharField(max_length=9, choices=[(one.value, one.value) for one in BreakState])
    assignee = models.TextField(blank=True, default="")
    note = models.TextField(blank=True, default="", help_text="The newest one; all are in the log.")
    opened_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["tenant", "kind", "subject"],
                condition=~Q(state=BreakState.CLOSED.value),
                name="break_is_open_once",
            ),
            models.CheckConstraint(
                condition=Q(state__in=list(BreakState)), name="break_state_is_known"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tenant", "id"], name="breaks_of_a_tenant"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.subject}"


class ExternalStatement(models.Model):
    """What a depository or a bank says that it held for us at the end of a day. Never changed."""

    class Kind(models.TextChoices):
        """Whose holding it is about."""

        DEPOT = "depot"
        NOSTRO = "nostro"

    id = models.UUIDField(primary_key=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    date = models.DateField()
    kind = models.CharField(max_length=6, choices=Kind)
    source = models.TextField(help_text="Who says so.")
    balances = models.JSONField(help_text="{asset: amount}, in our favour above zero.")
    received_at = models.DateTimeField()
    received_from = models.TextField(help_text="Who brought it: `key:<id>` or `user:<id>`.")

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["tenant", "date", "kind", "source"], name="statement_is_received_once"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["depot", "nostro"]), name="statement_kind_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.source} {self.date}"

    def amounts(self) -> dict[str, Any]:
        """What is held, as text by asset."""
        return dict(self.balances)
