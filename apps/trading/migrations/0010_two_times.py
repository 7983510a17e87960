"""Changes of positions have two times that never fall, so that both can be searched."""

from pathlib import Path

from django.db import migrations, models

from apps.core.new_tables import Steps

SQL = Path(__file__).parent / "sql"


class Migration(Steps):
    """Changes of positions have two times that never fall, so that both can be searched."""

    dependencies = [("trading", "0009_settlement_by_calendar")]
    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    (SQL / "two_times.sql").read_text(), reverse_sql=migrations.RunSQL.noop
                )
            ],
            state_operations=[
                migrations.AddField(
                    model_name="position",
                    name="effective_to",
                    field=models.DateTimeField(
                        help_text="The latest time of dealing of its trades."
                    ),
                ),
                migrations.AddField(
                    model_name="position",
                    name="known_to",
                    field=models.DateTimeField(
                        help_text="The latest time at which we knew of one."
                    ),
                ),
                migrations.AddField(
                    model_name="positionchange",
                    name="effective_to",
                    field=models.DateTimeField(help_text="The latest `effective_at` up to here."),
                ),
                migrations.AlterField(
                    model_name="positionchange",
                    name="booked_at",
                    field=models.DateTimeField(help_text="When we knew of it (UTC); never falls."),
                ),
            ],
        ),
    ]
