"""What is said out of hours, and how widgets look."""

from django.db import migrations, models

from apps.core.new_tables import Steps


class Migration(Steps):
    dependencies = [
        ("conversations", "0008_bot"),
        ("tenants", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="policy",
            name="closed_asks_contact",
            field=models.BooleanField(
                default=False, help_text="The widget then asks how the customer can be reached."
            ),
        ),
        migrations.AddField(
            model_name="policy",
            name="closed_text",
            field=models.CharField(
                blank=True,
                default="",
                help_text="Said to whoever waits for a person out of hours (the agents' schedule); empty: nothing.",
                max_length=500,
            ),
        ),
        migrations.AddField(
            model_name="widget",
            name="accent",
            field=models.CharField(
                default="#0b7565",
                help_text="Its colour, such as #0b7565; text on it adapts.",
                max_length=7,
            ),
        ),
        migrations.AddField(
            model_name="widget",
            name="side",
            field=models.CharField(
                choices=[("right", "Right"), ("left", "Left")], default="right", max_length=5
            ),
        ),
        migrations.AddField(
            model_name="widget",
            name="theme",
            field=models.CharField(
                choices=[("auto", "as the visitor's device"), ("light", "Light"), ("dark", "Dark")],
                default="auto",
                max_length=5,
            ),
        ),
        migrations.AddConstraint(
            model_name="widget",
            constraint=models.CheckConstraint(
                condition=models.Q(("accent__regex", "^#[0-9a-f]{6}$")),
                name="widget_accent_is_a_colour",
            ),
        ),
        migrations.AddConstraint(
            model_name="widget",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("side__in", ["right", "left"]), ("theme__in", ["auto", "light", "dark"])
                ),
                name="widget_looks_are_known",
            ),
        ),
    ]
