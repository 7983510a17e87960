"""Facts enter the log through one function."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    """Facts enter the log through one function."""

    dependencies = [("events", "0001_initial")]
    operations = [
        migrations.RunSQL(
            (SQL / "append.sql").read_text(), reverse_sql="DROP FUNCTION events_append"
        )
    ]
