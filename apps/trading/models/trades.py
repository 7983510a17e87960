"""What was dealt, what was refused, and which requests were seen before. All append-only."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.tenants.models import Tenant, TenantQuerySet
from apps.trading.models.fields import AmountField, is_positive
from apps.trading.models.reference import ClientAccount, Instrument


class Side(models.TextChoices):
    """Which way a trade goes for the account."""

    BUY = "buy"
    SELL = "sell"


class TradeState(models.TextChoices):
    """Where a trade stands."""

    EXECUTED = "executed"
    CANCELLED = "cancelled"
    AMENDED = "amended"


class Trade(models.Model):
    """A deal that was accepted. Its terms are final: a trigger refuses changes.

    No foreign keys, which would lock account, instrument and tenant for every trade: a statement
    trigger checks them all in one join, and the rows that it finds are never deleted.
    """

    id = models.UUIDField(primary_key=True)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    version_no = models.SmallIntegerField()
    account = models.ForeignKey(
        ClientAccount,
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    instrument = models.ForeignKey(
        Instrument, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    side = models.CharField(max_length=4, choices=Side)
    quantity = AmountField()
    price = AmountField()
    notional = AmountField(help_text="In `currency`, rounded to its booking scale.")
    currency = models.TextField()
    fees = models.JSONField(help_text="[{kind, amount, currency}]; positive: the client pays.")
    state = models.CharField(max_length=9, choices=TradeState)
    trade_date = models.DateField()
    settles_on = models.DateField(null=True)
    executed_at = models.DateTimeField(help_text="When it was dealt (UTC).")
    booked_at = models.DateTimeField(help_text="When we knew of it (UTC).")
    source = models.TextField(help_text="Who numbers the external ids: api, file:<symbol>, …")
    external_id = models.TextField(null=True)  # noqa: DJ001 - none is not the empty one
    counterparty = models.TextField(null=True)  # noqa: DJ001 - same

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["tenant", "source", "external_id"],
                condition=Q(external_id__isnull=False),
                name="trade_is_booked_once_per_source",
            ),
            models.CheckConstraint(
                condition=is_positive("quantity", "price", "notional"),
                name="trade_amounts_are_positive",
            ),
            models.CheckConstraint(condition=Q(side__in=Side.values), name="trade_side_is_known"),
            # The row is the first version; what became of it later is in its revisions.
            models.CheckConstraint(
                condition=Q(state__in=[TradeState.EXECUTED.value]), name="trade_state_is_known"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # Pages of the blotter, newest first: of a tenant, an account, an instrument.
            models.Index(fields=["tenant", "id"], name="trades_of_tenant"),
            models.Index(fields=["account", "id"], name="trades_of_account"),
            models.Index(fields=["instrument", "id"], name="trades_of_instrument"),
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.quantity} @ {self.price}"


class TradeRevision(models.Model):
    """A later version of a trade: cancelled, or with other terms. The row of the trade stays.

    A trigger sees to it that versions follow one another and end with a cancellation.
    """

    id = models.UUIDField(primary_key=True)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    trade = models.ForeignKey(
        Trade,
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="revisions",
    )
    version_no = models.SmallIntegerField()
    state = models.CharField(max_length=9, choices=TradeState)
    quantity = AmountField(help_text="From now on; of a cancelled trade: what is undone.")
    price = AmountField()
    notional = AmountField()
    fees = models.JSONField(help_text="[{kind, amount, currency}]; positive: the client pays.")
    reason = models.TextField()
    client = models.TextField(help_text="Who asked for it: `key:<id>` or `user:<id>`.")
    booked_at = models.DateTimeField(help_text="When we knew of it (UTC).")

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["trade", "version_no"], name="trade_version_is_made_once"
            ),
            models.CheckConstraint(
                condition=is_positive("quantity", "price", "notional"),
                name="revision_amounts_are_positive",
            ),
            models.CheckConstraint(
                condition=Q(state__in=[TradeState.CANCELLED.value, TradeState.AMENDED.value]),
                name="revision_state_is_known",
            ),
            models.CheckConstraint(
                condition=Q(version_no__gte=2) & ~Q(reason=""), name="revision_has_a_reason"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tenant", "state", "trade"], name="revisions_by_state"),
        ]

    def __str__(self) -> str:
        return f"v{self.version_no} {self.state}: {self.reason}"


class RejectedTrade(models.Model):
    """A trade that was refused, with every reason: a fact like any other."""

    id = models.UUIDField(primary_key=True)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    client = models.TextField(help_text="Who sent it.")
    account = models.TextField(help_text="As it was sent.")
    instrument = models.TextField(help_text="As it was sent.")
    side = models.TextField()
    quantity = models.TextField()
    price = models.TextField()
    status = models.SmallIntegerField(help_text="422: a rule refuses it. 409: booked otherwise.")
    reasons = models.JSONField(help_text="[{field, code, detail}]")
    request = models.JSONField(help_text="The request in canonical form.")
    rejected_at = models.DateTimeField()

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(status__in=(409, 422)), name="rejection_status_is_known"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tenant", "id"], name="rejections_of_tenant"),
        ]

    def __str__(self) -> str:
        return f"{self.side} {self.quantity} {self.instrument} for {self.account}"


class IdempotencyKey(models.Model):
    """A request that was answered: the truth for replays, of refusals, too.

    The outcome is the trade (status 201, or 200 where it was booked before) or the refusal.
    """

    pk = models.CompositePrimaryKey("tenant_id", "client", "operation", "key")
    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    client = models.TextField(help_text="Who sent it: `key:<id>` or `user:<id>`.")
    operation = models.TextField()
    key = models.TextField()
    request = models.TextField(help_text="The request in canonical form.")
    status = models.SmallIntegerField()
    outcome = models.UUIDField(help_text="The trade, or the rejected trade.")
    created_at = models.DateTimeField()

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(status__in=(200, 201, 409, 422)), name="key_status_is_known"
            ),
        ]

    def __str__(self) -> str:
        return self.key
