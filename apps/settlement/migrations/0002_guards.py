"""What is settled stays settled, and what was done stays on record."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    """What is settled stays settled, and what was done stays on record."""

    dependencies = [("settlement", "0001_initial"), ("ledger", "0003_guards")]
    operations = [
        migrations.RunSQL(
            (SQL / "guards.sql").read_text(),
            reverse_sql="""
                DROP FUNCTION settlement_keep_its_word, settlement_refuse_change,
                    settlement_keep_step, settlement_refuse_step, settlement_keep_notice,
                    settlement_keep_proposal CASCADE;
            """,
        )
    ]
