"""Revisions are append-only and follow one another."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    """Revisions are append-only and follow one another."""

    dependencies = [("trading", "0006_revisions")]
    operations = [
        migrations.RunSQL(
            (SQL / "revisions.sql").read_text(),
            reverse_sql=migrations.RunSQL.noop,
        )
    ]
