"""Widgets: chats on the tenants' own sites."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import apps.conversations.models.widgets
import apps.core.ids
from apps.core.new_tables import Steps


class Migration(Steps):
    dependencies = [
        ("conversations", "0004_guards"),
        ("tenants", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Widget",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=apps.core.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "key",
                    models.TextField(
                        db_collation="C",
                        default=apps.conversations.models.widgets.new_key,
                        editable=False,
                        unique=True,
                    ),
                ),
                ("name", models.CharField(help_text="For the back office.", max_length=100)),
                (
                    "origins",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(),
                        blank=True,
                        default=list,
                        help_text="Sites that may show it, such as https://shop.example; ours always may.",
                        size=None,
                    ),
                ),
                ("title", models.CharField(blank=True, default="", max_length=100)),
                ("greeting", models.CharField(blank=True, default="", max_length=500)),
                (
                    "skills",
                    models.JSONField(
                        blank=True, default=dict, help_text="Skill → level; empty: the bot."
                    ),
                ),
                (
                    "language",
                    models.CharField(blank=True, default="", help_text="BCP 47.", max_length=35),
                ),
                ("is_active", models.BooleanField(default=True)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["tenant", "id"], name="widgets_of_a_tenant")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("key__startswith", "wk_")),
                        name="widget_key_is_told_apart",
                    )
                ],
            },
        ),
    ]
