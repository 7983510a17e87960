"""Entries that were booked late, or early, are found without reading the others."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    """Entries that were booked late, or early, are found without reading the others."""

    dependencies = [("ledger", "0006_storage")]
    operations = [
        migrations.RunSQL(
            (SQL / "late.sql").read_text(),
            reverse_sql=migrations.RunSQL.noop,
        )
    ]
