"""What stays of archived months, and who may write it."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    """What stays of archived months, and who may write it."""

    dependencies = [("ledger", "0014_archives")]
    operations = [
        migrations.RunSQL(
            (SQL / "archives.sql").read_text(),
            reverse_sql=migrations.RunSQL.noop,
        )
    ]
