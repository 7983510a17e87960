"""An attempt is counted before it is made."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    """An attempt is counted before it is made."""

    dependencies = [("events", "0003_events_are_append_only")]
    operations = [
        migrations.RunSQL(
            (SQL / "begin_attempt.sql").read_text(),
            reverse_sql="DROP FUNCTION events_begin_attempt",
        )
    ]
