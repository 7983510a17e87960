"""Questions about the log: lag, parked keys, one key's history, the clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from apps.events import registry

LAG = """
SELECT c.handler, c.topic, c.partition, p.queue_shard, c."offset",
       greatest(coalesce(head."offset", 0), c."offset") AS head, c.state, c.error, c.failures,
       c.attempts, CASE WHEN head."offset" > c."offset" THEN
           extract(epoch FROM clock_timestamp() - (
               SELECT e.recorded_at FROM events_event e
               WHERE e.topic = c.topic AND e.partition = c.partition AND e."offset" > c."offset"
               ORDER BY e."offset" LIMIT 1)) ELSE 0 END AS seconds,
       c.events_total, c.batches_total, c.busy_seconds_total, c.rescues_total
FROM events_cursor c
LEFT JOIN events_partition p ON p.topic = c.topic AND p.number = c.partition
LEFT JOIN LATERAL (
    SELECT e."offset" FROM events_event e WHERE e.topic = c.topic AND e.partition = c.partition
    ORDER BY e."offset" DESC LIMIT 1
) head ON true
WHERE c.handler = ANY(%s)
ORDER BY c.handler, c.topic, c.partition
"""


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a handler is behind in one partition."""

    handler: str
    topic: str
    partition: int
    shard: int
    offset: int
    head: int
    state: str
    error: str
    """For the back office only: it may name one tenant's data. Others are shown `fault`."""
    failures: int
    attempts: int
    seconds: float
    """Age of the first event not yet taken: the objective that users feel."""
    events_total: int
    batches_total: int
    busy_seconds_total: float
    rescues_total: int

    @property
    def events(self) -> int:
        """Events not yet taken."""
        return self.head - self.offset

    @property
    def fault(self) -> str:
        """The kind of error, without what it says of anybody's data."""
        return self.error.partition(":")[0]


def lags() -> list[Lag]:
    """The lag of every handler in every partition, by index probes: its cost does not grow with the log."""
    names = [found.name for found in registry.handlers()]
    with connection.cursor() as cursor:
        cursor.execute(LAG, [names])
        return [Lag(*(*row[:10], float(row[10]), *row[11:])) for row in cursor.fetchall()]


def queues_of(lags: Sequence[Lag]) -> list[str]:
    """The shard queues that wakes for these places go to, by name."""
    return sorted({f"{registry.handler(lag.handler).lane}.{lag.shard}" for lag in lags})


def parked_count() -> dict[str, int]:
    """Parked keys of each handler that has any."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT handler, count(*) FROM events_parkedkey GROUP BY handler")
        return dict(cursor.fetchall())


@dataclass(frozen=True, slots=True)
class Parked:
    """A key that a handler cannot get past."""

    id: int
    handler: str
    topic: str
    partition: int
    key: str
    attempts: int
    error: str
    parked_at: datetime


def parked(tenant: int, *, limit: int) -> tuple[list[Parked], int]:
    """A tenant's newest parked keys, and how many there are in all."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT id, handler, topic, partition, key, attempts, error, parked_at,
                      count(*) OVER () FROM events_parkedkey
               WHERE tenant_id = %s ORDER BY id DESC LIMIT %s""",
            [tenant, limit],
        )
        rows = cursor.fetchall()
    return [Parked(*row[:-1]) for row in rows], rows[0][-1] if rows else 0


def oldest_snapshot_seconds() -> float:
    """Age of the oldest transaction that holds back cleaning up; long ones slow every queue in a database."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT coalesce(extract(epoch FROM max(clock_timestamp() - xact_start)), 0)
               FROM pg_stat_activity WHERE backend_xmin IS NOT NULL AND datname = current_database()
               AND pid <> pg_backend_pid()"""
        )
        return float(cursor.fetchone()[0])


def history(
    key: str, *, tenant: int, topic: str | None = None, limit: int = 200
) -> list[dict[str, Any]]:
    """The newest events of one key, newest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT {_COLUMNS} FROM events_event WHERE key = %s AND tenant_id = %s
                AND (%s::text IS NULL OR topic = %s) ORDER BY topic, "offset" DESC LIMIT %s""",
            [key, tenant, topic, topic, limit],
        )
        return _records(cursor)


_COLUMNS = (
    'topic, partition, "offset", id, key, name, version, data::text, occurred_at, recorded_at'
)


def _records(cursor: Any) -> list[dict[str, Any]]:
    names = ("topic", "partition", "offset", "id", "key", "name", "version", "data", "occurred_at",
             "recorded_at")  # fmt: skip
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def offsets_of(handler: str, topic: str) -> dict[int, int]:
    """A handler's offset in every partition of a topic: the cut that a snapshot is true at."""
    with connection.cursor() as cursor:
        cursor.execute(
            'SELECT partition, "offset" FROM events_cursor WHERE handler = %s AND topic = %s',
            [handler, topic],
        )
        return dict(cursor.fetchall())


@dataclass(frozen=True, slots=True)
class LastRun:
    """A clock job and its newest period; none of the times where it never ran."""

    job: str
    every: timedelta
    period: datetime | None
    claimed_at: datetime | None
    finished_at: datetime | None
    error: str


def last_runs() -> list[LastRun]:
    """The newest period of every clock job: one index probe a job."""
    jobs = registry.jobs()
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT r.period, r.claimed_at, r.finished_at, coalesce(r.error, '')
               FROM unnest(%s::text[]) WITH ORDINALITY AS j (name, position)
               LEFT JOIN LATERAL (
                   SELECT * FROM events_jobrun e WHERE e.job = j.name ORDER BY e.period DESC LIMIT 1
               ) r ON true ORDER BY j.position""",
            [[job.name for job in jobs]],
        )
        rows = cursor.fetchall()
    return [LastRun(job.name, job.every, *row) for job, row in zip(jobs, rows, strict=True)]
