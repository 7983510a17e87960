"""What was written stays, counters grow, and a new owner has a new fence; whoever writes."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    """What was written stays, counters grow, and a new owner has a new fence."""

    dependencies = [("conversations", "0003_receipts")]
    operations = [
        migrations.RunSQL(
            (SQL / "guards.sql").read_text(),
            reverse_sql=(
                "DROP FUNCTION conversations_keep_messages, conversations_check_seq,"
                " conversations_keep_order, conversations_keep_marks CASCADE"
            ),
        )
    ]
