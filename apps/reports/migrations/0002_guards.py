"""What was made stays as it was made, whoever writes."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    """What was made stays as it was made, whoever writes."""

    dependencies = [("reports", "0001_initial")]
    operations = [
        migrations.RunSQL(
            (SQL / "guards.sql").read_text(),
            reverse_sql="DROP FUNCTION reports_keep_file, reports_refuse_part CASCADE;",
        )
    ]
