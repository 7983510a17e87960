"""Digests of what is booked, and blocks that nobody changes."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    """Digests of what is booked, and blocks that nobody changes."""

    dependencies = [("ledger", "0009_blocks")]
    operations = [
        migrations.RunSQL(
            (SQL / "blocks.sql").read_text(),
            reverse_sql=migrations.RunSQL.noop,
        )
    ]
