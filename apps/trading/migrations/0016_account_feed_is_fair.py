"""Whoever waits longest for the account system is asked first."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Whoever waits longest for the account system is asked first."""

    dependencies = [
        ("trading", "0015_cash_in_lieu"),
    ]

    operations = [
        migrations.AddField(
            model_name="accountfeed",
            name="asked_at",
            field=models.DateTimeField(
                help_text="When it was last asked: whoever waits longest is asked first.", null=True
            ),
        ),
    ]
