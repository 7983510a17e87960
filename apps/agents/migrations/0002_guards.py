"""Room, identity and history are kept by the database, whoever writes."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    """Room, identity and history are kept by the database, whoever writes."""

    dependencies = [("agents", "0001_initial")]
    operations = [
        migrations.RunSQL(
            (SQL / "guards.sql").read_text(),
            reverse_sql="""
                DROP FUNCTION agents_count_version, agents_guard_agent, agents_keep_load,
                    agents_keep_assignments CASCADE;
            """,
        )
    ]
