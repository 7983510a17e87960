"""Two people adjust the books, also where one of them has a key."""

from django.db import migrations


class Migration(migrations.Migration):
    """Two people adjust the books, also where one of them has a key."""

    dependencies = [("ledger", "0016_adjustments"), ("tenants", "0002_key_owner")]

    operations = [
        migrations.RunSQL(
            """
                CREATE TRIGGER adjustment_takes_two_people BEFORE UPDATE ON ledger_adjustment
                    FOR EACH ROW WHEN (NEW.state IN ('approved', 'rejected'))
                    EXECUTE FUNCTION tenants_take_two_people('two_people_adjust');
                ALTER TABLE ledger_adjustment ENABLE ALWAYS TRIGGER adjustment_takes_two_people;
            """,
            reverse_sql="DROP TRIGGER adjustment_takes_two_people ON ledger_adjustment;",
        ),
    ]
