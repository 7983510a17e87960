"""A key may be a person's: then both are one where two people have to decide."""

from pathlib import Path

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from apps.core.new_tables import Steps

SQL = Path(__file__).parent / "sql"


class Migration(Steps):
    """A key may be a person's: then both are one where two people have to decide."""

    dependencies = [("tenants", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="apikey",
            name="owner",
            field=models.ForeignKey(
                blank=True,
                help_text="Whose it is, for good; none: a program's own.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="api_keys",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.RunSQL(
            (SQL / "people.sql").read_text(),
            reverse_sql="""
                DROP FUNCTION tenants_keep_owner, tenants_take_two_people CASCADE;
                DROP FUNCTION tenants_person_of;
            """,
        ),
    ]
