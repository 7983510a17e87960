"""The clock: every periodic job runs once a period, however many clocks tick, and catches up.

A period is a row; whoever inserts it runs the job. A run that died is taken over after a while.
"""

from datetime import UTC, datetime, timedelta

import structlog
from django.db import close_old_connections, connection

from apps.events import registry
from apps.events.registry import PeriodicJob
from apps.events.services import failing

log = structlog.get_logger(__name__)

TAKE_OVER = timedelta(minutes=10)
"""A run that has not ended after this long died with its worker."""
KEPT = timedelta(days=90)
SHORT = timedelta(minutes=1)
"""Jobs of shorter periods leave many rows, which are kept for a day."""
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)

CLAIM = """
INSERT INTO events_jobrun (job, period, claimed_at, error) VALUES (%s, %s, %s, '')
ON CONFLICT (job, period) DO UPDATE SET claimed_at = excluded.claimed_at, error = ''
WHERE events_jobrun.finished_at IS NULL AND events_jobrun.claimed_at < %s
RETURNING 1
"""


def tick(now: datetime, *, queue: str | None = None) -> list[str]:
    """Run every job (of a queue) whose period has come and was not run yet; those that ran.

    The log is told of each run, but of short periods quietly: they would fill it.
    """
    ran = []
    for job in registry.jobs():
        if queue not in {None, job.queue}:
            continue
        for period in due_periods(job, now):
            if _run(job, period, now):
                ran.append(f"{job.name} {period:%Y-%m-%dT%H:%MZ}")
                (log.debug if job.every < SHORT else log.info)("clock", ran=ran[-1])
    return ran


def current_period(job: PeriodicJob, now: datetime) -> datetime:
    """The start of the period that a moment lies in."""
    return EPOCH + job.offset + (now - EPOCH - job.offset) // job.every * job.every


def due_periods(job: PeriodicJob, now: datetime) -> list[datetime]:
    """Starts of the periods that have come and were not run to their end, oldest first.

    A job that never ran starts with the present period; at most `catch_up` are made up for.
    """
    current = current_period(job, now)
    recent = [current - job.every * index for index in reversed(range(job.catch_up + 1))]
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(period) FROM events_jobrun WHERE job = %s", [job.name])
        first = cursor.fetchone()[0] or current
        cursor.execute(
            "SELECT period FROM events_jobrun WHERE job = %s AND period >= %s"
            " AND finished_at IS NOT NULL",
            [job.name, recent[0]],
        )
        ended = {period for (period,) in cursor.fetchall()}
    return [period for period in recent if period >= first and period not in ended]


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
        close_old_connections()  # what the job broke must not keep its failure from being noted
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
        cursor.execute(
            "DELETE FROM events_jobrun WHERE period < %s OR (period < %s AND job = ANY(%s))",
            [
                now - KEPT,
                now - timedelta(days=1),
                [job.name for job in registry.jobs() if job.every < SHORT],
            ],
        )
