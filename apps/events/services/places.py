"""A handler's place in a partition, and the SQL that locks, reads and moves its cursor."""

import contextlib
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, connection

from apps.events.contracts import Event, decode
from apps.events.registry import Batch, Handler, Recorded
from apps.events.services import failing

log = structlog.get_logger(__name__)

HAS_MORE = """
    c.state = 'running' AND (c.retry_at IS NULL OR c.retry_at <= clock_timestamp())
    AND EXISTS (SELECT FROM events_event e WHERE e.topic = c.topic AND e.partition = c.partition
                AND e."offset" > c."offset")
"""
FORGIVEN = """
    attempts = greatest(c.attempts - 1, 0),
    suspect_until = CASE WHEN c.attempts > 1 THEN c.suspect_until ELSE 0 END
"""
BACKED_OFF = f"""
    failures = c.failures + 1, error = %s, updated_at = clock_timestamp(),
    retry_at = clock_timestamp()
        + make_interval(secs => least({failing.BACK_OFF_MAX}, power(2, least(c.failures, 10))))
"""
AT = "c.handler = %s AND c.topic = %s AND c.partition = %s"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A try that has been counted."""

    deaths: int
    careful: bool
    behind: int
    """How many events wait."""


@dataclass(frozen=True, slots=True)
class Place:
    """A handler in one partition."""

    handler: Handler
    topic: str
    partition: int

    @property
    def at(self) -> tuple[str, str, int]:
        """The cursor's primary key."""
        return self.handler.name, self.topic, self.partition

    def batch(self, events: Sequence[Recorded], *, replaying: bool = False) -> Batch:
        """These events, as the handler takes them."""
        return Batch(self.handler.name, self.topic, events, replaying)

    def run(self, rows: "Sequence[Row]") -> None:
        """Have the handler take these rows as one batch."""
        self.handler.function(self.batch([row.recorded() for row in rows]))

    def __str__(self) -> str:
        return f"{self.handler.name} {self.topic}/{self.partition}"


@dataclass(frozen=True, slots=True)
class Row:
    """An event as read: decoded only if the handler wants it."""

    offset: int
    key: str
    name: str
    tenant_id: int
    data: str | None
    _columns: tuple[Any, ...]
    topic: str
    partition: int

    def recorded(self) -> Recorded:
        """The event for a handler. Raises what `contracts.decode` raises."""
        (_, uid, _, _, _, version, _, headers, occurred_at, recorded_at) = self._columns
        fact: Event = decode(self.name, version, self.data or "{}")
        return Recorded(
            fact,
            self.topic,
            self.partition,
            self.offset,
            uid,
            self.tenant_id,
            self.key,
            self.name,
            version,
            json.loads(headers) if headers != "{}" else {},
            occurred_at,
            recorded_at,
        )


@contextmanager
def claim(place: Place) -> Iterator[bool]:
    """Hold the drain of a place for this database session; False where another session has it."""
    mine = try_claim(place)
    try:
        yield mine
    finally:
        if mine:
            # A connection that broke has lost the lock already.
            with contextlib.suppress(OperationalError, InterfaceError):
                let_go(place)


def claim_all(
    handler: Handler, topic: str, partitions: Sequence[int], limit: int
) -> tuple[list[int], dict[int, Attempt]]:
    """Claim those of these partitions that no other session has, and count attempts in them.

    Answers with all that are claimed, and with the attempts where there is something to do now.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT partition, deaths, careful, behind FROM events_claim(%s, %s, %s, %s, %s, %s)",
            (handler.name, topic, list(partitions), *_locks(handler, topic, partitions), limit),
        )
        found = cursor.fetchall()
    attempts = {number: Attempt(*begun) for number, *begun in found if begun[0] is not None}
    return [row[0] for row in found], attempts


def let_go_all(handler: Handler, topic: str, partitions: Sequence[int]) -> list[int]:
    """End these claims, if they are this session's; then see, in a new snapshot, which have more."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT events_let_go(%s, %s, %s, %s, %s)",
            (handler.name, topic, list(partitions), *_locks(handler, topic, partitions)),
        )
        return [number for (number,) in cursor.fetchall()]


