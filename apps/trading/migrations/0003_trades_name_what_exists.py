"""A trade names an account and an instrument of its tenant, and both are kept."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    """A trade names an account and an instrument of its tenant, and both are kept."""

    dependencies = [("trading", "0002_trades_are_append_only")]
    operations = [
        migrations.RunSQL(
            (SQL / "identity.sql").read_text(),
            reverse_sql="DROP FUNCTION trading_keep_identity, trading_check_trades CASCADE",
        )
    ]
