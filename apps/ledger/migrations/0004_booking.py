"""The one gate: legs are checked together, and balances follow them."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    """The one gate: legs are checked together, and balances follow them."""

    dependencies = [("ledger", "0003_guards")]
    operations = [
        migrations.RunSQL(
            (SQL / "booking.sql").read_text(),
            reverse_sql="""
                DROP TRIGGER posting_stays ON ledger_posting;
                DROP TRIGGER posting_is_append_only ON ledger_posting;
                DROP TRIGGER posting_is_not_truncated ON ledger_posting;
                DROP FUNCTION ledger_guard_postings;
                DROP FUNCTION ledger_book_postings CASCADE;
            """,
        )
    ]
