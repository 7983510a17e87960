"""Months of postings that were taken out, and what stays of them."""

import django.db.models.deletion
from django.db import migrations, models

import apps.ledger.models.fields
from apps.core.new_tables import NewTables


class Migration(NewTables):
    """Months of postings that were taken out, and what stays of them."""

    dependencies = [
        ("ledger", "0010_blocks_stay"),
    ]

    operations = [
        migrations.CreateModel(
            name="Archive",
            fields=[
                (
                    "month",
                    models.DateField(
                        help_text="Its first day (UTC).", primary_key=True, serialize=False
                    ),
                ),
                (
                    "starts_at",
                    models.DateTimeField(help_text="Postings from this time of booking on,"),
                ),
                ("ends_at", models.DateTimeField(help_text="and before this one.")),
                (
                    "state",
                    models.CharField(
                        choices=[("archived", "Archived"), ("restored", "Restored")], max_length=8
                    ),
                ),
                (
                    "file",
                    models.TextField(
                        help_text="Name of the compressed file in the folder of archives."
                    ),
                ),
                ("bytes", models.BigIntegerField(help_text="Size of the file.")),
                ("sha256", models.TextField(help_text="Of the file.")),
                (
                    "rows_sha256",
                    models.TextField(
                        help_text="Of the rows in it, as PostgreSQL's COPY writes them."
                    ),
                ),
                ("postings", models.BigIntegerField()),
                ("entries", models.BigIntegerField()),
                (
                    "first_block",
                    models.BigIntegerField(
                        help_text="The first sealed block that has entries of it,"
                    ),
                ),
                ("last_block", models.BigIntegerField(help_text="and the last one.")),
                (
                    "headers",
                    models.BinaryField(
                        help_text="SHA-256 of the month's headers in each of these blocks, one after another."
                    ),
                ),
                ("changed_at", models.DateTimeField()),
                ("changed_by", models.TextField(help_text="Who archived or restored it last.")),
            ],
            options={
                "ordering": ("month",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["archived", "restored"])),
                        name="archive_state_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("entries__gte", 1),
                            ("postings__gte", 2),
                            ("starts_at__lt", models.F("ends_at")),
                        ),
                        name="archive_is_of_something",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ArchivedBalance",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("month", models.DateField()),
                ("asset", models.TextField(db_collation="C")),
                ("partition", models.SmallIntegerField()),
                (
                    "owner",
                    models.UUIDField(
                        help_text="House: the client whose entries they were.", null=True
                    ),
                ),
                (
                    "of_trades",
                    models.BooleanField(help_text="House: entries of trades, and their reversals."),
                ),
                (
                    "amount",
                    apps.ledger.models.fields.ExactField(
                        help_text="The sum of the month's postings."
                    ),
                ),
                ("postings", models.BigIntegerField(help_text="Their number.")),
                ("moved_at", models.DateTimeField(help_text="When the month moved it last.")),
                (
                    "closing",
                    apps.ledger.models.fields.ExactField(
                        help_text="The balance from then to the month's end; house: null.",
                        null=True,
                    ),
                ),
                (
                    "ledger_account",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="ledger.ledgeraccount",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=(
                            "month",
                            "ledger_account",
                            "asset",
                            "partition",
                            "owner",
                            "of_trades",
                        ),
                        name="balance_is_archived_once",
                        nulls_distinct=False,
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("closing__isnull", False)),
                        fields=("ledger_account", "asset", "moved_at"),
                        name="month_closes_once",
                    ),
                ],
            },
        ),
    ]