def _locks(handler: Handler, topic: str, partitions: Sequence[int]) -> tuple[int, list[int]]:
    return _handler_lock(handler), [_partition_lock(topic, number) for number in partitions]


def begin(
    handler: Handler, topic: str, partitions: Sequence[int], limit: int
) -> dict[int, Attempt]:
    """Count an attempt where there is something to do now; nothing is said of the others."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT partition, deaths, careful, behind FROM events_begin_attempts(%s, %s, %s, %s)",
            (handler.name, topic, list(partitions), limit),
        )
        return {number: Attempt(*attempt) for number, *attempt in cursor.fetchall()}


def try_claim(place: Place) -> bool:
    """Claim the drain of a place for this database session, whose end ends the claim."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", _claim_ids(place))
        return bool(cursor.fetchone()[0])


def let_go(place: Place) -> None:
    """End this session's claim."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s, %s)", _claim_ids(place))


def claim_until_commit(place: Place) -> None:
    """Wait for a drain at work, and keep the next one out until this transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", _claim_ids(place))


def _claim_ids(place: Place) -> tuple[int, int]:
    return _handler_lock(place.handler), _partition_lock(place.topic, place.partition)


def _handler_lock(handler: Handler) -> int:
    return _int4(f"drain:{handler.name}")


def _partition_lock(topic: str, partition: int) -> int:
    return _int4(f"{topic}:{partition}")


def lock(place: Place) -> int | None:
    """Lock the cursor and read its offset; nothing where there is no such cursor.

    It waits: with the claim held only short statements (a sweep's count, a person's stop) are in
    the way, and going away without having tried would leave an attempt that looks like a death.
    """
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT c."offset" FROM events_cursor c WHERE {AT} FOR UPDATE', place.at)
        found = cursor.fetchone()
    return found[0] if found else None


def lock_all(handler: Handler, topic: str, partitions: Sequence[int]) -> dict[int, int]:
    """Lock these cursors, in one order by everyone, and read their offsets."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT c.partition, c."offset" FROM events_cursor c
               WHERE c.handler = %s AND c.topic = %s AND c.partition = ANY(%s::smallint[])
               ORDER BY c.partition FOR UPDATE""",
            (handler.name, topic, list(partitions)),
        )
        return dict(cursor.fetchall())


def is_behind(place: Place) -> bool:
    """Whether there is something that this handler could take now, in a new snapshot."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT EXISTS (SELECT FROM events_cursor c WHERE {AT} AND {HAS_MORE})", place.at
        )
        return bool(cursor.fetchone()[0])


def read(place: Place, after: int, limit: int, *, until: int | None = None) -> list[Row]:
    """The next events after an offset, in order."""
    return _rows(
        place,
        '"offset" > %s AND (%s::bigint IS NULL OR "offset" <= %s) ORDER BY "offset" LIMIT %s',
        (after, until, until, limit),
    )


def read_offsets(place: Place, offsets: Sequence[int]) -> list[Row]:
    """Particular events, in order."""
    return _rows(place, '"offset" = ANY(%s) ORDER BY "offset"', (list(offsets),))


def read_all(
    handler: Handler, topic: str, wanted: Mapping[int, tuple[int, int]]
) -> tuple[list[Row], set[int]]:
    """The next events of several partitions: after which offset, and how many, for each.

    With them those of the partitions in which the handler has parked keys.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT {COLUMNS}, w.partition, w.has_parked
                FROM (
                    SELECT *, EXISTS (
                        SELECT FROM events_parkedkey k WHERE k.handler = %s AND k.topic = %s
                        AND k.partition = u.partition AND k.policy = 'hold') AS has_parked
                    FROM unnest(%s::smallint[], %s::bigint[], %s::int[]) AS u (partition, after, most)
                ) AS w
                CROSS JOIN LATERAL (
                    SELECT * FROM events_event e
                    WHERE e.topic = %s AND e.partition = w.partition AND e."offset" > w.after
                    ORDER BY e."offset" LIMIT w.most
                ) AS found
                ORDER BY w.partition, found."offset" ASC""",
            (
                list(handler.names),
                handler.name,
                topic,
                list(wanted),
                [after for after, _ in wanted.values()],
                [most for _, most in wanted.values()],
                topic,
            ),
        )
        found = cursor.fetchall()
    rows = [_row(one, topic, one[-2]) for one in found]
    return rows, {one[-2] for one in found if one[-1]}


COLUMNS = """
    "offset", id, tenant_id, key, name, version, CASE WHEN name = ANY(%s) THEN data END, headers,
    occurred_at, recorded_at
