"""Resume: what a person lets go on, a parked key or a stopped partition; and the kill switch."""

from collections.abc import Sequence

from django.db import connection

from apps.events import registry
from apps.events.exceptions import NotParked, StillFailing
from apps.events.services import calling, failing, parking, places, waking
from apps.events.services.places import Place, Row
from apps.events.services.publishing import UnitOfWork, unit_of_work

CHUNK = 500  # events in one transaction


def resume(name: str, topic: str, partition: int, key: str) -> int:
    """Replay a parked key's events in order and let it go on; how many were replayed.

    The parked state ends in the same transaction as the last event; what arrives meanwhile is
    still held, so order keeps. Raises `NotParked`; `StillFailing` where an event fails again (those
    before it have taken effect, the key stays parked at that one).
    """
    place = Place(registry.handler(name), topic, partition)
    replayed, error = (calling.resume if place.handler.calls_out else _resume)(place, key)
    if error is not None:
        raise StillFailing(key=key, replayed=replayed, error=failing.summary(error))
    waking.wake([place.at], heed_flags=False)
    return replayed


def _resume(place: Place, key: str) -> tuple[int, Exception | None]:
    replayed, error, finished = _resume_chunk(place, key)
    while not (finished or error):
        try:
            count, error, finished = _resume_chunk(place, key)
        except NotParked:  # somebody else resumed it, too, and was the first at the end
            break
        replayed += count
    return replayed, error


def _resume_chunk(place: Place, key: str) -> tuple[int, Exception | None, bool]:
    with unit_of_work() as work:
        # Nothing is held or let go meanwhile: a drain at work is waited for, the next kept out.
        places.claim_until_commit(place)
        places.lock(place)
        parking.must_be_parked(place, key)
        rows = parking.held_rows(place, key, CHUNK)
        done, error = _replay(place, rows, work)
        finished = error is None and len(rows) < CHUNK
        parking.let_go(place, key, done, finished=finished)
    return len(done), error, finished


def _replay(
    place: Place, rows: Sequence[Row], work: UnitOfWork
) -> tuple[list[int], Exception | None]:
    """As a batch; where that fails, event by event: the offsets that are done, the error at the next."""
    if rows and parking.try_in_savepoint(place, rows, work) is None:
        return [row.offset for row in rows], None
    done: list[int] = []
    for row in rows:
        if error := parking.try_in_savepoint(place, [row], work):
            parking.still_failing(place, row, error)
            return done, error
        done.append(row.offset)
    return done, None


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
