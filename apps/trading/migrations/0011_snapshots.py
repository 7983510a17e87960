"""Snapshots of all positions at one cut of the log."""

import django.db.models.deletion
from django.db import migrations, models

import apps.trading.models.fields
from apps.core.new_tables import Steps


class Migration(Steps):
    """Snapshots of all positions at one cut of the log."""

    dependencies = [("tenants", "0001_initial"), ("trading", "0010_two_times")]
    operations = [
        migrations.CreateModel(
            name="Snapshot",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "period",
                    models.DateTimeField(
                        help_text="The hour that it was taken for (UTC).", unique=True
                    ),
                ),
                ("taken_at", models.DateTimeField(help_text="When the statement looked.")),
                (
                    "offsets",
                    models.JSONField(
                        help_text="How far each partition was folded: {partition: offset}."
                    ),
                ),
                ("positions", models.BigIntegerField(help_text="Rows that it wrote.")),
                (
                    "checked",
                    models.BigIntegerField(help_text="Positions folded from the snapshot before."),
                ),
                ("faults", models.JSONField(help_text="Where that folding gave something else.")),
            ],
            options={
                "ordering": ("-period",),
            },
        ),
        migrations.CreateModel(
            name="PositionSnapshot",
            fields=[
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
                    "snapshot",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="trading.snapshot",
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
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "account",
                        "instrument",
                        "snapshot",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("quantity", apps.trading.models.fields.AmountField()),
                ("cost", apps.trading.models.fields.AmountField()),
                ("realised_pnl", apps.trading.models.fields.AmountField()),
                ("fees", apps.trading.models.fields.AmountField()),
                ("lots", models.JSONField(null=True)),
                ("version", models.BigIntegerField()),
                ("last_offset", models.BigIntegerField()),
            ],
            options={
                "indexes": [models.Index(fields=["snapshot"], name="positions_of_a_snapshot")],
            },
        ),
        migrations.RemoveIndex(
            model_name="positionchange",
            name="position_revisions",
        ),
        migrations.AddIndex(
            model_name="positionchange",
            index=models.Index(
                condition=models.Q(
                    models.Q(("kind", "executed"), _negated=True),
                    ("effective_at__lt", models.F("effective_to")),
                    _connector="OR",
                ),
                fields=["account", "instrument", "version"],
                name="position_exceptions",
            ),
        ),
    ]
