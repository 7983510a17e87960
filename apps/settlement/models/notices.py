"""What clearing systems told us, kept as it came."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.settlement.models.fields import AmountField, fits
from apps.tenants.models import Tenant, TenantQuerySet


class NoticeState(models.TextChoices):
    """What became of a notice."""

    RECEIVED = "received"
    TAKEN = "taken"
    SUSPENDED = "suspended"  # it fits nothing: a person looks at it
    RESOLVED = "resolved"  # by a person


class ClearingNotice(models.Model):
    """One notice. Its content never changes; an equal one is a duplicate."""

    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    system = models.TextField()
    notice_id = models.TextField(help_text="The clearing system's.")
    instruction = models.TextField(help_text="Ours, as it was repeated to us.")
    kind = models.CharField(max_length=9)
    quantity = AmountField(null=True)
    amount = AmountField(null=True)
    code = models.TextField()
    detail = models.TextField()
    at = models.DateTimeField(help_text="When it happened, says the clearing system.")
    digest = models.TextField(help_text="SHA-256 of the content.")
    raw = models.TextField()
    settlement_id = models.UUIDField(null=True)
    state = models.CharField(max_length=9, choices=NoticeState)
    reason = models.TextField(db_default="", help_text="Why it was suspended, or how resolved.")
    resolved_by = models.TextField(db_default="")
    received_at = models.DateTimeField(db_default=Now())
    settled_at = models.DateTimeField(null=True, help_text="When we dealt with it.")

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["tenant", "system", "notice_id"], name="notice_is_taken_once"
            ),
            models.CheckConstraint(
                condition=Q(state__in=sorted(NoticeState.values)), name="notice_state_is_known"
            ),
            models.CheckConstraint(
                condition=(Q(quantity__isnull=True) | fits("quantity"))
                & (Q(amount__isnull=True) | fits("amount")),
                name="notice_amounts_fit",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["settlement_id"], name="notices_of_settlement"),
            models.Index(
                fields=["tenant", "id"],
                condition=Q(state="suspended"),
                name="notices_suspended",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.system} {self.notice_id}: {self.kind}"
