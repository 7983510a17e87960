"""An index of the counts of calls by their minute: every scrape asks for the newest of all tenants."""

from django.db import migrations, models

from apps.core.new_tables import Steps


class Migration(Steps):
    """One index."""

    dependencies = [("nlu", "0002_providers_and_turns")]
    operations = [
        migrations.AddIndex(
            model_name="callminute",
            index=models.Index(fields=["minute"], name="calls_by_age"),
        ),
    ]
