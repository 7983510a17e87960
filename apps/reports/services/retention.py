"""Let files go that were kept as long as their schedule says. Their rows stay, with their checksums."""

from datetime import datetime
from typing import Final

from django.db import connection

from apps.events.services import unit_of_work

FORGET: Final = """
WITH gone AS (
    UPDATE reports_reportfile SET state = 'expired'
    WHERE id IN (SELECT id FROM reports_reportfile WHERE state = 'ready' AND expires_at <= %s
                 ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED)
    RETURNING id
), parts AS (
    DELETE FROM reports_filepart WHERE file_id IN (SELECT id FROM gone)
)
SELECT count(*) FROM gone
"""
AT_A_TIME: Final = 500


def forget_old_files(now: datetime) -> int:
    """Remove the bytes of files whose time is over; how many."""
    total = 0
    while True:
        with unit_of_work(), connection.cursor() as cursor:
            cursor.execute(FORGET, [now, AT_A_TIME])
            gone = int(cursor.fetchone()[0])
        total += gone
        if gone < AT_A_TIME:
            return total
