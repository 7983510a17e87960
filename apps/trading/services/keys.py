"""Let answered idempotency keys go once nobody retries any more; external ids are kept for ever."""

from datetime import datetime, timedelta
from typing import Final

from django.db import connection

KEPT: Final = timedelta(days=7)
"""Longer than any client retries; a key that comes back later is a new one."""
CHUNK: Final = 10_000  # keys in one statement, so that none holds its locks for long

FORGET: Final = """
DELETE FROM trading_idempotencykey WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM trading_idempotencykey WHERE created_at < %s LIMIT %s))
"""


def forget_old_keys(now: datetime) -> int:
    """Delete keys that were answered longer than `KEPT` before `now` (UTC); how many they were."""
    forgotten = 0
    with connection.cursor() as cursor:
        while True:
            cursor.execute(FORGET, [now - KEPT, CHUNK])
            forgotten += int(cursor.rowcount)
            if cursor.rowcount < CHUNK:
                return forgotten
