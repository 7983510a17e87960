"""Notes, canned replies, ratings, files, policies, and what is kept about conversations."""

import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.functions.text
from django.db import migrations, models

import apps.core.ids
from apps.core.new_tables import Steps


class Migration(Steps):
    dependencies = [
        ("conversations", "0005_widgets"),
        ("tenants", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="conversation",
            name="assignment_fence",
            field=models.BigIntegerField(
                default=0, help_text="The newest assignment of agents' that was heeded."
            ),
        ),
        migrations.CreateModel(
            name="Policy",
            fields=[
                (
                    "tenant",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="tenants.tenant",
                    ),
                ),
                (
                    "starts_with",
                    models.CharField(
                        choices=[
                            ("auto", "the line if a skill is asked for, else the bot"),
                            ("bot", "the bot"),
                            ("queue", "people"),
                        ],
                        default="auto",
                        max_length=5,
                    ),
                ),
                (
                    "wrap_up_seconds",
                    models.PositiveIntegerField(
                        default=0,
                        help_text="What an agent has after the end, unless they ask for it; 0: nothing.",
                    ),
                ),
                (
                    "fallback_seconds",
                    models.PositiveIntegerField(
                        default=120, help_text="How long a transfer waits for its agent."
                    ),
                ),
                (
                    "undelivered_seconds",
                    models.PositiveIntegerField(
                        default=30,
                        help_text="After this an undelivered message is told to the outside; 0: never.",
                    ),
                ),
                (
                    "retention_days",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Closed conversations are deleted after this; empty: never.",
                        null=True,
                    ),
                ),
                ("attachment_bytes", models.PositiveIntegerField(default=10485760)),
            ],
            options={
                "verbose_name_plural": "policies",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("fallback_seconds__lte", 86400), ("wrap_up_seconds__lte", 86400)
                        ),
                        name="policy_times_are_below_a_day",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("attachment_bytes__range", (1, 26214400))),
                        name="policy_attachments_are_bounded",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("retention_days", None), ("retention_days__gte", 1), _connector="OR"
                        ),
                        name="policy_keeps_at_least_a_day",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Attachment",
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
                    "name",
                    models.TextField(help_text="As the sender called it; shown, never a path."),
                ),
                ("content_type", models.CharField(help_text="As its bytes say.", max_length=100)),
                ("size", models.BigIntegerField(help_text="Bytes.")),
                ("digest", models.BinaryField(help_text="SHA-256 of the bytes.", max_length=32)),
                ("path", models.TextField(editable=False, help_text="Where the storage has it.")),
                (
                    "stored_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("erased_at", models.DateTimeField(blank=True, null=True)),
                (
                    "conversation",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="attachments",
                        to="conversations.conversation",
                    ),
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
                "indexes": [
                    models.Index(
                        fields=["conversation", "id"], name="attachments_of_a_conversation"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("size__gte", 0)), name="attachment_size_is_sane"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CannedReply",
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
                    "shortcut",
                    models.CharField(help_text="What is typed behind a slash.", max_length=40),
                ),
                ("title", models.CharField(max_length=120)),
                ("body", models.TextField()),
                (
                    "language",
                    models.CharField(blank=True, help_text="BCP 47; empty: any.", max_length=35),
                ),
                ("is_active", models.BooleanField(default=True)),
                ("changed_at", models.DateTimeField(auto_now=True)),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "canned replies",
                "constraints": [
                    models.UniqueConstraint(
                        models.F("tenant"),
                        django.db.models.functions.text.Lower("shortcut"),
                        models.F("language"),
                        name="canned_reply_has_its_own_shortcut",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("body", ""), _negated=True),
                        name="canned_reply_says_something",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Erasure",
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
                ("customer_id", models.UUIDField()),
                ("by", models.TextField(help_text="Who had it done.")),
                (
                    "counts",
                    models.JSONField(
                        default=dict, help_text="What was blanked or removed, by kind."
                    ),
                ),
                (
                    "checks",
                    models.JSONField(
                        default=list, help_text="[{place, ok, found}]: looked at afterwards."
                    ),
                ),
                ("began_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["tenant", "customer_id"], name="erasures_of_a_customer")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("by", ""), _negated=True), name="erasure_was_asked_for"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ImportedDialogue",
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
                ("source", models.TextField(db_collation="C", help_text="Whose names these are.")),
                (
                    "external_id",
                    models.TextField(db_collation="C", help_text="The dialogue's name there."),
                ),
                (
                    "imported_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "conversation",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="conversations.conversation",
                    ),
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
                "indexes": [
                    models.Index(fields=["conversation"], name="imports_of_a_conversation")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "source", "external_id"), name="dialogue_is_imported_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Note",
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
                ("author", models.TextField(help_text="Who wrote it: `user:<id>`, `key:<id>`.")),
                ("body", models.TextField()),
                (
                    "written_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("erased_at", models.DateTimeField(blank=True, null=True)),
                (
                    "conversation",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notes",
                        to="conversations.conversation",
                    ),
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
                "indexes": [
                    models.Index(fields=["conversation", "id"], name="notes_of_a_conversation")
                ],
            },
        ),
        migrations.CreateModel(
            name="Rating",
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
                    "closing",
                    models.IntegerField(help_text="Which of its closings it is about, from 1."),
                ),
                ("score", models.SmallIntegerField(help_text="1 (bad) to 5 (good).")),
                ("comment", models.TextField(blank=True, default="")),
                ("agent_id", models.UUIDField(blank=True, help_text="Who had it last.", null=True)),
                (
                    "rated_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("erased_at", models.DateTimeField(blank=True, null=True)),
                (
                    "conversation",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="ratings",
                        to="conversations.conversation",
                    ),
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
                "constraints": [
                    models.UniqueConstraint(
                        fields=("conversation", "closing"), name="closing_is_rated_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("closing__gte", 1), ("score__range", (1, 5))),
                        name="rating_is_sane",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Undelivered",
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
                ("seq", models.BigIntegerField(help_text="The newest message that waits.")),
                ("since", models.DateTimeField(help_text="Since when the oldest of them waits.")),
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
                "verbose_name_plural": "undelivered",
                "indexes": [models.Index(fields=["since"], name="undelivered_by_age")],
            },
        ),
    ]
