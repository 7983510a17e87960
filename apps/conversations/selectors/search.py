"""Full-text search over what was said."""

from typing import Any, Final
from uuid import UUID

from django.db import connection

from apps.conversations.selectors.messages import MessageView, view_of_row

# The tenant is a word of the index, so that one tenant's search never reads another one's postings; the
# column is compared as well, since a text may hold that word. Newest first, by keyset: ids grow with time.
FIND: Final = """
SELECT id, conversation_id, seq, client_id, sender, sender_id, kind, body, data, sent_at
FROM conversations_message
WHERE to_tsvector('simple', 't' || tenant_id || ' ' || body)
      @@ (to_tsquery('simple', %(mark)s) && websearch_to_tsquery('simple', %(text)s))
  AND tenant_id = %(tenant)s AND (%(before)s::uuid IS NULL OR id < %(before)s)
ORDER BY id DESC LIMIT %(limit)s
"""


def find_messages(
    tenant: int, text: str, *, before: UUID | None = None, limit: int
) -> list[MessageView]:
    """Messages with all these words (`"a phrase"`, `or` and `-not` as search engines have them)."""
    params: dict[str, Any] = {
        "mark": f"t{tenant}",
        "text": text,
        "tenant": tenant,
        "before": before,
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(FIND, params)
        return [view_of_row(row) for row in cursor.fetchall()]
