"""The history of positions remembers the fills that made it."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    """The history of positions remembers the fills that made it."""

    dependencies = [("trading", "0004_storage")]
    operations = [
        migrations.RunSQL(
            (SQL / "fills.sql").read_text(),
            reverse_sql=migrations.RunSQL.noop,
        )
    ]
