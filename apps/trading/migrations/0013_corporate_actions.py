"""Corporate actions: what was announced, and what splits made of positions."""

from decimal import Decimal
from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models

import apps.core.ids
import apps.trading.models.fields
from apps.core.new_tables import Steps

SQL = Path(__file__).parent / "sql"


class Migration(Steps):
    """Corporate actions: what was announced, and what splits made of positions."""

    dependencies = [
        ("tenants", "0001_initial"),
        ("trading", "0012_snapshots_stay"),
    ]

    operations = [
        migrations.CreateModel(
            name="CorporateAction",
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
                (
                    "reference",
                    models.TextField(help_text="The announcer's own; one action for ever."),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("split", "Split"), ("dividend", "Dividend")], max_length=8
                    ),
                ),
                (
                    "ex_date",
                    models.DateField(help_text="From this day on it is traded without it."),
                ),
                (
                    "effective_at",
                    models.DateTimeField(help_text="When that day begins at the market (UTC)."),
                ),
                (
                    "new_units",
                    apps.trading.models.fields.AmountField(
                        blank=True, help_text="Of a split: this many …", null=True
                    ),
                ),
                (
                    "old_units",
                    apps.trading.models.fields.AmountField(
                        blank=True, help_text="… for so many.", null=True
                    ),
                ),
                (
                    "amount",
                    apps.trading.models.fields.AmountField(
                        blank=True, help_text="Of a dividend, per unit.", null=True
                    ),
                ),
                ("currency", models.TextField(blank=True, default="")),
                ("pay_date", models.DateField(blank=True, null=True)),
                ("pay_at", models.DateTimeField(blank=True, null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("announced", "Announced"),
                            ("applied", "Applied"),
                            ("paid", "Paid"),
                            ("withdrawn", "Withdrawn"),
                        ],
                        max_length=9,
                    ),
                ),
                (
                    "problem",
                    models.TextField(
                        blank=True, default="", help_text="Why it could not be applied."
                    ),
                ),
                ("accounts", models.IntegerField(default=0, help_text="That were told.")),
                ("announced_by", models.TextField()),
                ("announced_at", models.DateTimeField()),
                ("applied_at", models.DateTimeField(blank=True, null=True)),
                ("paid_at", models.DateTimeField(blank=True, null=True)),
                ("withdrawn_by", models.TextField(blank=True, default="")),
                (
                    "reason",
                    models.TextField(blank=True, default="", help_text="Of the withdrawal."),
                ),
            ],
            options={
                "ordering": ("-ex_date",),
            },
        ),
        migrations.RemoveConstraint(
            model_name="positionchange",
            name="position_change_has_its_place",
        ),
        migrations.AddField(
            model_name="instrument",
            name="action_on",
            field=models.DateField(
                blank=True,
                editable=False,
                help_text="Ex-date of the next one: trades from then on wait until it is applied.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="instrument",
            name="closed_before",
            field=models.DateField(
                blank=True,
                editable=False,
                help_text="Ex-date of the newest corporate action: trades of before are as they are.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="positionchange",
            name="split_factor",
            field=apps.trading.models.fields.AmountField(
                help_text="Of a split: what a unit became.", null=True
            ),
        ),
        migrations.AlterField(
            model_name="positionchange",
            name="fill_quantity",
            field=apps.trading.models.fields.AmountField(
                help_text="Bought above zero, sold below; 0: it is cancelled; of a split: units that it made."
            ),
        ),
        migrations.AlterField(
            model_name="positionchange",
            name="kind",
            field=models.CharField(
                choices=[
                    ("executed", "Executed"),
                    ("cancelled", "Cancelled"),
                    ("amended", "Amended"),
                    ("split", "Split"),
                ],
                max_length=9,
            ),
        ),
        migrations.AddConstraint(
            model_name="positionchange",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind__in", ["executed", "split"]), ("place", models.F("offset"))),
                    models.Q(
                        ("kind__in", ["cancelled", "amended"]), ("place__lt", models.F("offset"))
                    ),
                    _connector="OR",
                ),
                name="position_change_has_its_place",
            ),
        ),
        migrations.AddConstraint(
            model_name="positionchange",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("fill_notional", 0),
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
        migrations.AddField(
            model_name="corporateaction",
            name="instrument",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="actions",
                to="trading.instrument",
            ),
        ),
        migrations.AddField(
            model_name="corporateaction",
            name="tenant",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="tenants.tenant",
            ),
        ),
        migrations.AddIndex(
            model_name="corporateaction",
            index=models.Index(
                condition=models.Q(("state", "announced")),
                fields=["effective_at"],
                name="actions_to_apply",
            ),
        ),
        migrations.AddIndex(
            model_name="corporateaction",
            index=models.Index(
                condition=models.Q(("kind", "dividend"), ("state", "applied")),
                fields=["pay_at"],
                name="dividends_to_pay",
            ),
        ),
        migrations.AddConstraint(
            model_name="corporateaction",
            constraint=models.UniqueConstraint(
                fields=("tenant", "reference"), name="action_reference_is_unique"
            ),
        ),
        migrations.AddConstraint(
            model_name="corporateaction",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "withdrawn"), _negated=True),
                fields=("instrument", "ex_date"),
                name="instrument_has_one_action_a_day",
            ),
        ),
        migrations.AddConstraint(
            model_name="corporateaction",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("amount", None),
                        ("currency", ""),
                        ("kind", "split"),
                        ("pay_at", None),
                        ("pay_date", None),
                        ("new_units__isnull", False),
                        ("old_units__isnull", False),
                        ("new_units__gt", Decimal(0)),
                        ("new_units__lt", Decimal("1E+20")),
                        ("new_units__min_scale__lte", 18),
                        ("old_units__gt", Decimal(0)),
                        ("old_units__lt", Decimal("1E+20")),
                        ("old_units__min_scale__lte", 18),
                        models.Q(("new_units", models.F("old_units")), _negated=True),
                    ),
                    models.Q(
                        ("kind", "dividend"),
                        ("new_units", None),
                        ("old_units", None),
                        ("pay_at__isnull", False),
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
                        ("kind", "dividend"),
                        models.Q(("state", "paid"), _negated=True),
                        _connector="OR",
                    ),
                ),
                name="action_state_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="corporateaction",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("applied_at__isnull", False), ("state__in", ["applied", "paid"])),
                    models.Q(
                        models.Q(("state__in", ["applied", "paid"]), _negated=True),
                        ("applied_at", None),
                    ),
                    _connector="OR",
                ),
                name="applied_actions_say_when",
            ),
        ),
        migrations.RunSQL(
            (SQL / "actions.sql").read_text(),
            reverse_sql="DROP FUNCTION trading_keep_action CASCADE",
        ),
    ]
