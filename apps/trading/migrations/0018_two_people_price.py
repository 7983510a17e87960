"""The price at which a split's fractions are paid takes two people."""

from decimal import Decimal
from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models

import apps.core.ids
import apps.trading.models.fields
from apps.core.new_tables import Steps

SQL = Path(__file__).parent / "sql"


class Migration(Steps):
    """The price at which a split's fractions are paid takes two people."""

    dependencies = [
        ("tenants", "0002_key_owner"),
        ("trading", "0017_snapshots_are_proven_afterwards"),
    ]

    operations = [
        migrations.AlterField(
            model_name="corporateaction",
            name="cash_in_lieu_price",
            field=apps.trading.models.fields.AmountField(
                blank=True,
                help_text="Of a split: paid for a fraction of a new unit, per unit; a second person"
                " confirms it.",
                null=True,
            ),
        ),
        migrations.CreateModel(
            name="CashInLieuPrice",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=apps.core.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("price", apps.trading.models.fields.AmountField(help_text="Of a new unit.")),
                ("pay_date", models.DateField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("proposed", "Proposed"),
                            ("confirmed", "Confirmed"),
                            ("withdrawn", "Withdrawn"),
                        ],
                        max_length=9,
                    ),
                ),
                ("proposed_by", models.TextField(help_text="`user:<id>` or `key:<id>`.")),
                ("proposed_at", models.DateTimeField()),
                ("decided_by", models.TextField(null=True)),
                ("decided_at", models.DateTimeField(null=True)),
                (
                    "reason",
                    models.TextField(blank=True, default="", help_text="Why it was taken back."),
                ),
                (
                    "action",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="prices",
                        to="trading.corporateaction",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "withdrawn"), _negated=True),
                        fields=("action",),
                        name="split_has_one_price_of_fractions",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("price__gt", Decimal(0)),
                            ("price__lt", Decimal("1E+20")),
                            ("price__min_scale__lte", 18),
                        ),
                        name="price_of_fractions_fits",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("decided_at__isnull", True),
                                ("decided_by__isnull", True),
                                ("state", "proposed"),
                            ),
                            models.Q(
                                ("decided_at__isnull", False),
                                ("decided_by__isnull", False),
                                ("state", "withdrawn"),
                            ),
                            models.Q(
                                ("decided_at__isnull", False),
                                ("decided_by__isnull", False),
                                ("state", "confirmed"),
                                models.Q(("decided_by", models.F("proposed_by")), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="two_people_price_fractions",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            (SQL / "two_people_price.sql").read_text(),
            reverse_sql="DROP FUNCTION trading_begin_action CASCADE;"
            "DROP FUNCTION trading_keep_price CASCADE;" + (SQL / "cash_in_lieu.sql").read_text(),
        ),
    ]
