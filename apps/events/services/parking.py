"""Park a key that a handler cannot get past, hold what comes behind it, and resume it in order."""

import traceback
from collections.abc import Sequence

import structlog
from django.db import connection, transaction

from apps.events import registry
from apps.events.exceptions import NotParked, StillFailing
from apps.events.registry import Policy
from apps.events.services import failing, places, waking
from apps.events.services.places import Place, Row
from apps.events.services.publishing import unit_of_work

log = structlog.get_logger(__name__)

STORM = 20
"""Keys parked by a handler within a minute before its partition stops: a bad deploy, not poison."""
RESUME_CHUNK = 500  # events in one transaction
TRACE_MAX = 4_000  # characters


def hold_back(place: Place, rows: Sequence[Row]) -> list[Row]:
    """The rows that the handler shall take; those of parked keys are noted as held behind them."""
    wanted = [row for row in rows if row.name in place.handler.names]
    if not wanted:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT c.key FROM events_parkedkey c WHERE {places.AT} AND c.policy = 'hold'",
            place.at,
        )
        parked = {key for (key,) in cursor.fetchall()}
    if not parked:
        return wanted
    _hold(place, [row for row in wanted if row.key in parked])
    return [row for row in wanted if row.key not in parked]


def _hold(place: Place, rows: Sequence[Row]) -> None:
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO events_parkedevent (handler, topic, partition, "offset", key)
               SELECT %s, %s, %s, u.o, u.k FROM unnest(%s::bigint[], %s::text[]) AS u (o, k)
               ON CONFLICT DO NOTHING""",
            (*place.at, [row.offset for row in rows], [row.key for row in rows]),
        )


def must_stop(place: Place) -> str:
    """Why the partition has to stop instead of parking one more key; empty if it has not."""
    if place.handler.policy is Policy.STOP:
        return "this handler stops at any error"
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT count(*) FROM events_parkedkey WHERE handler = %s
               AND parked_at > clock_timestamp() - interval '1 minute'""",
            [place.handler.name],
        )
        parked = int(cursor.fetchone()[0])
    return f"{parked} keys were parked within a minute" if parked >= STORM else ""


def park(place: Place, row: Row, error: Exception | str) -> None:
    """Set a key aside at the event that fails; in the caller's transaction."""
    text = error if isinstance(error, str) else failing.summary(error)
    trace = "" if isinstance(error, str) else "".join(traceback.format_exception(error))
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO events_parkedkey
                   (handler, topic, partition, key, tenant_id, first_offset, policy, error, trace)
               VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
               ON CONFLICT (handler, topic, partition, key) DO UPDATE
               SET attempts = events_parkedkey.attempts + 1, error = excluded.error""",
            (*place.at, row.key, row.tenant_id, row.offset, place.handler.policy.value, text,
             trace[-TRACE_MAX:]),
        )  # fmt: skip
    _hold(place, [row])
    log.error("key parked", place=str(place), key=row.key, offset=row.offset, error=text)


def resume(name: str, topic: str, partition: int, key: str) -> int:
    """Replay a parked key's events in order and let it go on; how many were replayed.

    The parked state ends in the same transaction as the last event; what arrives meanwhile is
    still held, so order keeps. Raises `NotParked`; `StillFailing` where an event fails again (those
    before it have taken effect, the key stays parked at that one).
    """
    place = Place(registry.handler(name), topic, partition)
    replayed = 0
    while True:
        count, error, finished = _resume_chunk(place, key)
        replayed += count
        if error is not None:
            raise StillFailing(key=key, replayed=replayed, error=failing.summary(error))
        if finished:
            waking.wake([place.at], heed_flags=False)
            return replayed


def _resume_chunk(place: Place, key: str) -> tuple[int, Exception | None, bool]:
    with unit_of_work() as work, connection.cursor() as cursor:
        # Waits for a drain at work, and keeps the next one out: nothing is held or let go meanwhile.
        cursor.execute(f"SELECT 1 FROM events_cursor c WHERE {places.AT} FOR UPDATE", place.at)
        cursor.execute(
            f"SELECT c.id FROM events_parkedkey c WHERE {places.AT} AND c.key = %s",
            (*place.at, key),
        )
        if cursor.fetchone() is None:
            raise NotParked(handler=place.handler.name, key=key)
        cursor.execute(
            f"""SELECT c."offset" FROM events_parkedevent c WHERE {places.AT} AND c.key = %s
                ORDER BY c."offset" LIMIT %s""",
            (*place.at, key, RESUME_CHUNK),
        )
        offsets = [offset for (offset,) in cursor.fetchall()]
        done: list[int] = []
        error: Exception | None = None
        for row in places.read_offsets(place, offsets):
            mark = work.mark()
            try:
                with transaction.atomic():
                    place.handler.function(place.batch([row.recorded()]))
            except Exception as raised:
                if failing.is_infrastructure(raised):
                    raise
                work.forget_since(mark)
                error = raised
                _still_failing(place, row, raised)
                break
            done.append(row.offset)
        finished = error is None and len(offsets) < RESUME_CHUNK
        _let_go(place, key, done, finished=finished)
    return len(done), error, finished


def _still_failing(place: Place, row: Row, error: Exception) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE events_parkedkey c SET attempts = c.attempts + 1, error = %s,
                first_offset = %s WHERE {places.AT} AND c.key = %s""",
            (failing.summary(error), row.offset, *place.at, row.key),
        )


def _let_go(place: Place, key: str, offsets: Sequence[int], *, finished: bool) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f'DELETE FROM events_parkedevent c WHERE {places.AT} AND c."offset" = ANY(%s)',
            (*place.at, list(offsets)),
        )
        if finished:
            cursor.execute(
                f"DELETE FROM events_parkedkey c WHERE {places.AT} AND c.key = %s", (*place.at, key)
            )


def resume_partition(name: str, topic: str, partition: int) -> None:
    """Let a stopped partition go on, once its cause is mended."""
    place = Place(registry.handler(name), topic, partition)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE events_cursor c SET state = 'running', error = '', failures = 0,
                retry_at = NULL WHERE {places.AT}""",
            place.at,
        )
    waking.wake([place.at], heed_flags=False)


def stop_partition(name: str, topic: str, partition: int, *, reason: str) -> None:
    """The kill switch: a handler takes nothing more from this partition until it is resumed."""
    place = Place(registry.handler(name), topic, partition)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE events_cursor c SET state = 'stopped', error = %s WHERE {places.AT}",
            (reason, *place.at),
        )
