"""What is booked stays as it is."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    """What is booked stays as it is."""

    dependencies = [("ledger", "0002_postings")]
    operations = [
        migrations.RunSQL(
            (SQL / "guards.sql").read_text(),
            reverse_sql="""
                ALTER TABLE ledger_journalentry DROP CONSTRAINT entry_times_are_finite;
                DROP FUNCTION ledger_refuse_change, ledger_refuse_writing_by_hand,
                    ledger_keep_account_identity, ledger_check_reversal,
                    ledger_check_entry_has_postings CASCADE;
            """,
        )
    ]
