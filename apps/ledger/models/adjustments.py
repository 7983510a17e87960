"""Adjustments: entry lines that one person proposes and another decides about."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from apps.ledger.models.reconciliation import Break
from apps.tenants.models import Tenant, TenantQuerySet


class AdjustmentState(models.TextChoices):
    """Where an adjustment stands; from `proposed` it goes once, and stays."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class Adjustment(models.Model):
    """Lines that correct the books by hand. What is proposed never changes: propose anew instead.

    Approved it has its entry, and an entry of this kind has its approved adjustment: the database
    refuses the one without the other (`migrations/sql/adjustments.sql`).
    """

    id = models.UUIDField(primary_key=True)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    key = models.TextField(help_text="The proposer's idempotency key.")
    reason = models.TextField()
    lines = models.JSONField(
        help_text="[{account, owner, owner_number, asset, side: debit|credit, amount}]"
    )
    digest = models.TextField(help_text="SHA-256 of what is proposed, in hexadecimal.")
    effective_at = models.DateTimeField(help_text="When it counts in the business (UTC).")
    mends = models.ForeignKey(
        Break, on_delete=models.PROTECT, null=True, related_name="+", help_text="Closed by it."
    )
    state = models.CharField(max_length=9, choices=AdjustmentState)
    proposed_by = models.TextField(help_text="`user:<id>` or `key:<id>`.")
    proposed_at = models.DateTimeField()
    decided_by = models.TextField(null=True)  # noqa: DJ001 - nobody yet is not somebody without name
    decided_at = models.DateTimeField(null=True)
    decision_reason = models.TextField(blank=True, default="")
    entry_id = models.UUIDField(null=True, help_text="The journal entry that booked it.")

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["tenant", "proposed_by", "key"], name="adjustment_is_proposed_once"
            ),
            models.UniqueConstraint(
                fields=["mends"],
                condition=Q(state="proposed", mends__isnull=False),
                name="break_has_one_open_adjustment",
            ),
            models.CheckConstraint(
                condition=Q(state__in=AdjustmentState.values), name="adjustment_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(state="proposed", decided_by__isnull=True, decided_at__isnull=True)
                | (~Q(state="proposed") & Q(decided_by__isnull=False, decided_at__isnull=False)),
                name="adjustment_decisions_are_somebodys",
            ),
            # One may take back what one proposed; to approve or reject it takes another.
            models.CheckConstraint(
                condition=Q(state="proposed")
                | Q(state="withdrawn", decided_by=F("proposed_by"))
                | (Q(state__in=["approved", "rejected"]) & ~Q(decided_by=F("proposed_by"))),
                name="two_people_adjust",
            ),
            models.CheckConstraint(
                condition=Q(state="approved", entry_id__isnull=False)
                | (~Q(state="approved") & Q(entry_id__isnull=True)),
                name="approved_adjustments_and_only_they_are_booked",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tenant", "id"], name="adjustments_of_a_tenant"),
        ]

    def __str__(self) -> str:
        return f"{self.state}: {self.reason}"
