"""The legs of entries, in a table that is partitioned by month."""

from pathlib import Path

from django.db import migrations, models

import apps.ledger.models
from apps.core.new_tables import Steps

SQL = Path(__file__).parent / "sql"


class Migration(Steps):
    """The legs of entries, in a table that is partitioned by month."""

    dependencies = [("ledger", "0001_journal")]
    operations = [
        migrations.RunSQL(
            (SQL / "postings.sql").read_text(), reverse_sql="DROP TABLE ledger_posting"
        ),
        # managed=False: this tells Django of the table, and makes nothing.
        migrations.CreateModel(
            name="Posting",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "entry_id",
                        "leg",
                        "booked_at",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("leg", models.SmallIntegerField()),
                ("asset", models.TextField(db_collation="C")),
                ("amount", apps.ledger.models.ExactField()),
                ("booked_at", models.DateTimeField()),
            ],
            options={"managed": False, "db_table": "ledger_posting"},
        ),
    ]
