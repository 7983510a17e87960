"""Tables for the months to come."""

from datetime import UTC, date, datetime

from django.db import connection

MONTHS_AHEAD = 3


def make_partitions(now: datetime) -> list[date]:
    """Make the tables of this month (UTC) and the next three; the months that were missing."""
    now = now.astimezone(UTC)
    months = [
        date(now.year + (now.month - 1 + ahead) // 12, (now.month - 1 + ahead) % 12 + 1, 1)
        for ahead in range(MONTHS_AHEAD + 1)
    ]
    made = []
    with connection.cursor() as cursor:
        for month in months:
            # One statement, one short transaction each: the locks of one are gone before the next.
            cursor.execute("SELECT ledger_make_partition(%s)", [month])
            if cursor.fetchone()[0]:
                made.append(month)
    return made
