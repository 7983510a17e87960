"""Handlers that call the outside: no transaction is held while the world thinks.

A drain holds a lease on the cursor instead (leases.py). A coroutine takes events one by one: the
keys of a window run concurrently, each key's events in order (window.py). A plain function takes
batches in order (relays). After a crash events since the cursor are told again: whatever takes an
answer is idempotent.
"""

import asyncio
import inspect
import time
from collections.abc import Sequence

import structlog
from asgiref.sync import async_to_sync, sync_to_async

from apps.events.exceptions import Busy
from apps.events.registry import Policy
from apps.events.services import failing, leases, parking, places
from apps.events.services.leases import WINDOW, Lease, Stopped
from apps.events.services.places import Place, Row
from apps.events.services.publishing import unit_of_work
from apps.events.services.window import Window, call

log = structlog.get_logger(__name__)

PATIENCE_SECONDS = leases.SECONDS + 5.0
"""How long a resumption waits for the lease; a dead worker's has ended by then."""
POLL_SECONDS = 0.05


def drain(wanted: Sequence[Place], *, seconds: float) -> list[Place]:
    """Work under leases until nothing is left or the slice is over; the places that have more.

    The partitions of a coroutine run side by side, so that a slow answer in one holds up no other.
    """
    if not inspect.iscoroutinefunction(wanted[0].handler.function):
        for place in wanted:
            if lease := leases.take(place):
                with leases.held(lease):
                    _relay(lease, time.monotonic() + seconds / len(wanted))
    elif taken := [lease for place in wanted if (lease := leases.take(place))]:
        # In this thread's name: its connection is the one that is kept healthy between tasks.
        async_to_sync(_side_by_side)(taken, seconds)
    return [place for place in wanted if places.is_behind(place)]


async def _side_by_side(taken: Sequence[Lease], seconds: float) -> None:
    async def run(lease: Lease) -> None:
        failure: BaseException | None = None
        try:
            await Window(lease).run(seconds)
        except (Stopped, *failing.INFRASTRUCTURE) as error:
            failure = error
        finally:
            await sync_to_async(leases.end)(lease, failure)

    for outcome in await asyncio.gather(*map(run, taken), return_exceptions=True):
        if outcome is not None:
            raise outcome


def _relay(lease: Lease, deadline: float) -> None:
    """Batches in order, outside any transaction; the cursor moves only after each was delivered."""
    place = lease.place
    must_park = lease.deaths >= failing.DEATHS
    while time.monotonic() < deadline:
        limit = 1 if lease.is_careful_at(lease.offset) else WINDOW
        with unit_of_work():
            places.lock(place)  # what a resumption lets go must not be held again
            rows = places.read(place, lease.offset, limit)
            free = parking.hold_back(place, rows)
        if not rows:
            return
        if free and must_park:
            _set_aside(lease, free[0], failing.death_notice(lease.deaths))
        elif free:
            _hand_over(lease, free)
        must_park = False
        if not leases.move(lease, rows[-1].offset, len(rows)):
            return


def _hand_over(lease: Lease, rows: Sequence[Row]) -> None:
    """A batch; where it is refused, event by event."""
    place = lease.place
    error = _refusal(place, rows)
    if error is None:
        return
    log.warning("batch refused; one by one", place=str(place), error=failing.summary(error))
    parked: set[str] = set()
    for row in rows:
        if row.key in parked:
            with unit_of_work():
                parking.hold(place, [row])
        elif error := _refusal(place, [row]):
            _set_aside(lease, row, error)
            if place.handler.policy is Policy.HOLD:
                parked.add(row.key)


def _refusal(place: Place, rows: Sequence[Row]) -> Exception | None:
    try:
        place.run(rows)
    except failing.INFRASTRUCTURE:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, its key is parked with it
        return error
    return None


def _set_aside(lease: Lease, row: Row, error: Exception | str) -> None:
    with unit_of_work():
        places.lock(lease.place)
        reason = parking.set_aside(lease.place, row, error)
    if reason:
        leases.move(lease, row.offset - 1, 0)
        raise Stopped(reason)


def resume(place: Place, key: str) -> tuple[int, Exception | None]:
    """Call for a parked key's events again, in order; how many, and the error that ended it.

    Outside any transaction and under the lease, so that nothing else happens at this place
    meanwhile. Raises `NotParked`, `Busy` where the lease cannot be had, and what the world does.
    """
    parking.must_be_parked(place, key)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (lease := leases.take(place, if_behind=False)) is None:
        if time.monotonic() > deadline:
            raise Busy(handler=place.handler.name, topic=place.topic, partition=place.partition)
        time.sleep(POLL_SECONDS)
    try:
        return async_to_sync(_call_again)(lease, key)
    finally:
        leases.end(lease, None)


async def _call_again(lease: Lease, key: str) -> tuple[int, Exception | None]:
    place, count = lease.place, 0
    renewing = asyncio.create_task(_keep(lease))
    try:
        while rows := await sync_to_async(parking.held_rows)(place, key, WINDOW):
            for row in rows:
                if inspect.iscoroutinefunction(place.handler.function):
                    error = await call(place, row)
                else:
                    error = await sync_to_async(_refusal)(place, [row])
                if error is not None:
                    await sync_to_async(parking.still_failing)(place, row, error)
                    return count, error
                await sync_to_async(_strike_out)(place, key, [row.offset])
                count += 1
        await sync_to_async(_strike_out)(place, key, [])
    finally:
        renewing.cancel()
    return count, None


async def _keep(lease: Lease) -> None:
    while True:
        await asyncio.sleep(leases.RENEW_SECONDS)
        await sync_to_async(leases.renew)(lease)


def _strike_out(place: Place, key: str, offsets: Sequence[int]) -> None:
    with unit_of_work():
        places.lock(place)
        parking.let_go(place, key, offsets, finished=False)
        if not parking.held_rows(place, key, 1):
            parking.let_go(place, key, [], finished=True)
