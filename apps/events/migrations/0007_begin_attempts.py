"""Attempts are counted in several partitions at once: a drain takes them together."""

from pathlib import Path
from typing import ClassVar

from django.db import migrations

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies: ClassVar = [("events", "0006_back_office")]
    operations: ClassVar = [
        migrations.RunSQL(
            (SQL / "begin_attempts.sql").read_text(),
            reverse_sql="DROP FUNCTION events_begin_attempts;"
            + (SQL / "begin_attempt.sql").read_text(),
        )
    ]
