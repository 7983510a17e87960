"""What happened stays as it was told."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    """What happened stays as it was told."""

    dependencies = [("events", "0002_append")]
    operations = [
        migrations.RunSQL(
            (SQL / "append_only.sql").read_text(),
            reverse_sql="DROP FUNCTION events_refuse_change CASCADE",
        )
    ]
