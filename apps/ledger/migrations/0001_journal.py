"""Accounts, assets, entry headers, balances and their marks."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models
from django.db.models import F, Q

import apps.ledger.models
from apps.core.new_tables import NewTables

KINDS = [
    "TRADE",
    "REVERSAL",
    "SETTLEMENT",
    "CASH",
    "FEE",
    "PENALTY",
    "ADJUSTMENT",
    "CORPORATE_ACTION",
]


def _key(to: str, **options: object) -> models.ForeignKey:
    return models.ForeignKey(
        to=to, on_delete=django.db.models.deletion.PROTECT, related_name="+", **options
    )


def _account() -> models.ForeignKey:
    return _key("ledger.ledgeraccount", db_constraint=False, db_index=False)


class Migration(NewTables):
    """Accounts, assets, entry headers, balances and their marks."""

    initial = True
    dependencies = [("tenants", "0001_initial")]
    operations = [
        migrations.CreateModel(
            name="LedgerAccount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("tenant", _key("tenants.tenant")),
                ("code", models.TextField(db_collation="C")),
                (
                    "owner",
                    models.UUIDField(
                        blank=True, help_text="The client account; empty: the house.", null=True
                    ),
                ),
                (
                    "owner_number",
                    models.TextField(blank=True, default="", help_text="The owner's number."),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("client", "Client"), ("house", "House")], max_length=6
                    ),
                ),
                ("may_be_negative", models.BooleanField(default=True)),
                ("may_be_positive", models.BooleanField(default=True)),
                (
                    "opened_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "owner", "code"),
                        name="ledger_account_is_opened_once",
                        nulls_distinct=False,
                    ),
                    models.CheckConstraint(
                        condition=Q(kind="client", owner__isnull=False)
                        | Q(kind="house", owner__isnull=True),
                        name="client_accounts_have_an_owner",
                    ),
                    models.CheckConstraint(
                        condition=Q(owner__isnull=False)
                        | Q(may_be_negative=True, may_be_positive=True),
                        name="only_owned_accounts_have_limits",
                    ),
                ],
                "indexes": [
                    models.Index(
                        condition=Q(owner__isnull=False),
                        fields=["tenant", "owner_number"],
                        name="ledger_account_by_number",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Asset",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("tenant", _key("tenants.tenant")),
                ("code", models.TextField(db_collation="C")),
                (
                    "kind",
                    models.CharField(
                        choices=[("currency", "Currency"), ("instrument", "Instrument")],
                        max_length=10,
                    ),
                ),
                ("scale", models.SmallIntegerField(help_text="Decimals that an amount may have.")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "code"), name="asset_is_declared_once"
                    ),
                    models.CheckConstraint(
                        condition=Q(scale__range=(0, 18)), name="asset_scale_is_sane"
                    ),
                ]
            },
        ),
        migrations.CreateModel(
            name="JournalEntry",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("tenant", _key("tenants.tenant", db_constraint=False, db_index=False)),
                ("kind", models.CharField(choices=[(kind, kind) for kind in KINDS], max_length=16)),
                (
                    "source",
                    models.TextField(
                        db_collation="C", help_text="What it stems from; booked once."
                    ),
                ),
                (
                    "reverses",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reversed_by",
                        to="ledger.journalentry",
                    ),
                ),
                (
                    "owner",
                    models.UUIDField(
                        help_text="The client account in whose journal it is.", null=True
                    ),
                ),
                ("trade_id", models.UUIDField(null=True)),
                (
                    "partition",
                    models.SmallIntegerField(help_text="The log partition that booked it."),
                ),
                ("leg_count", models.SmallIntegerField()),
                (
                    "effective_at",
                    models.DateTimeField(help_text="When it happened in the business."),
                ),
                ("booked_at", models.DateTimeField(help_text="When the ledger knew of it.")),
            ],
            options={
                "verbose_name_plural": "journal entries",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "source"), name="source_is_booked_once"
                    ),
                    models.UniqueConstraint(
                        condition=Q(reverses__isnull=False),
                        fields=("reverses",),
                        name="entry_is_reversed_once",
                    ),
                    models.CheckConstraint(condition=Q(kind__in=KINDS), name="entry_kind_is_known"),
                    models.CheckConstraint(
                        condition=Q(kind="REVERSAL", reverses__isnull=False)
                        | (~Q(kind="REVERSAL") & Q(reverses__isnull=True)),
                        name="reversals_and_only_they_reverse",
                    ),
                    models.CheckConstraint(
                        condition=~Q(reverses=F("id")), name="entry_reverses_another"
                    ),
                    models.CheckConstraint(
                        condition=Q(leg_count__gte=2), name="entry_has_at_least_two_legs"
                    ),
                    models.CheckConstraint(condition=~Q(source=""), name="entry_has_a_source"),
                    models.CheckConstraint(
                        condition=Q(partition__range=(0, 63)), name="entry_partition_exists"
                    ),
                ],
                "indexes": [
                    models.Index(
                        condition=Q(trade_id__isnull=False),
                        fields=["trade_id"],
                        name="entries_of_a_trade",
                    ),
                    models.Index(fields=["tenant", "owner", "id"], name="entries_of_an_owner"),
                    models.Index(fields=["tenant", "id"], name="entries_of_a_tenant"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Balance",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "ledger_account_id",
                        "asset",
                        "partition",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("ledger_account", _account()),
                ("asset", models.TextField(db_collation="C")),
                ("partition", models.SmallIntegerField()),
                ("amount", apps.ledger.models.ExactField()),
                ("version", models.BigIntegerField(help_text="How many entries have moved it.")),
                ("booked_at", models.DateTimeField(help_text="The latest time of those entries.")),
                (
                    "marked_at",
                    models.DateTimeField(
                        null=True,
                        help_text="Time of the newest mark (1970: none yet); null: house.",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="BalanceMark",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("ledger_account", _account()),
                ("asset", models.TextField(db_collation="C")),
                (
                    "booked_at",
                    models.DateTimeField(
                        help_text="All postings up to and including this time count."
                    ),
                ),
                ("amount", apps.ledger.models.ExactField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("ledger_account", "asset", "booked_at"),
                        name="balance_is_marked_once_at_a_time",
                    )
                ]
            },
        ),
    ]
