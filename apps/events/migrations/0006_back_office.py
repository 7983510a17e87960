"""Views that give the rows of three tables an address, for the back office's pages."""

from pathlib import Path

from django.db import migrations, models

from apps.core.new_tables import NewTables

SQL = Path(__file__).parent / "sql"


class Migration(NewTables):
    """Views that give the rows of three tables an address, for the back office's pages."""

    dependencies = [("events", "0005_storage")]
    operations = [
        migrations.RunSQL(
            (SQL / "back_office.sql").read_text(),
            reverse_sql="DROP VIEW events_eventrecord, events_cursorrecord, events_jobrecord",
        ),
        migrations.CreateModel(
            name="CursorRecord",
            fields=[
                ("address", models.TextField(primary_key=True, serialize=False)),
                ("handler", models.TextField()),
                ("topic", models.TextField()),
                ("partition", models.SmallIntegerField()),
                ("queue_shard", models.SmallIntegerField(verbose_name="shard")),
                ("offset", models.BigIntegerField()),
                ("head", models.BigIntegerField()),
                ("behind", models.BigIntegerField(help_text="Events not yet taken.")),
                (
                    "state",
                    models.TextField(choices=[("running", "Running"), ("stopped", "Stopped")]),
                ),
                ("error", models.TextField()),
                ("failures", models.IntegerField(help_text="Infrastructure errors in a row.")),
                ("attempts", models.IntegerField(help_text="Tries begun and not ended.")),
                ("retry_at", models.DateTimeField(null=True)),
                ("updated_at", models.DateTimeField(verbose_name="moved (UTC)")),
                ("events_total", models.BigIntegerField(verbose_name="taken")),
                (
                    "rescues_total",
                    models.BigIntegerField(
                        help_text="Times that the sweep had to wake it.", verbose_name="rescues"
                    ),
                ),
            ],
            options={
                "verbose_name": "cursor",
                "db_table": "events_cursorrecord",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="EventRecord",
            fields=[
                ("address", models.TextField(primary_key=True, serialize=False)),
                ("topic", models.TextField()),
                ("partition", models.SmallIntegerField()),
                ("offset", models.BigIntegerField()),
                ("id", models.UUIDField()),
                ("tenant_id", models.IntegerField(verbose_name="tenant")),
                ("key", models.TextField()),
                ("name", models.TextField()),
                ("version", models.SmallIntegerField()),
                ("data", models.JSONField()),
                ("headers", models.JSONField()),
                ("occurred_at", models.DateTimeField(verbose_name="occurred (UTC)")),
                ("recorded_at", models.DateTimeField(verbose_name="recorded (UTC)")),
            ],
            options={
                "verbose_name": "event",
                "db_table": "events_eventrecord",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="JobRecord",
            fields=[
                ("address", models.TextField(primary_key=True, serialize=False)),
                ("job", models.TextField()),
                ("period", models.DateTimeField(verbose_name="period from (UTC)")),
                ("claimed_at", models.DateTimeField(verbose_name="begun (UTC)")),
                ("finished_at", models.DateTimeField(null=True, verbose_name="finished (UTC)")),
                ("error", models.TextField()),
            ],
            options={
                "verbose_name": "clock run",
                "db_table": "events_jobrecord",
                "managed": False,
            },
        ),
    ]
