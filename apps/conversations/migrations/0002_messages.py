"""Messages enter their conversation through one function, which gives them their place."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    """Messages enter their conversation through one function."""

    dependencies = [("conversations", "0001_initial")]
    operations = [
        migrations.RunSQL(
            (SQL / "send.sql").read_text(), reverse_sql="DROP FUNCTION conversations_send"
        )
    ]
