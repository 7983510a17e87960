"""The clock: every periodic job runs once a period, however many clocks tick, and catches up.

A period is a row; whoever inserts it runs the job. A run that died is taken over after a while.
"""

from datetime import UTC, datetime, timedelta

import structlog
from django.db import connection

from apps.events import registry
from apps.events.registry import PeriodicJob
from apps.events.services import failing

log = structlog.get_logger(__name__)

TAKE_OVER = timedelta(minutes=10)
"""A run that has not ended after this long died with its worker."""
KEPT = timedelta(days=90)
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)

CLAIM = """
INSERT INTO events_jobrun (job, period, claimed_at, error) VALUES (%s, %s, %s, '')
ON CONFLICT (job, period) DO UPDATE SET claimed_at = excluded.claimed_at, error = ''
WHERE events_jobrun.finished_at IS NULL AND events_jobrun.claimed_at < %s
RETURNING 1
"""


def tick(now: datetime) -> list[str]:
    """Run every job whose period has come and was not run yet; the names of those that ran."""
    return [
        f"{job.name} {period:%Y-%m-%dT%H:%MZ}"
        for job in registry.jobs()
        for period in due_periods(job, now)
        if _run(job, period, now)
    ]


def due_periods(job: PeriodicJob, now: datetime) -> list[datetime]:
    """Starts of the periods that have come since the job's last run, oldest first.

    A job that never ran starts with the present period; at most `catch_up` are made up for.
    """
    current = EPOCH + job.offset + (now - EPOCH - job.offset) // job.every * job.every
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT period, finished_at IS NOT NULL FROM events_jobrun"
            " WHERE job = %s AND period > %s ORDER BY period",
            [job.name, current - job.every * job.catch_up],
        )
        known = dict(cursor.fetchall())
    start = next(iter(known), current)
    count = (current - start) // job.every + 1
    periods = [start + index * job.every for index in range(count)]
    return [period for period in periods if not known.get(period)]


def _run(job: PeriodicJob, period: datetime, now: datetime) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, [job.name, period, now, now - TAKE_OVER])
        if cursor.fetchone() is None:
            return False
    error = ""
    try:
        job.function(period)
    except Exception as raised:
        # One job's failure must not keep the others from their period; it shows in the back office.
        error = failing.summary(raised)
        log.exception("clock job failed", job=job.name, period=period.isoformat())
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE events_jobrun SET error = %s,
               finished_at = CASE WHEN %s = '' THEN clock_timestamp() END
               WHERE job = %s AND period = %s""",
            [error, error, job.name, period],
        )
    return not error


def forget_old_runs(now: datetime) -> None:
    """Remove periods that nobody asks about any more."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_jobrun WHERE period < %s", [now - KEPT])
