"""Sealed blocks of the journal."""

from django.db import migrations, models

from apps.core.new_tables import Steps


class Migration(Steps):
    """Sealed blocks of the journal."""

    dependencies = [
        ("ledger", "0008_reconciliation"),
    ]

    operations = [
        migrations.CreateModel(
            name="Block",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("low", models.UUIDField(help_text="Entries after this id.")),
                ("high", models.UUIDField(help_text="Up to this one.", unique=True)),
                ("entries", models.IntegerField()),
                (
                    "digests",
                    models.BinaryField(
                        help_text="Of each entry, by id: 16 bytes id, 16 bytes digest."
                    ),
                ),
                ("previous", models.BinaryField(help_text="The hash of the block before.")),
                ("hash", models.BinaryField(help_text="SHA-256 of `previous` and `digests`.")),
                ("sealed_at", models.DateTimeField()),
            ],
            options={
                "ordering": ("number",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("entries__gte", 1), ("number__gte", 1)),
                        name="block_is_not_empty",
                    )
                ],
            },
        ),
    ]
