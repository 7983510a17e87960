"""What was said can be found by its words; the tenant is one of them."""

from django.db import migrations

INDEX = """
CREATE INDEX messages_by_words ON conversations_message
    USING gin (to_tsvector('simple', 't' || tenant_id || ' ' || body));
"""


class Migration(migrations.Migration):
    """What was said can be found by its words."""

    dependencies = [("conversations", "0006_desk")]
    operations = [migrations.RunSQL(INDEX, reverse_sql="DROP INDEX messages_by_words")]
