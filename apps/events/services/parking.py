"""Park a key that a handler cannot get past, and hold what comes behind it."""

import traceback
from collections.abc import Collection, Sequence

import structlog
from django.db import connection, transaction

from apps.events.exceptions import NotParked
from apps.events.registry import Handler, Policy
from apps.events.services import failing, places
from apps.events.services.places import Place, Row
from apps.events.services.publishing import UnitOfWork

log = structlog.get_logger(__name__)

STORM = 20
"""Keys parked by a handler within a minute before its partition stops: a bad deploy, not poison."""
TRACE_MAX = 4_000  # characters


def hold_back(place: Place, rows: Sequence[Row]) -> list[Row]:
    """The rows that the handler shall take; those of parked keys are noted as held behind them."""
    wanted = [row for row in rows if row.name in place.handler.names]
    if not wanted:
        return []
    found = parked_keys(place.handler, place.topic, [place.partition])
    parked = {key for _, key in found}
    if not parked:
        return wanted
    hold(place, [row for row in wanted if row.key in parked])
    return [row for row in wanted if row.key not in parked]


def parked_keys(handler: Handler, topic: str, partitions: Collection[int]) -> set[tuple[int, str]]:
    """The keys, with their partitions, behind which events have to wait."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT partition, key FROM events_parkedkey WHERE handler = %s AND topic = %s
               AND partition = ANY(%s::smallint[]) AND policy = 'hold'""",
            (handler.name, topic, list(partitions)),
        )
        return set(cursor.fetchall())


def hold(place: Place, rows: Sequence[Row]) -> None:
    """Note that these events wait behind their parked keys."""
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO events_parkedevent (handler, topic, partition, "offset", key)
               SELECT %s, %s, %s, u.o, u.k FROM unnest(%s::bigint[], %s::text[]) AS u (o, k)
               ON CONFLICT DO NOTHING""",
            (*place.at, [row.offset for row in rows], [row.key for row in rows]),
        )


def try_in_savepoint(place: Place, rows: Sequence[Row], work: UnitOfWork) -> Exception | None:
    """Have rows handled, or nothing of it; the error that they deserve to be parked for, if any."""
    mark = work.mark()
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            place.run(rows)
            # Foreign keys and other deferred constraints speak now: at the commit they would be
            # the fault of all the events in it.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
    except Exception as error:
        if failing.is_infrastructure(error):
            raise
        work.forget_since(mark)
        return error
    return None


def set_aside(place: Place, row: Row, error: Exception | str) -> str:
    """Park the key of an event that fails; or say why the partition has to stop instead."""
    if reason := must_stop(place):
        text = error if isinstance(error, str) else failing.summary(error)
        log.critical("partition stopped", place=str(place), reason=reason)
        return f"{reason}; at offset {row.offset}: {text}"
    park(place, row, error)
    return ""


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
    hold(place, [row])
    log.error("key parked", place=str(place), key=row.key, offset=row.offset, error=text)


def must_be_parked(place: Place, key: str) -> None:
    """Raise `NotParked` for a key that is not."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT c.id FROM events_parkedkey c WHERE {places.AT} AND c.key = %s",
            (*place.at, key),
        )
        if cursor.fetchone() is None:
            raise NotParked(handler=place.handler.name, key=key)


def held_rows(place: Place, key: str, limit: int) -> list[Row]:
    """The first events that wait behind a parked key, the failing one included."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT c."offset" FROM events_parkedevent c WHERE {places.AT} AND c.key = %s
                ORDER BY c."offset" LIMIT %s""",
            (*place.at, key, limit),
        )
        offsets = [offset for (offset,) in cursor.fetchall()]
    return places.read_offsets(place, offsets)


def still_failing(place: Place, row: Row, error: Exception) -> None:
    """Note that a resumption got no further than this event."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE events_parkedkey c SET attempts = c.attempts + 1, error = %s,
                first_offset = %s WHERE {places.AT} AND c.key = %s""",
            (failing.summary(error), row.offset, *place.at, row.key),
        )


def let_go(place: Place, key: str, offsets: Sequence[int], *, finished: bool) -> None:
    """Strike out events that were replayed; with the last of them the key is free."""
    with connection.cursor() as cursor:
        cursor.execute(
            f'DELETE FROM events_parkedevent c WHERE {places.AT} AND c."offset" = ANY(%s)',
            (*place.at, list(offsets)),
        )
        if finished:
            cursor.execute(
                f"DELETE FROM events_parkedkey c WHERE {places.AT} AND c.key = %s", (*place.at, key)
            )
