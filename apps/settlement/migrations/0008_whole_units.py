"""Units of today beside those of a trade: whole ones, after splits of any ratio."""

from decimal import Decimal

from django.db import migrations, models

import apps.settlement.models.fields


class Migration(migrations.Migration):
    """Units of today beside those of a trade: whole ones, after splits of any ratio."""

    dependencies = [
        ("settlement", "0007_two_people"),
        ("tenants", "0001_initial"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="settlement",
            name="settlement_units_are_units",
        ),
        migrations.AddField(
            model_name="settlement",
            name="done_units",
            field=apps.settlement.models.fields.AmountField(
                help_text="After a split: what has settled, in units of today.", null=True
            ),
        ),
        migrations.AddField(
            model_name="settlement",
            name="open_units",
            field=apps.settlement.models.fields.AmountField(
                help_text="After a split: units of today that are still to move; else the quantity.",
                null=True,
            ),
        ),
        migrations.RunSQL(
            """
            UPDATE settlement_settlement
            SET open_units = (quantity - settled) * unit_factor, done_units = settled * unit_factor
            WHERE unit_factor <> 1
            """,
            reverse_sql=migrations.RunSQL.noop,
        ),
        migrations.RemoveField(
            model_name="settlement",
            name="unit_factor",
        ),
        migrations.AlterField(
            model_name="unitsplit",
            name="factor",
            field=apps.settlement.models.fields.AmountField(
                help_text="New units for an old one, rounded."
            ),
        ),
        migrations.AddConstraint(
            model_name="settlement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("done_units__isnull", True), ("open_units__isnull", True)),
                    models.Q(
                        ("open_units__gt", Decimal("-1E+20")),
                        ("open_units__lt", Decimal("1E+20")),
                        ("done_units__gt", Decimal("-1E+20")),
                        ("done_units__lt", Decimal("1E+20")),
                        ("done_units__isnull", False),
                        ("open_units__isnull", False),
                        ("done_units__gte", 0),
                        ("open_units__gte", 0),
                    ),
                    _connector="OR",
                ),
                name="settlement_units_are_units",
            ),
        ),
    ]
