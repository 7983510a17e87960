"""Trades have later versions; the history of positions knows its fills."""

from decimal import Decimal

import django.db.models.deletion
from django.db import migrations, models

import apps.trading.models.fields
from apps.core.new_tables import Steps


class Migration(Steps):
    """Trades have later versions; the history of positions knows its fills."""

    dependencies = [
        ("tenants", "0001_initial"),
        ("trading", "0005_fills"),
    ]

    operations = [
        migrations.CreateModel(
            name="TradeRevision",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("version_no", models.SmallIntegerField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("executed", "Executed"),
                            ("cancelled", "Cancelled"),
                            ("amended", "Amended"),
                        ],
                        max_length=9,
                    ),
                ),
                (
                    "quantity",
                    apps.trading.models.fields.AmountField(
                        help_text="From now on; of a cancelled trade: what is undone."
                    ),
                ),
                ("price", apps.trading.models.fields.AmountField()),
                ("notional", apps.trading.models.fields.AmountField()),
                (
                    "fees",
                    models.JSONField(
                        help_text="[{kind, amount, currency}]; positive: the client pays."
                    ),
                ),
                ("reason", models.TextField()),
                (
                    "client",
                    models.TextField(help_text="Who asked for it: `key:<id>` or `user:<id>`."),
                ),
                ("booked_at", models.DateTimeField(help_text="When we knew of it (UTC).")),
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
                (
                    "trade",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="revisions",
                        to="trading.trade",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["tenant", "state", "trade"], name="revisions_by_state")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("trade", "version_no"), name="trade_version_is_made_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("quantity__gt", Decimal(0)),
                            ("quantity__lt", Decimal("1E+20")),
                            ("quantity__min_scale__lte", 18),
                            ("price__gt", Decimal(0)),
                            ("price__lt", Decimal("1E+20")),
                            ("price__min_scale__lte", 18),
                            ("notional__gt", Decimal(0)),
                            ("notional__lt", Decimal("1E+20")),
                            ("notional__min_scale__lte", 18),
                        ),
                        name="revision_amounts_are_positive",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["cancelled", "amended"])),
                        name="revision_state_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("version_no__gte", 2), models.Q(("reason", ""), _negated=True)
                        ),
                        name="revision_has_a_reason",
                    ),
                ],
            },
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddField(
                    model_name="positionchange",
                    name="fill_fees",
                    field=apps.trading.models.fields.AmountField(),
                ),
                migrations.AddField(
                    model_name="positionchange",
                    name="fill_notional",
                    field=apps.trading.models.fields.AmountField(),
                ),
                migrations.AddField(
                    model_name="positionchange",
                    name="fill_price",
                    field=apps.trading.models.fields.AmountField(),
                ),
                migrations.AddField(
                    model_name="positionchange",
                    name="fill_quantity",
                    field=apps.trading.models.fields.AmountField(
                        help_text="Bought above zero, sold below; 0: it is cancelled."
                    ),
                ),
                migrations.AddField(
                    model_name="positionchange",
                    name="kind",
                    field=models.CharField(
                        choices=[
                            ("executed", "Executed"),
                            ("cancelled", "Cancelled"),
                            ("amended", "Amended"),
                        ],
                        max_length=9,
                    ),
                ),
                migrations.AddField(
                    model_name="positionchange",
                    name="place",
                    field=models.BigIntegerField(
                        help_text="Offset at which the trade was executed."
                    ),
                ),
            ],
        ),
        migrations.AlterField(
            model_name="trade",
            name="state",
            field=models.CharField(
                choices=[
                    ("executed", "Executed"),
                    ("cancelled", "Cancelled"),
                    ("amended", "Amended"),
                ],
                max_length=9,
            ),
        ),
        migrations.AddIndex(
            model_name="positionchange",
            index=models.Index(
                condition=models.Q(("kind", "executed"), _negated=True),
                fields=["account", "instrument", "offset"],
                include=("place",),
                name="position_revisions",
            ),
        ),
        migrations.AddConstraint(
            model_name="positionchange",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("fill_quantity__gt", Decimal("-1E+20")),
                    ("fill_quantity__lt", Decimal("1E+20")),
                    ("fill_quantity__min_scale__lte", 18),
                    ("fill_price__gt", Decimal("-1E+20")),
                    ("fill_price__lt", Decimal("1E+20")),
                    ("fill_price__min_scale__lte", 18),
                    ("fill_notional__gt", Decimal("-1E+20")),
                    ("fill_notional__lt", Decimal("1E+20")),
                    ("fill_notional__min_scale__lte", 18),
                    ("fill_fees__gt", Decimal("-1E+20")),
                    ("fill_fees__lt", Decimal("1E+20")),
                    ("fill_fees__min_scale__lte", 18),
                ),
                name="position_change_fill_fits",
            ),
        ),
        migrations.AddConstraint(
            model_name="positionchange",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "executed"), ("place", models.F("offset"))),
                    models.Q(
                        ("kind__in", ["cancelled", "amended"]), ("place__lt", models.F("offset"))
                    ),
                    _connector="OR",
                ),
                name="position_change_has_its_place",
            ),
        ),
    ]
