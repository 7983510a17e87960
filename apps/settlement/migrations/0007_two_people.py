"""Two people settle by hand, also where one of them has a key."""

from django.db import migrations


class Migration(migrations.Migration):
    """Two people settle by hand, also where one of them has a key."""

    dependencies = [("settlement", "0005_splits"), ("tenants", "0002_key_owner")]

    operations = [
        migrations.RunSQL(
            """
                CREATE TRIGGER proposal_takes_two_people BEFORE INSERT OR UPDATE ON settlement_proposal
                    FOR EACH ROW WHEN (NEW.decided_by IS NOT NULL)
                    EXECUTE FUNCTION tenants_take_two_people('two_people_settle_by_hand');
            """,
            reverse_sql="DROP TRIGGER proposal_takes_two_people ON settlement_proposal;",
        ),
    ]
