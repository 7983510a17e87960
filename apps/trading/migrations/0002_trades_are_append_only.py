"""What was dealt, refused or answered stays as it was told."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    """What was dealt, refused or answered stays as it was told."""

    dependencies = [("trading", "0001_initial")]
    operations = [
        migrations.RunSQL(
            (SQL / "append_only.sql").read_text(),
            reverse_sql="DROP FUNCTION trading_refuse_change, trading_refuse_rewriting CASCADE",
        )
    ]
