"""Drain: read on from a cursor; effects and cursor move in one transaction.

Note [One at a time]. The row lock on the cursor is the guarantee. An advisory lock around the
whole drain keeps a second drainer out between the attempt that is counted and the transaction
that is tried, so that only a death, never a rival, leaves an attempt behind.

Note [Attempts]. Before each try the attempt is committed (without waiting for the disk: a lost
count costs one more try). A worker that dies in the try leaves it behind. The events that it had
before it are then taken one by one, and the one at which three tries died is parked.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import structlog
from django.db import connection, transaction

from apps.events import registry
from apps.events.services import calling, failing, parking, places
from apps.events.services.barriers import barrier
from apps.events.services.places import Place, Row
from apps.events.services.publishing import UnitOfWork, unit_of_work

log = structlog.get_logger(__name__)

BATCH_MAX = 500  # events
BATCH_MIN = 10
BATCH_SECONDS = 0.1  # what a batch should take
SLICE_SECONDS = 2.0  # after this a partition lets the others of its shard have their turn
DEATHS = 3  # tries that died at an event before it is parked


class Outcome(Enum):
    """How a drain ended."""

    DONE = "done"  # nothing more that could be taken now
    MORE = "more"  # the time slice is over; wake again
    BUSY = "busy"  # another drainer is at it, and will look again when it is through


@dataclass(frozen=True, slots=True)
class Attempt:
    """A try that has been counted."""

    deaths: int
    careful: bool


_limits: dict[str, int] = {}
_unforgiven: set[Place] = set()
"""Places where an attempt failed for want of the database itself, so that it is still counted."""


def drain(name: str, topic: str, partition: int, *, seconds: float = SLICE_SECONDS) -> Outcome:
    """Let a handler take what is there, until nothing is left or its time slice is over."""
    place = Place(registry.handler(name), topic, partition)
    _forgive_all()
    if place.handler.calls_out:
        return Outcome.MORE if calling.drain(place, seconds=seconds) else Outcome.DONE
    deadline = time.monotonic() + seconds
    while True:
        with places.claim(place) as mine:
            if not mine:
                return Outcome.BUSY
            while (more := _step(place)) and time.monotonic() < deadline:
                pass
        barrier("after_unlock", place)
        # Whoever appended while the claim was held was told "busy": so look again, after letting
        # go, in a new snapshot. Without this a wake could be lost.
        if not (more or places.is_behind(place)):
            return Outcome.DONE
        if time.monotonic() >= deadline:
            return Outcome.MORE


def _step(place: Place) -> bool:
    """One batch; whether there may be more."""
    attempt = _begin(place)
    if attempt is None:
        return False
    barrier("after_begin", place)
    limit = 1 if attempt.careful else _limits.get(place.handler.name, BATCH_MAX)
    started = time.perf_counter()
    try:
        try:
            taken = _take(place, attempt, limit)
        except Exception as error:
            if failing.is_infrastructure(error):
                raise
            log.warning("batch failed; one by one", place=str(place), error=failing.summary(error))
            taken = _take_one_by_one(place, attempt, limit)
    except failing.INFRASTRUCTURE as error:
        _back_off(place, error)
        return False
    _learn(place, taken, time.perf_counter() - started)
    return taken > 0


def _begin(place: Place) -> Attempt | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT deaths, careful FROM events_begin_attempt(%s, %s, %s::smallint, %s)",
            (*place.at, _limits.get(place.handler.name, BATCH_MAX)),
        )
        found = cursor.fetchone()
    return Attempt(deaths=found[0], careful=found[1]) if found else None


def _take(place: Place, attempt: Attempt, limit: int) -> int:
    """A batch in one transaction with the cursor; how many events it moved past."""
    started = time.perf_counter()
    with unit_of_work():
        rows = _lock_and_read(place, limit)
        if not rows:
            return 0
        free = parking.hold_back(place, rows)
        if free and attempt.careful and attempt.deaths >= DEATHS:
            parking.park(place, free[0], f"the worker died {attempt.deaths} times at this event")
        elif free:
            place.handler.function(place.batch([row.recorded() for row in free]))
        barrier("before_move", place)
        _move(place, rows, attempt, started)
        barrier("before_commit", place)
    barrier("after_commit", place)
    return len(rows)


def _take_one_by_one(place: Place, attempt: Attempt, limit: int) -> int:
    """The same batch, an event at a time in savepoints: the offender's key is parked."""
    started = time.perf_counter()
    with unit_of_work() as work:
        rows = _lock_and_read(place, limit)
        for index, row in enumerate(rows):
            if not parking.hold_back(place, [row]):
                continue
            error = _try_alone(place, row, work)
            if error is None:
                continue
            if reason := parking.must_stop(place):
                places.stop(place, row.offset - 1, f"{reason}; at offset {row.offset}: "
                            f"{failing.summary(error)}")  # fmt: skip
                log.critical("partition stopped", place=str(place), reason=reason)
                return index
            parking.park(place, row, error)
        if rows:
            _move(place, rows, attempt, started)
    return len(rows)


def _try_alone(place: Place, row: Row, work: UnitOfWork) -> Exception | None:
    """One event in a savepoint; the error that it deserves to be parked for, if any."""
    mark = work.mark()
    try:
        with transaction.atomic():
            place.handler.function(place.batch([row.recorded()]))
    except Exception as error:
        if failing.is_infrastructure(error):
            raise
        work.forget_since(mark)
        return error
    return None


def _lock_and_read(place: Place, limit: int) -> list[Row]:
    offset = places.lock(place)
    if offset is None:
        return []
    rows = places.read(place, offset, limit)
    barrier("after_read", place)
    return rows


def _move(place: Place, rows: Sequence[Row], attempt: Attempt, started: float) -> None:
    places.move(
        place,
        rows[-1].offset,
        events=len(rows),
        seconds=time.perf_counter() - started,
        careful=attempt.careful,
    )


def _learn(place: Place, taken: int, seconds: float) -> None:
    """Fit the next batch to the time that a batch should take."""
    if taken >= BATCH_MIN:
        fitting = int(taken * BATCH_SECONDS / max(seconds, 1e-4))
        _limits[place.handler.name] = max(BATCH_MIN, min(BATCH_MAX, fitting))


def _back_off(place: Place, error: Exception) -> None:
    """Leave the place alone for a while; the try does not count as a death."""
    log.warning("infrastructure error; backing off", place=str(place), error=failing.summary(error))
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                f"""UPDATE events_cursor c SET attempts = greatest(c.attempts - 1, 0),
                    suspect_until = CASE WHEN c.attempts > 1 THEN c.suspect_until ELSE 0 END,
                    failures = c.failures + 1, error = %s, updated_at = clock_timestamp(),
                    retry_at = clock_timestamp()
                        + make_interval(secs => least(%s, power(2, least(c.failures, 10))))
                    WHERE {places.AT}""",
                (failing.summary(error), failing.BACK_OFF_MAX, *place.at),
            )
    except failing.INFRASTRUCTURE as lost:
        _unforgiven.add(place)
        connection.close()
        log.warning("the database is away", error=failing.summary(lost))


def _forgive_all() -> None:
    for place in list(_unforgiven):
        with connection.cursor() as cursor:
            cursor.execute(
                f"""UPDATE events_cursor c SET attempts = greatest(c.attempts - 1, 0)
                    WHERE {places.AT}""",
                place.at,
            )
        _unforgiven.discard(place)
