"""Whether the ledger is ready for the months to come."""

from datetime import datetime, timedelta

from django.db import connection

PROBLEMS = """
SELECT 'no table for the postings of ' || to_char(m, 'YYYY-MM')
FROM unnest(%s::date[]) AS m
WHERE to_regclass('public.ledger_posting_' || to_char(m, 'YYYYMM')) IS NULL
"""
SOON = timedelta(days=7)


def partition_problems(now: datetime) -> list[str]:
    """What `make_partitions` should have done by now: a sentence per missing month, if any.

    Not urgent: postings of such a month go to the default table, and into their own when it is made.
    """
    months = sorted({(at.year, at.month) for at in (now, now + SOON)})
    with connection.cursor() as cursor:
        cursor.execute(PROBLEMS, [[f"{year}-{month:02}-01" for year, month in months]])
        return [problem for (problem,) in cursor.fetchall()]
