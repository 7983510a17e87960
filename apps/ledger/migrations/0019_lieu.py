"""Archived months count cash in lieu with the trades: both are what positions earned."""

from pathlib import Path

from django.db import migrations, models

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    """Archived months count cash in lieu with the trades: both are what positions earned."""

    dependencies = [
        ("ledger", "0018_two_people"),
    ]

    operations = [
        migrations.RunSQL((SQL / "lieu.sql").read_text(), reverse_sql=migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="archivedbalance",
            name="of_trades",
            field=models.BooleanField(
                help_text="House: entries of trades and of cash in lieu, and their reversals."
            ),
        ),
    ]
