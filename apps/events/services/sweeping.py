"""Sweep: the net under the wakes. Runs in every worker; one a second does the work."""

import redis
import structlog
from django.conf import settings
from django.db import connection

from apps.events import registry
from apps.events.contracts import PARTITIONS, TOPICS
from apps.events.services import leases, places, waking

log = structlog.get_logger(__name__)

SWEEP_SECONDS = 1.0
"""How often the workers sweep, and how long a place may stand still before it is woken."""
TURN_MS = 950
"""How long one sweep stands for all workers': ended by the time that each looks again."""
SWEEP_LOCK = 7_019_001  # an advisory lock's number: any, but the same in every process

RESCUE = f"""
WITH forgotten AS (
    SELECT c.handler, c.topic, c.partition FROM events_cursor c
    JOIN LATERAL (
        SELECT e.recorded_at FROM events_event e
        WHERE e.topic = c.topic AND e.partition = c.partition AND e."offset" > c."offset"
        ORDER BY e."offset" LIMIT 1
    ) first ON true
    WHERE c.handler = ANY(%s) AND {places.HAS_MORE}
      AND greatest(first.recorded_at, c.updated_at, c.retry_at)
          < clock_timestamp() - make_interval(secs => %s)
      AND (c.leased_until IS NULL OR c.leased_until < clock_timestamp() + make_interval(
               secs => {leases.SECONDS - leases.SILENT_SECONDS}))
    FOR UPDATE OF c SKIP LOCKED  -- whoever holds it is at work there
)
UPDATE events_cursor c SET rescues_total = c.rescues_total + 1 FROM forgotten f
WHERE c.handler = f.handler AND c.topic = f.topic AND c.partition = f.partition
RETURNING c.handler, c.topic, c.partition
"""


def sweep_in_turn() -> int:
    """Sweep, unless another worker did so within the second; how many places were woken.

    Who did is a hint in Redis. Lost, it costs a query more: without Redis every worker sweeps.
    """
    try:
        if not waking.client().set(f"{settings.REDIS_PREFIX}:swept", 1, nx=True, px=TURN_MS):
            return 0
    except redis.RedisError as error:
        log.debug("nobody knows who sweeps", error=type(error).__name__)
    return sweep()


def sweep() -> int:
    """Wake every place that has something to take and made no progress; how many were woken."""
    known = [found.name for found in registry.handlers()]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [SWEEP_LOCK])
        if not cursor.fetchone()[0]:
            return 0
        try:
            cursor.execute(RESCUE, [known, SWEEP_SECONDS])
            forgotten = cursor.fetchall()
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [SWEEP_LOCK])
    waking.wake(forgotten, heed_flags=False)
    return len(forgotten)


def register_cursors() -> None:
    """Give every topic its partitions and every handler its cursors; those that exist stay as they are."""
    wanted = [
        (found.name, topic, number, found.from_head)
        for found in registry.handlers()
        for topic in found.topics
        for number in range(PARTITIONS)
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO events_partition (topic, number, queue_shard)
               SELECT t, n, n %% coalesce((SELECT max(queue_shard) + 1 FROM events_partition), %s)
               FROM unnest(%s::text[]) t, generate_series(0, %s) n
               ON CONFLICT DO NOTHING""",
            [
                DEFAULT_SHARDS,
                sorted({*TOPICS, *(topic for _, topic, _, _ in wanted)}),
                PARTITIONS - 1,
            ],
        )
        if wanted:
            cursor.execute(
                """INSERT INTO events_cursor (handler, topic, partition, "offset")
                   SELECT h, t, p, CASE WHEN head THEN coalesce((
                       SELECT max(e."offset") FROM events_event e
                       WHERE e.topic = t AND e.partition = p), 0) ELSE 0 END
                   FROM unnest(%s::text[], %s::text[], %s::smallint[], %s::boolean[])
                        AS u (h, t, p, head) ON CONFLICT DO NOTHING""",
                [list(column) for column in zip(*wanted, strict=True)],
            )


DEFAULT_SHARDS = 2
"""Shard queues of a fresh installation; `manage.py reshard N` changes the map at any time, and new
topics follow it."""


def reshard(shards: int) -> None:
    """Spread every topic's partitions over this many shard queues, under load if need be.

    Stale wakes still drain correctly under the cursor's lock, so nothing has to stop.
    """
    if not 1 <= shards <= PARTITIONS:
        raise ValueError(f"between 1 and {PARTITIONS} shards, not {shards}")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE events_partition SET queue_shard = number %% %s", [shards])
