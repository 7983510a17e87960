"""Snapshots are append-only."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    """Snapshots are append-only."""

    dependencies = [("trading", "0011_snapshots")]
    operations = [
        migrations.RunSQL(
            (SQL / "snapshots.sql").read_text(),
            reverse_sql=migrations.RunSQL.noop,
        )
    ]
