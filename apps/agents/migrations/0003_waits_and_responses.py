"""Work that comes back waits anew for its skills and keeps its place; responses count for who gave them."""

from typing import ClassVar

from django.db import migrations, models

from apps.core.new_tables import Steps


class Migration(Steps):
    """Columns; without an `asked_at` the time of queueing counts."""

    dependencies: ClassVar = [("agents", "0002_guards")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="work",
            name="asked_at",
            field=models.DateTimeField(
                help_text="Since when it waits for whom it asks for now, if not since it was queued: "
                "skills are relaxed from then on.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="assignment",
            name="responses",
            field=models.IntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="assignment",
            name="response_ms",
            field=models.BigIntegerField(
                db_default=0, default=0, help_text="Sum of the agent's responses."
            ),
        ),
    ]
