"""A handler's place in a partition, and the SQL that locks, reads and moves its cursor."""

import contextlib
import json
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import InterfaceError, OperationalError, connection

from apps.events.contracts import Event, decode
from apps.events.registry import Batch, Handler, Recorded
from apps.events.services import failing

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
        return Batch(self.handler.name, self.topic, self.partition, events, replaying)

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
    return _int4(f"drain:{place.handler.name}"), _int4(f"{place.topic}:{place.partition}")


def lock(place: Place) -> int | None:
    """Lock the cursor and read its offset; nothing where there is no such cursor.

    It waits: with the claim held only short statements (a sweep's count, a person's stop) are in
    the way, and going away without having tried would leave an attempt that looks like a death.
    """
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT c."offset" FROM events_cursor c WHERE {AT} FOR UPDATE', place.at)
        found = cursor.fetchone()
    return found[0] if found else None


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


def _rows(place: Place, condition: str, params: tuple[Any, ...]) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""SELECT "offset", id, tenant_id, key, name, version,
                       CASE WHEN name = ANY(%s) THEN data END, headers, occurred_at, recorded_at
                FROM events_event WHERE topic = %s AND partition = %s AND {condition}""",
            (list(place.handler.names), place.topic, place.partition, *params),
        )
        return [
            Row(one[0], one[3], one[4], one[2], one[6], one, place.topic, place.partition)
            for one in cursor.fetchall()
        ]


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


def _int4(text: str) -> int:
    """A signed 32-bit number for an advisory lock; a collision costs a skipped drain, no more."""
    return zlib.crc32(text.encode()) - 2**31
