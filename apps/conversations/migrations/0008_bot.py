"""The bot: what it says, its flows, and what it remembers of a conversation."""

import django.db.models.deletion
from django.db import migrations, models

import apps.conversations.models.flows
from apps.core.new_tables import NewTables


class Migration(NewTables):
    """The bot: what it says, its flows, and what it remembers of a conversation."""

    dependencies = [
        ("conversations", "0007_search"),
        ("tenants", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Bot",
            fields=[
                (
                    "tenant",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="tenants.tenant",
                    ),
                ),
                ("enabled", models.BooleanField(default=True)),
                (
                    "language",
                    models.CharField(default="en", help_text="Where none is known.", max_length=12),
                ),
                (
                    "greeting",
                    models.JSONField(
                        blank=True,
                        default=apps.conversations.models.flows.greeting_texts,
                        validators=[apps.conversations.models.flows.texts],
                    ),
                ),
                (
                    "ask_again",
                    models.JSONField(
                        default=apps.conversations.models.flows.ask_again_texts,
                        validators=[apps.conversations.models.flows.texts],
                    ),
                ),
                (
                    "handing_over",
                    models.JSONField(
                        default=apps.conversations.models.flows.handing_over_texts,
                        validators=[apps.conversations.models.flows.texts],
                    ),
                ),
                (
                    "out_of_hours",
                    models.JSONField(
                        default=apps.conversations.models.flows.out_of_hours_texts,
                        validators=[apps.conversations.models.flows.texts],
                    ),
                ),
                (
                    "cancelled",
                    models.JSONField(
                        default=apps.conversations.models.flows.cancelled_texts,
                        validators=[apps.conversations.models.flows.texts],
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="BotMemory",
            fields=[
                (
                    "conversation",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="conversations.conversation",
                    ),
                ),
                ("state", models.JSONField(default=dict)),
                ("answered_seq", models.BigIntegerField(default=0)),
                ("intent", models.CharField(blank=True, default="", max_length=100)),
                (
                    "summary",
                    models.TextField(blank=True, default="", help_text="For who takes over."),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="BotFlow",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("intent", models.CharField(max_length=100)),
                ("enabled", models.BooleanField(default=True)),
                (
                    "replies",
                    models.JSONField(
                        default=dict,
                        help_text='{"en": "… {slot} …"}: {slot} is filled in.',
                        validators=[apps.conversations.models.flows.texts],
                    ),
                ),
                (
                    "slots",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text='[{"name": "card", "kind": "account_number", "question": {"en": "Which card?"}}]; the kind text takes whatever is said.',
                        validators=[apps.conversations.models.flows.slots],
                    ),
                ),
                (
                    "confirmation",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text="A question, answered yes or no.",
                        validators=[apps.conversations.models.flows.texts],
                    ),
                ),
                (
                    "then",
                    models.CharField(
                        choices=[
                            ("reply", "with the reply"),
                            ("hand_over", "with a person"),
                            ("close", "with the conversation's end"),
                        ],
                        default="reply",
                        max_length=9,
                    ),
                ),
                (
                    "skills",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        validators=[apps.conversations.models.flows.levels],
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "intent"), name="an_intent_has_one_flow"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("intent", ""), _negated=True),
                        name="a_flow_has_an_intent",
                    ),
                ],
            },
        ),
    ]
