"""Nothing settles unless its clearing system said so, or two people did."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    """Nothing settles unless its clearing system said so, or two people did."""

    dependencies = [("settlement", "0002_guards")]
    operations = [
        migrations.RunSQL(
            (SQL / "confirmed.sql").read_text(),
            reverse_sql="DROP FUNCTION settlement_is_confirmed CASCADE",
        )
    ]
