"""Providers, how they are used, turns, and calls counted by the minute."""

import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import apps.core.ids
from apps.core.new_tables import NewTables


class Migration(NewTables):
    """Providers, how they are used, turns, and calls counted by the minute."""

    dependencies = [
        ("nlu", "0001_initial"),
        ("tenants", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Usage",
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
                (
                    "choice",
                    models.CharField(
                        choices=[
                            ("order", "the order given"),
                            ("cost", "lowest cost"),
                            ("latency", "fastest lately"),
                            ("balanced", "cost, speed and errors"),
                        ],
                        default="order",
                        max_length=8,
                    ),
                ),
                (
                    "race",
                    models.PositiveSmallIntegerField(
                        default=0, help_text="Providers asked at once; 0: one after another."
                    ),
                ),
                (
                    "hedge_percent",
                    models.PositiveSmallIntegerField(
                        default=10, help_text="Second calls, in percent of first ones; 0: none."
                    ),
                ),
                ("cache", models.BooleanField(default=True)),
                ("local_threshold", models.FloatField(default=0.3)),
                (
                    "keep_texts",
                    models.BooleanField(
                        default=False,
                        help_text="Whether turns keep what was written, for finding mistakes.",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "usage",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("hedge_percent__lte", 100)), name="hedges_are_a_part"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("race__lte", 4)), name="a_race_has_few_runners"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CallMinute",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("minute", models.DateTimeField()),
                ("provider", models.CharField(blank=True, max_length=40)),
                ("role", models.CharField(max_length=10)),
                ("outcome", models.CharField(max_length=12)),
                ("calls", models.BigIntegerField(default=0)),
                ("wins", models.BigIntegerField(default=0)),
                ("cost", models.DecimalField(decimal_places=6, default=0, max_digits=18)),
                (
                    "latencies",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.IntegerField(),
                        help_text="Counts, by bucket (selection.py).",
                        size=None,
                    ),
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
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "minute", "provider", "role", "outcome"),
                        name="calls_are_counted_in_one_place",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Provider",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.SlugField(max_length=40)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("watson", "IBM Watson Assistant v2"),
                            ("dialogflow_es", "Google Dialogflow ES"),
                            ("dialogflow_cx", "Google Dialogflow CX"),
                            ("openai", "Chat model (OpenAI's API)"),
                        ],
                        max_length=16,
                    ),
                ),
                ("enabled", models.BooleanField(default=True)),
                (
                    "order",
                    models.PositiveSmallIntegerField(
                        default=10, help_text="The lowest is asked first."
                    ),
                ),
                ("url", models.URLField(help_text="Without a path: https://host", max_length=300)),
                (
                    "settings",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text="assistant, environment, project, agent, model, …",
                    ),
                ),
                (
                    "secret_variable",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="Environment variable that holds the credentials (NLU_SECRET_…).",
                        max_length=100,
                    ),
                ),
                (
                    "secret",
                    models.TextField(
                        blank=True, default="", editable=False, help_text="Encrypted."
                    ),
                ),
                ("cost_per_call", models.DecimalField(decimal_places=6, default=0, max_digits=12)),
                (
                    "per_minute",
                    models.PositiveIntegerField(
                        default=0, help_text="Calls a minute; 0: no limit."
                    ),
                ),
                (
                    "threshold",
                    models.FloatField(
                        default=0.4, help_text="Below this confidence: not understood."
                    ),
                ),
                (
                    "thresholds",
                    models.JSONField(blank=True, default=dict, help_text='{"intent": 0.7}'),
                ),
                (
                    "languages",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=12),
                        blank=True,
                        default=list,
                        help_text="Empty: every one.",
                        size=None,
                    ),
                ),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
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
                "ordering": ("tenant", "order", "name"),
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "name"), name="provider_has_a_name"),
                    models.CheckConstraint(
                        condition=models.Q(("threshold__gte", 0), ("threshold__lte", 1)),
                        name="threshold_is_a_probability",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("cost_per_call__gte", 0)),
                        name="a_call_costs_something_or_nothing",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("name", "local"), _negated=True),
                        name="local_is_our_own_classifiers_name",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("secret_variable", ""),
                            ("secret_variable__startswith", "NLU_SECRET_"),
                            _connector="OR",
                        ),
                        name="only_secrets_for_this_are_read_from_the_environment",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Turn",
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
                    models.CharField(
                        help_text="The message that it answers.", max_length=80, null=True
                    ),
                ),
                ("conversation", models.UUIDField(null=True)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("language", models.CharField(default="en", max_length=12)),
                ("length", models.PositiveIntegerField(help_text="Characters of the text.")),
                ("text", models.TextField(blank=True, default="")),
                ("intent", models.CharField(default="", max_length=100)),
                ("confidence", models.FloatField(default=0)),
                ("provider", models.CharField(default="", max_length=40)),
                ("degraded", models.BooleanField(default=False)),
                ("cached", models.BooleanField(default=False)),
                ("shared", models.BooleanField(default=False)),
                (
                    "latency_ms",
                    models.FloatField(help_text="Empty: begun, and not ended.", null=True),
                ),
                ("attempts", models.JSONField(default=list)),
                (
                    "result",
                    models.JSONField(
                        default=dict, help_text="The whole interpretation, of keyed turns."
                    ),
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
            options={
                "indexes": [
                    models.Index(fields=["tenant", "-at"], name="turns_of_a_tenant"),
                    models.Index(fields=["at"], name="turns_by_age"),
                    models.Index(
                        condition=models.Q(("conversation__isnull", False)),
                        fields=["tenant", "conversation", "at"],
                        name="turns_of_a_conversation",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "key"), name="turn_is_taken_once")
                ],
            },
        ),
    ]
