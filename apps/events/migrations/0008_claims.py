"""A convoy claims and begins in one round trip, and lets go and looks again in another."""

from pathlib import Path
from typing import ClassVar

from django.db import migrations

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies: ClassVar = [("events", "0007_begin_attempts")]
    operations: ClassVar = [
        migrations.RunSQL(
            (SQL / "claims.sql").read_text(),
            reverse_sql="DROP FUNCTION events_claim; DROP FUNCTION events_let_go;",
        )
    ]
