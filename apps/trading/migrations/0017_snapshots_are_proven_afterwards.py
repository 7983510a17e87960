"""A snapshot stands before it is proven, and says when it was."""

from django.db import migrations, models

# What was taken so far was proven in the same transaction.
FORWARDS = "UPDATE trading_snapshot SET proven_at = taken_at"


class Migration(migrations.Migration):
    """A snapshot stands before it is proven, and says when it was."""

    dependencies = [
        ("trading", "0016_account_feed_is_fair"),
    ]

    operations = [
        migrations.AddField(
            model_name="snapshot",
            name="proven_at",
            field=models.DateTimeField(help_text="When that was done; not yet: empty.", null=True),
        ),
        migrations.RunSQL(FORWARDS, reverse_sql=migrations.RunSQL.noop),
    ]
