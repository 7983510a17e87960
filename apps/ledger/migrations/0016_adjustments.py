"""Adjustments by two people, and owners that are closed."""

from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F, Q

from apps.core.new_tables import Steps

SQL = Path(__file__).parent / "sql"
STATES = ["proposed", "approved", "rejected", "withdrawn"]


def _key(to: str, **options: object) -> models.ForeignKey:
    return models.ForeignKey(
        to=to, on_delete=django.db.models.deletion.PROTECT, related_name="+", **options
    )


class Migration(Steps):
    """Adjustments by two people, and owners that are closed."""

    dependencies = [("ledger", "0015_archives_are_kept"), ("trading", "0001_initial")]
    operations = [
        migrations.AddField(
            model_name="ledgeraccount",
            name="closed_at",
            field=models.DateTimeField(
                blank=True,
                help_text="When the owner was closed: nobody adjusts it any more.",
                null=True,
            ),
        ),
        migrations.CreateModel(
            name="Adjustment",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("tenant", _key("tenants.tenant")),
                ("key", models.TextField(help_text="The proposer's idempotency key.")),
                ("reason", models.TextField()),
                (
                    "lines",
                    models.JSONField(
                        help_text="[{account, owner, owner_number, asset, side: debit|credit, amount}]"
                    ),
                ),
                (
                    "digest",
                    models.TextField(help_text="SHA-256 of what is proposed, in hexadecimal."),
                ),
                (
                    "effective_at",
                    models.DateTimeField(help_text="When it counts in the business (UTC)."),
                ),
                ("mends", _key("ledger.break", null=True, help_text="Closed by it.")),
                (
                    "state",
                    models.CharField(
                        choices=[(one, one.capitalize()) for one in STATES], max_length=9
                    ),
                ),
                ("proposed_by", models.TextField(help_text="`user:<id>` or `key:<id>`.")),
                ("proposed_at", models.DateTimeField()),
                ("decided_by", models.TextField(null=True)),
                ("decided_at", models.DateTimeField(null=True)),
                ("decision_reason", models.TextField(blank=True, default="")),
                (
                    "entry_id",
                    models.UUIDField(help_text="The journal entry that booked it.", null=True),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["tenant", "id"], name="adjustments_of_a_tenant")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "proposed_by", "key"), name="adjustment_is_proposed_once"
                    ),
                    models.UniqueConstraint(
                        condition=Q(state="proposed", mends__isnull=False),
                        fields=("mends",),
                        name="break_has_one_open_adjustment",
                    ),
                    models.CheckConstraint(
                        condition=Q(state__in=STATES), name="adjustment_state_is_known"
                    ),
                    models.CheckConstraint(
                        condition=Q(
                            state="proposed", decided_by__isnull=True, decided_at__isnull=True
                        )
                        | (
                            ~Q(state="proposed")
                            & Q(decided_by__isnull=False, decided_at__isnull=False)
                        ),
                        name="adjustment_decisions_are_somebodys",
                    ),
                    models.CheckConstraint(
                        condition=Q(state="proposed")
                        | Q(state="withdrawn", decided_by=F("proposed_by"))
                        | (Q(state__in=["approved", "rejected"]) & ~Q(decided_by=F("proposed_by"))),
                        name="two_people_adjust",
                    ),
                    models.CheckConstraint(
                        condition=Q(state="approved", entry_id__isnull=False)
                        | (~Q(state="approved") & Q(entry_id__isnull=True)),
                        name="approved_adjustments_and_only_they_are_booked",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            (SQL / "adjustments.sql").read_text(),
            reverse_sql="""
                DROP FUNCTION ledger_keep_adjustment, ledger_begin_adjustment,
                    ledger_check_adjustment_entry CASCADE;
            """,
        ),
    ]