"""


def _rows(place: Place, condition: str, params: tuple[Any, ...]) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT {COLUMNS}
                FROM events_event WHERE topic = %s AND partition = %s AND {condition}""",
            (list(place.handler.names), place.topic, place.partition, *params),
        )
        return [_row(one, place.topic, place.partition) for one in cursor.fetchall()]


def _row(one: tuple[Any, ...], topic: str, partition: int) -> Row:
    return Row(one[0], one[3], one[4], one[2], one[6], one[:10], topic, partition)


def move(place: Place, offset: int, *, events: int, seconds: float, careful: bool = False) -> None:
    """Move the cursor: the attempt ended well. While careful, the rest of the suspects stay so."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE events_cursor c SET "offset" = %s, attempts = 0, failures = 0, error = '',
                retry_at = NULL, updated_at = clock_timestamp(),
                suspect_until = CASE WHEN %s THEN c.suspect_until ELSE 0 END,
                events_total = c.events_total + %s, batches_total = c.batches_total + 1,
                busy_seconds_total = c.busy_seconds_total + %s WHERE {AT}""",
            (offset, careful, events, seconds, *place.at),
        )


def move_all(
    handler: Handler, topic: str, steps: Sequence[tuple[int, int, int]], seconds: float
) -> None:
    """Move several cursors of one batch: (partition, offset, events); the time is shared out."""
    if not steps:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """UPDATE events_cursor c SET "offset" = u.o, attempts = 0, failures = 0, error = '',
                retry_at = NULL, updated_at = clock_timestamp(), suspect_until = 0,
                events_total = c.events_total + u.n, batches_total = c.batches_total + 1,
                busy_seconds_total = c.busy_seconds_total + %s
               FROM unnest(%s::smallint[], %s::bigint[], %s::int[]) AS u (p, o, n)
               WHERE c.handler = %s AND c.topic = %s AND c.partition = u.p""",
            (
                seconds / max(1, len(steps)),
                *map(list, zip(*steps, strict=True)),
                handler.name,
                topic,
            ),
        )


def forgive_all(wanted: Sequence[Place]) -> None:
    """Take back counted attempts that ended without a death."""
    for place in wanted:
        forgive(place)


def forgive(place: Place) -> None:
    """Take back a counted attempt that ended without a death."""
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE events_cursor c SET {FORGIVEN} WHERE {AT}", place.at)


def stop(place: Place, offset: int, error: str) -> None:
    """Stop the handler in this partition, at an offset, until a person lets it go on."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE events_cursor c SET "offset" = %s, state = 'stopped', error = %s,
                attempts = 0, suspect_until = 0, updated_at = clock_timestamp() WHERE {AT}""",
            (offset, error, *place.at),
        )


def back_off(wanted: Sequence[Place], error: BaseException) -> None:
    """Leave places of one handler alone for a while; the try does not count as a death."""
    summary = failing.summary(error)
    log.warning("infrastructure error; backing off", place=str(wanted[0]), more=len(wanted) - 1,
                error=summary)  # fmt: skip
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                f"""UPDATE events_cursor c SET {FORGIVEN}, {BACKED_OFF}
                    WHERE c.handler = %s AND c.topic = %s AND c.partition = ANY(%s::smallint[])""",
                (summary, *wanted[0].at[:2], [one.partition for one in wanted]),
            )
    except failing.INFRASTRUCTURE as lost:
        unforgiven.update(wanted)
        connection.close()
        log.warning("the database is away", error=failing.summary(lost))


unforgiven: set[Place] = set()
"""Places where an attempt failed for want of the database itself, so that it is still counted."""


def _int4(text: str) -> int:
    """A signed 32-bit number for an advisory lock; a collision costs a skipped drain, no more."""
    return zlib.crc32(text.encode()) - 2**31
