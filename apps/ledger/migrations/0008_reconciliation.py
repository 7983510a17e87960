"""Reconciliation: runs, breaks, statements of others."""

import django.db.models.deletion
from django.db import migrations, models

import apps.ledger.models.fields
import apps.ledger.reconciliation
from apps.core.new_tables import NewTables


class Migration(NewTables):
    """Reconciliation: runs, breaks, statements of others."""

    dependencies = [
        ("ledger", "0007_late"),
        ("tenants", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="ReconciliationRun",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("date", models.DateField(help_text="The business day (UTC).")),
                (
                    "status",
                    models.CharField(
                        choices=[("clean", "clean"), ("breaks", "breaks"), ("not_run", "not_run")],
                        max_length=8,
                    ),
                ),
                (
                    "since",
                    models.DateTimeField(help_text="What was booked from then on was looked at."),
                ),
                ("until", models.DateTimeField(help_text="The moment of the look.")),
                (
                    "cut",
                    models.JSONField(
                        help_text="Offsets at which both sides were compared: {partition: offset}."
                    ),
                ),
                ("checks", models.JSONField(help_text="[{name, status, checked, found, missing}]")),
                ("found", models.IntegerField(help_text="Breaks that this run saw.")),
                ("started_by", models.TextField(help_text="The clock, or who asked.")),
                ("finished_at", models.DateTimeField()),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={
                "ordering": ("-date",),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "date"), name="day_is_reconciled_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "status__in",
                                [
                                    apps.ledger.reconciliation.Status["CLEAN"],
                                    apps.ledger.reconciliation.Status["BREAKS"],
                                    apps.ledger.reconciliation.Status["NOT_RUN"],
                                ],
                            )
                        ),
                        name="run_status_is_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Break",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("kind", models.TextField()),
                (
                    "subject",
                    models.TextField(help_text="What differs: with the kind, its identity."),
                ),
                ("account", models.TextField(blank=True, default="")),
                ("asset", models.TextField(blank=True, default="")),
                ("expected", apps.ledger.models.fields.ExactField(null=True)),
                ("actual", apps.ledger.models.fields.ExactField(null=True)),
                ("detail", models.TextField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "open"),
                            ("assigned", "assigned"),
                            ("explained", "explained"),
                            ("closed", "closed"),
                        ],
                        max_length=9,
                    ),
                ),
                ("assignee", models.TextField(blank=True, default="")),
                (
                    "note",
                    models.TextField(
                        blank=True, default="", help_text="The newest one; all are in the log."
                    ),
                ),
                ("opened_at", models.DateTimeField()),
                ("changed_at", models.DateTimeField()),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "last_run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="ledger.reconciliationrun",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="breaks",
                        to="ledger.reconciliationrun",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["tenant", "id"], name="breaks_of_a_tenant")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "closed"), _negated=True),
                        fields=("tenant", "kind", "subject"),
                        name="break_is_open_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                [
                                    apps.ledger.reconciliation.BreakState["OPEN"],
                                    apps.ledger.reconciliation.BreakState["ASSIGNED"],
                                    apps.ledger.reconciliation.BreakState["EXPLAINED"],
                                    apps.ledger.reconciliation.BreakState["CLOSED"],
                                ],
                            )
                        ),
                        name="break_state_is_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ExternalStatement",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("date", models.DateField()),
                (
                    "kind",
                    models.CharField(
                        choices=[("depot", "Depot"), ("nostro", "Nostro")], max_length=6
                    ),
                ),
                ("source", models.TextField(help_text="Who says so.")),
                (
                    "balances",
                    models.JSONField(help_text="{asset: amount}, in our favour above zero."),
                ),
                ("received_at", models.DateTimeField()),
                (
                    "received_from",
                    models.TextField(help_text="Who brought it: `key:<id>` or `user:<id>`."),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "date", "kind", "source"),
                        name="statement_is_received_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["depot", "nostro"])),
                        name="statement_kind_is_known",
                    ),
                ],
            },
        ),
    ]
