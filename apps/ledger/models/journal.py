"""The ledger's tables. What must be true of them PostgreSQL enforces (`migrations/sql/`).

Amounts are NUMERIC without precision or scale: the database refuses what does not fit and never
rounds. Times are UTC.
"""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from apps.events.contracts import PARTITIONS
from apps.ledger.journal import LEGS_MIN, Kind
from apps.ledger.models.fields import ExactField
from apps.tenants.models import Tenant, TenantQuerySet


class LedgerAccount(models.Model):
    """One account of the chart: a client's (with an owner) or the house's. Never deleted."""

    class Kind(models.TextChoices):
        """Whose it is."""

        CLIENT = "client"
        HOUSE = "house"

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    code = models.TextField(db_collation="C")
    owner = models.UUIDField(
        null=True, blank=True, help_text="The client account; empty: the house."
    )
    owner_number = models.TextField(default="", blank=True, help_text="The owner's number.")
    kind = models.CharField(max_length=6, choices=Kind)
    may_be_negative = models.BooleanField(default=True)
    may_be_positive = models.BooleanField(default=True)
    opened_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(
        null=True, blank=True, help_text="When the owner was closed: nobody adjusts it any more."
    )

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["tenant", "owner", "code"],
                nulls_distinct=False,
                name="ledger_account_is_opened_once",
            ),
            models.CheckConstraint(
                condition=Q(kind="client", owner__isnull=False)
                | Q(kind="house", owner__isnull=True),
                name="client_accounts_have_an_owner",
            ),
            # A house account's balance is spread over the log's partitions, so nobody could hold
            # it to a limit without making every partition wait for every other.
            models.CheckConstraint(
                condition=Q(owner__isnull=False) | Q(may_be_negative=True, may_be_positive=True),
                name="only_owned_accounts_have_limits",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["tenant", "owner_number"],
                condition=Q(owner__isnull=False),
                name="ledger_account_by_number",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.owner_number or self.owner} {self.code}" if self.owner else self.code


class Asset(models.Model):
    """What is booked: a currency, or units of an instrument; and with how many decimals."""

    class Kind(models.TextChoices):
        """What it is."""

        CURRENCY = "currency"
        INSTRUMENT = "instrument"

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+")
    code = models.TextField(db_collation="C")
    kind = models.CharField(max_length=10, choices=Kind)
    scale = models.SmallIntegerField(help_text="Decimals that an amount may have.")

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["tenant", "code"], name="asset_is_declared_once"),
            models.CheckConstraint(condition=Q(scale__range=(0, 18)), name="asset_scale_is_sane"),
        ]

    def __str__(self) -> str:
        return self.code


class JournalEntry(models.Model):
    """The header of an entry: what was booked, why and when. Append-only.

    No foreign key to the tenant: it would lock the tenant's row for every entry. The posting
    trigger sees to it that entry, legs and accounts are one tenant's.
    """

    id = models.UUIDField(primary_key=True)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    kind = models.CharField(max_length=16, choices=[(kind.value, kind.value) for kind in Kind])
    source = models.TextField(db_collation="C", help_text="What it stems from; booked once.")
    reverses = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="reversed_by",
    )
    owner = models.UUIDField(null=True, help_text="The client account in whose journal it is.")
    trade_id = models.UUIDField(null=True)
    partition = models.SmallIntegerField(help_text="The log partition that booked it.")
    leg_count = models.SmallIntegerField()
    effective_at = models.DateTimeField(help_text="When it happened in the business.")
    booked_at = models.DateTimeField(help_text="When the ledger knew of it.")

    objects = TenantQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "journal entries"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["tenant", "source"], name="source_is_booked_once"),
            models.UniqueConstraint(
                fields=["reverses"],
                condition=Q(reverses__isnull=False),
                name="entry_is_reversed_once",
            ),
            models.CheckConstraint(condition=Q(kind__in=list(Kind)), name="entry_kind_is_known"),
            models.CheckConstraint(
                condition=Q(kind=Kind.REVERSAL, reverses__isnull=False)
                | (~Q(kind=Kind.REVERSAL) & Q(reverses__isnull=True)),
                name="reversals_and_only_they_reverse",
            ),
            models.CheckConstraint(condition=~Q(reverses=F("id")), name="entry_reverses_another"),
            models.CheckConstraint(
                condition=Q(leg_count__gte=LEGS_MIN), name="entry_has_at_least_two_legs"
            ),
            models.CheckConstraint(condition=~Q(source=""), name="entry_has_a_source"),
            models.CheckConstraint(
                condition=Q(partition__range=(0, PARTITIONS - 1)), name="entry_partition_exists"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["trade_id"], condition=Q(trade_id__isnull=False), name="entries_of_a_trade"
            ),
            models.Index(fields=["tenant", "owner", "id"], name="entries_of_an_owner"),
            models.Index(fields=["tenant", "id"], name="entries_of_a_tenant"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.source}"


class Posting(models.Model):
    """One leg of an entry. Append-only; the table is partitioned by month of `booked_at`."""

    pk = models.CompositePrimaryKey("entry_id", "leg", "booked_at")
    entry = models.ForeignKey(
        JournalEntry, on_delete=models.DO_NOTHING, db_constraint=False, related_name="postings"
    )
    leg = models.SmallIntegerField()
    ledger_account = models.ForeignKey(
        LedgerAccount, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    asset = models.TextField(db_collation="C")
    amount = ExactField()
    booked_at = models.DateTimeField()
    tenant = models.ForeignKey(
        Tenant, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )

    objects = TenantQuerySet.as_manager()

    class Meta:
        managed = False  # a partitioned table: migrations/sql/postings.sql
        db_table = "ledger_posting"

    def __str__(self) -> str:
        return f"leg {self.leg} of {self.entry_id}: {self.amount} {self.asset}"


class Balance(models.Model):
    """What the postings of an account and asset add up to; written by their trigger only.

    A house account has one row per partition of the log, so that no partition waits for another;
    a client's account has one row (partition 0), so that its limits are exact.
    """

    pk = models.CompositePrimaryKey("ledger_account_id", "asset", "partition")
    ledger_account = models.ForeignKey(
        LedgerAccount,
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    asset = models.TextField(db_collation="C")
    partition = models.SmallIntegerField()
    amount = ExactField()
    version = models.BigIntegerField(help_text="How many entries have moved it.")
    booked_at = models.DateTimeField(help_text="The latest time of those entries.")
    marked_at = models.DateTimeField(
        null=True, help_text="Time of the newest mark (1970: none yet); null: house."
    )

    def __str__(self) -> str:
        return f"{self.amount} {self.asset} on {self.ledger_account_id}"


class BalanceMark(models.Model):
    """A client's balance as it was: makes one as of any time a look-up and a short sum."""

    ledger_account = models.ForeignKey(
        LedgerAccount,
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    asset = models.TextField(db_collation="C")
    booked_at = models.DateTimeField(help_text="All postings up to and including this time count.")
    amount = ExactField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["ledger_account", "asset", "booked_at"],
                name="balance_is_marked_once_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.asset} on {self.ledger_account_id} at {self.booked_at}"
