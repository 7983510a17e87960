"""Splits: what a unit that is open is today, and what they made of settled units."""

from decimal import Decimal

import django.db.models.deletion
from django.db import migrations, models

import apps.settlement.models.fields
from apps.core.new_tables import Steps


class Migration(Steps):
    """Splits: what a unit that is open is today, and what they made of settled units."""

    dependencies = [
        ("settlement", "0004_policy"),
        ("tenants", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="UnitSplit",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "action_id",
                        "account_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("action_id", models.UUIDField()),
                ("account_id", models.UUIDField()),
                ("instrument_id", models.UUIDField()),
                ("symbol", models.TextField()),
                (
                    "factor",
                    apps.settlement.models.fields.AmountField(help_text="What a unit became."),
                ),
                (
                    "settled",
                    apps.settlement.models.fields.AmountField(
                        help_text="Settled units that it made; below zero: that it took."
                    ),
                ),
                ("open_settlements", models.IntegerField(help_text="Whose open units it changed.")),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name="settlement",
            name="posted_units",
            field=apps.settlement.models.fields.AmountField(
                help_text="Units that its entries moved, where they are not those of `settled`.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="settlement",
            name="unit_factor",
            field=apps.settlement.models.fields.AmountField(
                db_default=1,
                help_text="What splits since the trade made of a unit that is still open.",
            ),
        ),
        migrations.AddConstraint(
            model_name="settlement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("unit_factor__gt", Decimal("-1E+20")),
                    ("unit_factor__lt", Decimal("1E+20")),
                    ("unit_factor__gt", 0),
                ),
                name="settlement_units_are_units",
            ),
        ),
        migrations.AddField(
            model_name="unitsplit",
            name="tenant",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="tenants.tenant",
            ),
        ),
        migrations.AddConstraint(
            model_name="unitsplit",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("factor__gt", Decimal("-1E+20")),
                    ("factor__lt", Decimal("1E+20")),
                    ("settled__gt", Decimal("-1E+20")),
                    ("settled__lt", Decimal("1E+20")),
                    ("factor__gt", 0),
                ),
                name="unit_split_fits",
            ),
        ),
        migrations.RunSQL(
            """
            CREATE TRIGGER unit_split_is_kept BEFORE UPDATE OR DELETE ON settlement_unitsplit
                FOR EACH STATEMENT EXECUTE FUNCTION settlement_refuse_change();
            ALTER TABLE settlement_unitsplit ENABLE ALWAYS TRIGGER unit_split_is_kept;
            """,
            reverse_sql="DROP TRIGGER unit_split_is_kept ON settlement_unitsplit",
        ),
    ]
