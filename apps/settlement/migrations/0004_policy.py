"""Whether a tenant delivers more than an account holds, and an index to what is promised already."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from apps.core.new_tables import Steps


class Migration(Steps):
    """Whether a tenant delivers more than an account holds, and an index to what is promised already."""

    dependencies = [
        ("settlement", "0003_confirmed"),
        ("tenants", "0001_initial"),
    ]
    operations = [
        migrations.CreateModel(
            name="SettlementPolicy",
            fields=[
                (
                    "tenant",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="tenants.tenant",
                    ),
                ),
                (
                    "short_deliveries",
                    models.CharField(
                        choices=[("cover", "Cover"), ("hold", "Hold")],
                        default="cover",
                        max_length=5,
                    ),
                ),
                ("reason", models.TextField()),
                ("decided_by", models.TextField()),
                (
                    "decided_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
            ],
            options={
                "verbose_name_plural": "settlement policies",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("short_deliveries__in", ["cover", "hold"])),
                        name="short_deliveries_are_known",
                    )
                ],
            },
        ),
        migrations.AddIndex(
            model_name="settlement",
            index=models.Index(
                condition=models.Q(("may_be_out", True), ("movement", "deliver")),
                fields=["account_id"],
                name="settlements_promised",
            ),
        ),
    ]
