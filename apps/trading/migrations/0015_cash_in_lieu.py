"""Splits of any ratio: what is paid for fractions, and in which lots units come."""

from decimal import Decimal
from pathlib import Path

from django.db import migrations, models

import apps.trading.models.fields

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    """Splits of any ratio: what is paid for fractions, and in which lots units come."""

    dependencies = [
        ("tenants", "0001_initial"),
        ("trading", "0014_account_system"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="corporateaction",
            name="action_has_the_terms_of_its_kind",
        ),
        migrations.RemoveConstraint(
            model_name="corporateaction",
            name="action_state_is_known",
        ),
        migrations.RemoveConstraint(
            model_name="positionchange",
            name="splits_and_only_they_have_a_factor",
        ),
        migrations.RemoveIndex(
            model_name="corporateaction",
            name="dividends_to_pay",
        ),
        migrations.AddField(
            model_name="corporateaction",
            name="cash_in_lieu_price",
            field=apps.trading.models.fields.AmountField(
                blank=True,
                help_text="Of a split: paid for a fraction of a new unit, per unit.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="corporateaction",
            name="lot_size",
            field=apps.trading.models.fields.AmountField(
                editable=False,
                help_text="The instrument's when it was applied; empty: any.",
                null=True,
            ),
        ),
        migrations.AlterField(
            model_name="positionchange",
            name="fill_notional",
            field=apps.trading.models.fields.AmountField(
                help_text="Of a split: cash in lieu, signed like the quantity."
            ),
        ),
        migrations.AlterField(
            model_name="positionchange",
            name="fill_price",
            field=apps.trading.models.fields.AmountField(
                help_text="Of a split: at which a fraction was paid in cash."
            ),
        ),
        migrations.AlterField(
            model_name="positionchange",
            name="split_factor",
            field=apps.trading.models.fields.AmountField(
                help_text="Of a split: new units for an old one.", null=True
            ),
        ),
        migrations.AddIndex(
            model_name="corporateaction",
            index=models.Index(
                condition=models.Q(("pay_at__isnull", False), ("state", "applied")),
                fields=["pay_at"],
                name="actions_to_pay",
            ),
        ),
        migrations.AddConstraint(
            model_name="corporateaction",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("amount", None),
                        ("kind", "split"),
                        ("new_units__isnull", False),
                        ("old_units__isnull", False),
                        ("new_units__gt", Decimal(0)),
                        ("new_units__lt", Decimal("1E+20")),
                        ("new_units__min_scale__lte", 18),
                        ("old_units__gt", Decimal(0)),
                        ("old_units__lt", Decimal("1E+20")),
                        ("old_units__min_scale__lte", 18),
                        models.Q(("new_units", models.F("old_units")), _negated=True),
                        models.Q(
                            models.Q(
                                ("cash_in_lieu_price", None),
                                ("currency", ""),
                                ("pay_at", None),
                                ("pay_date", None),
                            ),
                            models.Q(
                                ("cash_in_lieu_price__gt", Decimal(0)),
                                ("cash_in_lieu_price__lt", Decimal("1E+20")),
                                ("cash_in_lieu_price__min_scale__lte", 18),
                                ("cash_in_lieu_price__isnull", False),
                                ("pay_at__isnull", False),
                                ("pay_date__gte", models.F("ex_date")),
                                ("pay_date__isnull", False),
                                models.Q(("currency", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                    ),
                    models.Q(
                        ("kind", "dividend"),
                        ("new_units", None),
                        ("old_units", None),
                        ("pay_at__isnull", False),
                        ("cash_in_lieu_price", None),
                        ("amount__gt", Decimal(0)),
                        ("amount__lt", Decimal("1E+20")),
                        ("amount__min_scale__lte", 18),
                        ("amount__isnull", False),
                        ("pay_date__gte", models.F("ex_date")),
                        ("pay_date__isnull", False),
                        models.Q(("currency", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="action_has_the_terms_of_its_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="corporateaction",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state__in", ["announced", "applied", "paid", "withdrawn"]),
                    models.Q(
                        ("pay_at__isnull", False),
                        models.Q(("state", "paid"), _negated=True),
                        _connector="OR",
                    ),
                ),
                name="action_state_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="positionchange",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("fill_fees", 0),
                        ("kind", "split"),
                        ("split_factor__gt", 0),
                        ("split_factor__isnull", False),
                    ),
                    models.Q(
                        models.Q(("kind", "split"), _negated=True), ("split_factor__isnull", True)
                    ),
                    _connector="OR",
                ),
                name="splits_and_only_they_have_a_factor",
            ),
        ),
        migrations.RunSQL(
            (SQL / "cash_in_lieu.sql").read_text(), reverse_sql=migrations.RunSQL.noop
        ),
    ]
