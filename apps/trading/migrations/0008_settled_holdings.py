"""How much of a position has settled."""

from decimal import Decimal

import django.db.models.deletion
from django.db import migrations, models

import apps.trading.models.fields
from apps.core.new_tables import Steps


class Migration(Steps):
    """How much of a position has settled."""

    dependencies = [
        ("tenants", "0001_initial"),
        ("trading", "0007_revisions_follow"),
    ]

    operations = [
        migrations.CreateModel(
            name="SettledHolding",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account_id",
                        "instrument_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "quantity",
                    apps.trading.models.fields.AmountField(
                        help_text="Settled units: what the depot holds for the account."
                    ),
                ),
                ("version", models.BigIntegerField(help_text="How many settlements made it.")),
                ("updated_at", models.DateTimeField()),
                (
                    "account",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="trading.clientaccount",
                    ),
                ),
                (
                    "instrument",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="trading.instrument",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("quantity__gt", Decimal("-1E+20")),
                            ("quantity__lt", Decimal("1E+20")),
                            ("quantity__min_scale__lte", 18),
                        ),
                        name="settled_quantity_fits",
                    )
                ],
            },
        ),
    ]
