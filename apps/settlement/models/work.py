"""What was done about settlements: steps, proposals of people, penalties."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from apps.settlement.models.fields import AmountField, fits
from apps.tenants.models import Tenant, TenantQuerySet


class SettlementStep(models.Model):
    """One step of a settlement: a try, an answer, a decision. Finished ones never change."""

    settlement = models.ForeignKey(
        "Settlement", on_delete=models.PROTECT, db_constraint=False, db_index=False,
        related_name="steps",
    )  # fmt: skip
    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    step = models.CharField(
        max_length=12, help_text="open, release, validate, instruct, ask, withdraw, notice, post, …"
    )
    attempt = models.SmallIntegerField()
    request_id = models.UUIDField(null=True, help_text="Our instruction's id.")
    request_hash = models.TextField(db_default="", help_text="SHA-256 of what was sent.")
    request = models.TextField(db_default="")
    response = models.TextField(db_default="")
    error = models.TextField(db_default="")
    from_state = models.CharField(max_length=19)
    to_state = models.CharField(max_length=19)
    note = models.TextField(db_default="", help_text="A reason, a comment.")
    by = models.TextField(db_default="", help_text="Who decided; empty: the machine.")
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    next_attempt_at = models.DateTimeField(null=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["settlement", "id"], name="steps_of_settlement"),
        ]

    def __str__(self) -> str:
        return f"{self.step} {self.attempt}: {self.from_state} → {self.to_state}"


class Proposal(models.Model):
    """Somebody says that a settlement has settled by hand; a second person decides about it."""

    id = models.UUIDField(primary_key=True)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    settlement_id = models.UUIDField()
    reason = models.TextField()
    proposed_by = models.TextField()
    proposed_at = models.DateTimeField(db_default=Now())
    is_approved = models.BooleanField(null=True)
    decided_by = models.TextField(null=True)  # noqa: DJ001 - nobody yet is not somebody without name
    decided_at = models.DateTimeField(null=True)
    decision_reason = models.TextField(db_default="")

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["settlement_id"],
                condition=Q(is_approved__isnull=True),
                name="settlement_has_one_open_proposal",
            ),
            models.CheckConstraint(
                condition=Q(is_approved__isnull=True, decided_by__isnull=True)
                | Q(is_approved__isnull=False, decided_by__isnull=False, decided_at__isnull=False),
                name="decisions_are_somebodys",
            ),
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True) | ~Q(decided_by=F("proposed_by")),
                name="two_people_settle_by_hand",
            ),
        ]

    def __str__(self) -> str:
        return f"by {self.proposed_by}: {self.reason}"


class SettlementPolicy(models.Model):
    """How a tenant settles. Without a row: as a prime broker does, which lends what is sold short."""

    class ShortDeliveries(models.TextChoices):
        """What becomes of a delivery of more than the account holds."""

        COVER = "cover"  # it is delivered; the client then owes the units
        HOLD = "hold"  # it waits for the units, and after a while for a person

    tenant = models.OneToOneField(
        Tenant, on_delete=models.PROTECT, primary_key=True, related_name="+"
    )
    short_deliveries = models.CharField(
        max_length=5, choices=ShortDeliveries, default=ShortDeliveries.COVER
    )
    reason = models.TextField()
    decided_by = models.TextField()
    decided_at = models.DateTimeField(db_default=Now())

    objects = TenantQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "settlement policies"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(short_deliveries__in=["cover", "hold"]),
                name="short_deliveries_are_known",
            ),
        ]

    def __str__(self) -> str:
        return f"short deliveries: {self.short_deliveries}"


class Penalty(models.Model):
    """What one day of failing costs; it is in the ledger as an entry of its own."""

    pk = models.CompositePrimaryKey("settlement_id", "on")
    settlement_id = models.UUIDField()
    on = models.DateField(help_text="The business day.")
    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    quantity = AmountField(help_text="That failed on this day.")
    price = AmountField(help_text="Reference price.")
    rate = AmountField(help_text="Per day.")
    amount = AmountField()
    currency = models.TextField()
    accrued_at = models.DateTimeField()

    objects = TenantQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "penalties"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=fits("quantity", "price", "rate", "amount") & Q(amount__gt=0),
                name="penalty_amounts_fit",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency} on {self.on}"


class UnitSplit(models.Model):
    """What a split made of the settled units of an account: once for each, never changed."""

    pk = models.CompositePrimaryKey("action_id", "account_id")
    action_id = models.UUIDField()
    account_id = models.UUIDField()
    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    instrument_id = models.UUIDField()
    symbol = models.TextField()
    factor = AmountField(help_text="New units for an old one, rounded.")
    settled = AmountField(help_text="Settled units that it made; below zero: that it took.")
    open_settlements = models.IntegerField(help_text="Whose open units it changed.")
    at = models.DateTimeField()

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=fits("factor", "settled") & Q(factor__gt=0), name="unit_split_fits"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.symbol} times {self.factor}"
