"""What an account system decides about accounts, beside what we do."""

import django.db.models.deletion
from django.db import migrations, models

from apps.core.new_tables import Steps


class Migration(Steps):
    """What an account system decides about accounts, beside what we do."""

    dependencies = [
        ("tenants", "0001_initial"),
        ("trading", "0013_corporate_actions"),
    ]

    operations = [
        migrations.CreateModel(
            name="AccountFeed",
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
                ("cursor", models.BigIntegerField(default=0)),
                ("read_at", models.DateTimeField(help_text="When it last answered.", null=True)),
                (
                    "problem",
                    models.TextField(
                        blank=True, default="", help_text="Why it did not, the last time."
                    ),
                ),
                (
                    "unknown",
                    models.BigIntegerField(
                        default=0, help_text="Told accounts that we do not have."
                    ),
                ),
                (
                    "contradictions",
                    models.BigIntegerField(
                        default=0,
                        help_text="Told twice under one version, with other content: the first counts.",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="AccountNotice",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("uid", models.TextField(help_text="The sender's id of the message.")),
                ("body", models.TextField()),
                ("applied", models.IntegerField(help_text="Accounts that it changed.")),
                ("received_at", models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name="clientaccount",
            name="own_status",
            field=models.CharField(
                choices=[("open", "Open"), ("frozen", "Frozen"), ("closed", "Closed")],
                db_default="open",
                default="open",
                help_text="What we decided; the stricter one of the two counts.",
                max_length=6,
            ),
        ),
        migrations.AddField(
            model_name="clientaccount",
            name="told_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="clientaccount",
            name="told_status",
            field=models.CharField(
                blank=True,
                choices=[("open", "Open"), ("frozen", "Frozen"), ("closed", "Closed")],
                db_default="",
                default="",
                help_text="What the account system told; empty: it does not know the account.",
                max_length=6,
            ),
        ),
        migrations.AddField(
            model_name="clientaccount",
            name="told_version",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.RunSQL(
            "UPDATE trading_clientaccount SET own_status = status WHERE status <> 'open'",
            reverse_sql=migrations.RunSQL.noop,
        ),
        migrations.AddConstraint(
            model_name="clientaccount",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("told_at", None), ("told_status", ""), ("told_version", 0)),
                    models.Q(
                        ("told_at__isnull", False),
                        ("told_status__in", ["open", "frozen", "closed"]),
                        ("told_version__gt", 0),
                    ),
                    _connector="OR",
                ),
                name="told_accounts_have_a_version",
            ),
        ),
        migrations.AddConstraint(
            model_name="clientaccount",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "open"), _negated=True),
                    models.Q(("own_status", "open"), ("told_status__in", ["", "open"])),
                    _connector="OR",
                ),
                name="open_accounts_are_open_for_both",
            ),
        ),
        migrations.AddField(
            model_name="accountnotice",
            name="tenant",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="tenants.tenant",
            ),
        ),
        migrations.AddConstraint(
            model_name="accountnotice",
            constraint=models.UniqueConstraint(
                fields=("tenant", "uid"), name="account_notice_is_taken_once"
            ),
        ),
    ]
