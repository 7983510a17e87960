"""A table for every month of postings, this one and the next three to begin with."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    """A table for every month of postings, this one and the next three to begin with."""

    dependencies = [("ledger", "0004_booking")]
    operations = [
        migrations.RunSQL(
            (SQL / "partitions.sql").read_text(),
            reverse_sql="DROP FUNCTION ledger_make_partition",
        )
    ]
