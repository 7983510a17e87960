"""Settlement days follow the market unless an instrument sets its own."""

from django.db import migrations, models

from apps.core.new_tables import Steps


class Migration(Steps):
    dependencies = [
        ("trading", "0008_settled_holdings"),
    ]

    operations = [
        migrations.AlterField(
            model_name="instrument",
            name="settlement_calendar",
            field=models.TextField(
                blank=True,
                default="",
                help_text="Such as US or TARGET; empty: what kind and currency settle by.",
            ),
        ),
        migrations.AlterField(
            model_name="instrument",
            name="settlement_days",
            field=models.SmallIntegerField(
                blank=True,
                help_text="Settlement days after the trade date; empty: the market's cycle of that date.",
                null=True,
            ),
        ),
    ]
