"""Make every copy of every message stream void: after a restore, screens may be ahead of the database."""

from typing import Final

from django.db import connection

from apps.events.services import unit_of_work

CHUNK: Final = 5_000
# Those that are open, and those that screens may still show; one chunk is one short transaction.
RAISE: Final = """
WITH chunk AS (
    SELECT id FROM conversations_conversation WHERE id > %s ORDER BY id LIMIT %s FOR NO KEY UPDATE
), raised AS (
    UPDATE conversations_conversation c SET epoch = epoch + 1, version = version + 1
    FROM chunk WHERE c.id = chunk.id
)
SELECT count(*), max(id::text) FROM chunk
"""
FIRST: Final = "00000000-0000-0000-0000-000000000000"


def void_streams() -> int:
    """Raise every conversation's epoch, so that whoever holds an old one asks anew; how many."""
    raised, last = 0, FIRST
    while True:
        with unit_of_work(), connection.cursor() as cursor:
            cursor.execute(RAISE, [last, CHUNK])
            count, newest = cursor.fetchone()
        raised += int(count)
        if count < CHUNK:
            return raised
        last = newest
