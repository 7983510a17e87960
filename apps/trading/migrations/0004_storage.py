"""Pages and vacuum fit the way these tables are written."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    """Pages and vacuum fit the way these tables are written."""

    dependencies = [("trading", "0003_trades_name_what_exists")]
    operations = [
        migrations.RunSQL(
            (SQL / "storage.sql").read_text(),
            reverse_sql=migrations.RunSQL.noop,
        )
    ]
