"""What is held: the projection of the trades, its history, and how far it is.

Written by the handler of the log only; everything here can be rebuilt from it.
"""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from apps.tenants.models import Tenant, TenantQuerySet
from apps.trading.models.fields import AmountField, fits
from apps.trading.models.reference import ClientAccount, Instrument


class Position(models.Model):
    """What an account holds of an instrument, and what it has earned on it."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
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
    currency = models.TextField(help_text="Of every amount but the quantity.")
    quantity = AmountField(help_text="Long above zero, short below.")
    cost = AmountField(help_text="Total, signed like the quantity; inverse: in the base coin.")
    realised_pnl = AmountField(help_text="Before fees, since the first trade.")
    fees = AmountField(help_text="Since the first trade.")
    lots = models.JSONField(null=True, help_text="FIFO only: [[quantity, cost, offset]].")
    version = models.BigIntegerField(help_text="How many trades made it.")
    last_offset = models.BigIntegerField(help_text="In the account's partition of topic trade.")
    effective_to = models.DateTimeField(help_text="The latest time of dealing of its trades.")
    known_to = models.DateTimeField(help_text="The latest time at which we knew of one.")
    updated_at = models.DateTimeField(help_text="When it was last folded (UTC).")

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["account", "instrument"], name="account_has_one_position_per_instrument"
            ),
            models.CheckConstraint(
                condition=fits("quantity", "cost", "realised_pnl", "fees"),
                name="position_amounts_fit",
            ),
            models.CheckConstraint(
                condition=Q(quantity=0, cost=0, lots__isnull=True)
                | Q(quantity__gt=0, cost__gte=0)
                | Q(quantity__lt=0, cost__lte=0),
                name="flat_position_costs_nothing",
            ),
            models.CheckConstraint(
                condition=Q(version__gt=0, last_offset__gt=0), name="position_stems_from_the_log"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.instrument_id}"


class ChangeKind(models.TextChoices):
    """What changed a position."""

    EXECUTED = "executed"
    CANCELLED = "cancelled"
    AMENDED = "amended"
    SPLIT = "split"


class PositionChange(models.Model):
    """What one fact made of a position, and the fill that it stands for from then on.

    Append-only; one row for each offset in the log. The rows of one `place` are versions of one
    trade: the fills that count are the newest of each place, in the order of places.
    """

    pk = models.CompositePrimaryKey("partition", "offset")
    partition = models.SmallIntegerField()
    offset = models.BigIntegerField()
    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
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
    trade_id = models.UUIDField()
    kind = models.CharField(max_length=9, choices=ChangeKind)
    place = models.BigIntegerField(help_text="Offset at which the trade was executed.")
    fill_quantity = AmountField(
        help_text="Bought above zero, sold below; 0: it is cancelled; of a split: units that it made."
    )
    fill_price = AmountField(help_text="Of a split: at which a fraction was paid in cash.")
    fill_notional = AmountField(help_text="Of a split: cash in lieu, signed like the quantity.")
    fill_fees = AmountField()
    split_factor = AmountField(null=True, help_text="Of a split: new units for an old one.")
    version = models.BigIntegerField()
    quantity = AmountField(help_text="After the trade, like the rest.")
    cost = AmountField()
    realised_pnl = AmountField()
    fees = AmountField()
    effective_at = models.DateTimeField(help_text="When it was dealt (UTC).")
    booked_at = models.DateTimeField(help_text="When we knew of it (UTC); never falls.")
    effective_to = models.DateTimeField(help_text="The latest `effective_at` up to here.")

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["account", "instrument", "version"],
                name="position_version_is_made_once",
            ),
            models.CheckConstraint(
                condition=fits("quantity", "cost", "realised_pnl", "fees"),
                name="position_change_amounts_fit",
            ),
            models.CheckConstraint(
                condition=fits("fill_quantity", "fill_price", "fill_notional", "fill_fees"),
                name="position_change_fill_fits",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=[ChangeKind.EXECUTED, ChangeKind.SPLIT], place=F("offset"))
                | Q(kind__in=[ChangeKind.CANCELLED, ChangeKind.AMENDED], place__lt=F("offset")),
                name="position_change_has_its_place",
            ),
            models.CheckConstraint(
                condition=Q(
                    kind=ChangeKind.SPLIT,
                    split_factor__isnull=False,
                    split_factor__gt=0,
                    fill_fees=0,
                )
                | (~Q(kind=ChangeKind.SPLIT) & Q(split_factor__isnull=True)),
                name="splits_and_only_they_have_a_factor",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # What an as-of cannot answer by looking up one version: revisions, and trades that
            # became known after later ones. In the order of trading both are rare.
            models.Index(
                fields=["account", "instrument", "version"],
                condition=~Q(kind="executed") | Q(effective_at__lt=F("effective_to")),
                name="position_exceptions",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.instrument_id} v{self.version}"


class Snapshot(models.Model):
    """All positions at one cut of the log: what was folded when one statement looked.

    Positions that did not move since the snapshot before are not written again: a position at a
    snapshot is its newest row up to it.
    """

    id = models.BigAutoField(primary_key=True)
    period = models.DateTimeField(unique=True, help_text="The hour that it was taken for (UTC).")
    taken_at = models.DateTimeField(help_text="When the statement looked.")
    offsets = models.JSONField(help_text="How far each partition was folded: {partition: offset}.")
    positions = models.BigIntegerField(help_text="Rows that it wrote.")
    checked = models.BigIntegerField(help_text="Positions folded from the snapshot before.")
    faults = models.JSONField(help_text="Where that folding gave something else.")
    proven_at = models.DateTimeField(null=True, help_text="When that was done; not yet: empty.")

    class Meta:
        ordering = ("-period",)

    def __str__(self) -> str:
        return f"{self.period:%Y-%m-%d %H:%M}"


class PositionSnapshot(models.Model):
    """A position as it was when a snapshot was taken, with its lots."""

    pk = models.CompositePrimaryKey("account", "instrument", "snapshot")
    snapshot = models.ForeignKey(
        Snapshot, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
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
    quantity = AmountField()
    cost = AmountField()
    realised_pnl = AmountField()
    fees = AmountField()
    lots = models.JSONField(null=True)
    version = models.BigIntegerField()
    last_offset = models.BigIntegerField()

    objects = TenantQuerySet.as_manager()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["snapshot"], name="positions_of_a_snapshot"),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.instrument_id} at {self.snapshot_id}"


class PositionMark(models.Model):
    """The last batch that was folded in a partition: what a cache must have seen to be current.

    A token, not a number: a restored database or a rebuilt projection never repeats one.
    """

    partition = models.SmallIntegerField(primary_key=True)
    token = models.UUIDField()

    def __str__(self) -> str:
        return f"{self.partition}: {self.token}"


class SettledHolding(models.Model):
    """How much of a position has settled: written by settlement, in the transaction that posts it.

    Apart from the position, which is a projection of the trades and can be rebuilt from them.
    """

    pk = models.CompositePrimaryKey("account_id", "instrument_id")
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
    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    quantity = AmountField(help_text="Settled units: what the depot holds for the account.")
    version = models.BigIntegerField(help_text="How many settlements made it.")
    updated_at = models.DateTimeField()

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=fits("quantity"), name="settled_quantity_fits"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of {self.instrument_id}"
