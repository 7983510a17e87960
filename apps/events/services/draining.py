"""Drain: read on from a cursor; effects and cursor move in one transaction.

Note [One at a time]. The row lock on the cursor is the guarantee. An advisory lock around the
whole drain keeps a second drainer out between the attempt that is counted and the transaction
that is tried, so that only a death, never a rival, leaves an attempt behind.

Note [Attempts]. Before each try the attempt is committed (without waiting for the disk: a lost
count costs one more try). A worker that dies in the try leaves it behind. The events that it had
before it are then taken one by one, and the one at which three tries died is parked.
"""

import time
from collections.abc import Callable, Sequence
from enum import Enum

import structlog

from apps.events import registry
from apps.events.services import calling, failing, parking, places, waking
from apps.events.services.barriers import barrier
from apps.events.services.convoys import Convoy
from apps.events.services.places import Attempt, Place, Row
from apps.events.services.publishing import UnitOfWork, unit_of_work

log = structlog.get_logger(__name__)

BATCH_MAX = 500  # events
BATCH_MIN = 100  # a batch costs mostly by its statements: smaller ones make a slow machine slower
BATCH_SECONDS = 0.1  # what a batch should take
SLICE_SECONDS = 2.0  # after this a partition lets the others of its shard have their turn


class Outcome(Enum):
    """How a drain ended."""

    DONE = "done"  # nothing more that could be taken now
    MORE = "more"  # the time slice is over; wake again
    BUSY = "busy"  # another drainer is at it, and will look again when it is through


Consumer = Callable[[Place, Sequence[Row], Attempt, UnitOfWork], tuple[int, str]]
"""Takes rows; answers with how many it got past, and why the partition has to stop there, if so."""

_limits: dict[str, int] = {}


def drain(name: str, topic: str, partition: int, *, seconds: float = SLICE_SECONDS) -> Outcome:
    """Let a handler take what is there, until nothing is left or its time slice is over."""
    place = Place(registry.handler(name), topic, partition)
    if place.handler.calls_out:
        return Outcome.MORE if calling.drain([place], seconds=seconds) else Outcome.DONE
    _forgive_all()
    deadline = time.monotonic() + seconds
    while True:
        with places.claim(place) as mine:
            if not mine:
                return Outcome.BUSY
            while (more := _step(place)) and time.monotonic() < deadline:
                pass
            barrier("before_unlock", place)
        barrier("after_unlock", place)
        # Whoever appended while the claim was held was told "busy": so look again, after letting
        # go, in a new snapshot. Without this a wake could be lost.
        if not (more or places.is_behind(place)):
            return Outcome.DONE
        if time.monotonic() >= deadline:
            return Outcome.MORE


def drain_all(name: str, topic: str, partitions: Sequence[int]) -> list[int]:
    """Let a handler take what these partitions hold, in one time slice; those that have more.

    Raises what the world does (`failing.INFRASTRUCTURE`); a defect at one partition is logged and
    does not keep the others from their turn.
    """
    handler = registry.handler(name)
    if handler.calls_out:
        # It may be long at work, and does not look again at the end: whoever appends meanwhile wakes.
        waking.clear_flags(name, topic, partitions)
        wanted = [Place(handler, topic, number) for number in partitions]
        return [place.partition for place in calling.drain(wanted, seconds=SLICE_SECONDS)]
    _forgive_all()
    convoy = Convoy(handler, topic, lambda: _limits.get(name, BATCH_MAX), _alone_logged, _learn)
    return convoy.drain(partitions, seconds=SLICE_SECONDS)


def _step(place: Place) -> bool:
    """One batch; whether there may be more."""
    limit = _limits.get(place.handler.name, BATCH_MAX)
    attempt = places.begin(place.handler, place.topic, [place.partition], limit).get(
        place.partition
    )
    if attempt is None:
        return False
    barrier("after_begin", place)
    return _alone(place, attempt) > 0


def _alone(place: Place, attempt: Attempt) -> int:
    """A batch of one partition, whose attempt is counted; how many events it moved past."""
    limit = 1 if attempt.careful else _limits.get(place.handler.name, BATCH_MAX)
    started = time.perf_counter()
    try:
        try:
            taken = _take(place, attempt, limit, _together)
        except Exception as error:
            if failing.is_infrastructure(error):
                raise
            log.warning("batch failed; one by one", place=str(place), error=failing.summary(error))
            taken = _take(place, attempt, limit, _one_by_one)
    except failing.INFRASTRUCTURE as error:
        places.back_off([place], error)
        return 0
    _learn(place.handler.name, taken, time.perf_counter() - started)
    return taken


def _alone_logged(place: Place, attempt: Attempt) -> int:
    """As `_alone`, in a convoy: a defect at one partition does not keep the others from their turn."""
    try:
        return _alone(place, attempt)
    except failing.INFRASTRUCTURE:
        raise
    except Exception:
        log.exception("drain failed", place=str(place))
        return 0


def _take(place: Place, attempt: Attempt, limit: int, consume: Consumer) -> int:
    """A batch in one transaction with the cursor; how many events it moved past."""
    started = time.perf_counter()
    with unit_of_work() as work:
        rows = _lock_and_read(place, limit)
        if not rows:
            places.forgive(place)
            return 0
        passed, reason = consume(place, rows, attempt, work)
        barrier("before_move", place)
        if reason:
            places.stop(place, rows[passed].offset - 1, reason)
        else:
            _move(place, rows, attempt, started)
        barrier("before_commit", place)
    barrier("after_commit", place)
    return passed


def _together(
    place: Place, rows: Sequence[Row], attempt: Attempt, _work: UnitOfWork
) -> tuple[int, str]:
    """The batch as a whole."""
    free = parking.hold_back(place, rows)
    if free and attempt.careful and attempt.deaths >= failing.DEATHS:
        # A careful batch is this one event.
        reason = parking.set_aside(place, free[0], failing.death_notice(attempt.deaths))
        return (0, reason) if reason else (len(rows), "")
    if free:
        place.run(free)
    return len(rows), ""


def _one_by_one(
    place: Place, rows: Sequence[Row], _attempt: Attempt, work: UnitOfWork
) -> tuple[int, str]:
    """An event at a time in savepoints: the offender's key is parked."""
    for index, row in enumerate(rows):
        if not parking.hold_back(place, [row]):
            continue
        error = parking.try_in_savepoint(place, [row], work)
        if error is not None and (reason := parking.set_aside(place, row, error)):
            return index, reason
    return len(rows), ""


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


def _learn(handler: str, taken: int, seconds: float) -> None:
    """Fit the next batch to the time that a batch should take."""
    if taken >= BATCH_MIN:
        fitting = int(taken * BATCH_SECONDS / max(seconds, 1e-4))
        _limits[handler] = max(BATCH_MIN, min(BATCH_MAX, fitting))


def _forgive_all() -> None:
    for place in list(places.unforgiven):
        places.forgive(place)
        places.unforgiven.discard(place)
