"""Watermarks move through one function, and only forward."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    """Watermarks move through one function, and only forward."""

    dependencies = [("conversations", "0002_messages")]
    operations = [
        migrations.RunSQL(
            (SQL / "mark.sql").read_text(), reverse_sql="DROP FUNCTION conversations_mark"
        )
    ]
