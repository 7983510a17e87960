"""Handlers that call the outside: no transaction is held while the world thinks.

A drain holds a short lease on the cursor instead. The keys of a window run concurrently, each
key's events in order; the cursor follows the oldest unfinished event, so a slow provider holds up
its own conversation and no other. After a crash events since the cursor are told again: the one
service call that takes an answer is idempotent.

A calling handler that is a plain function takes batches in order instead (relays).
"""

import asyncio
import contextlib
import inspect
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from asgiref.sync import sync_to_async
from django.db import connection

from apps.core.ids import uuid7
from apps.events.registry import Recorded
from apps.events.services import failing, parking, places
from apps.events.services.places import Place, Row
from apps.events.services.publishing import unit_of_work

log = structlog.get_logger(__name__)

LEASE_SECONDS = 10.0
RENEW_SECONDS = 2.0
WINDOW = 256  # events of a partition in the air
TRIES = 3  # for infrastructure errors of one event, before the whole partition backs off


def drain(place: Place, *, seconds: float) -> bool:
    """Work under a lease until nothing is left or the slice is over; whether there is more."""
    lease = uuid7()
    offset = _take_lease(place, lease)
    if offset is None:
        return False
    try:
        if inspect.iscoroutinefunction(place.handler.function):
            asyncio.run(_Window(place, lease, offset).run(time.monotonic() + seconds))
        else:
            _relay(place, lease, offset, time.monotonic() + seconds)
    except failing.INFRASTRUCTURE as error:
        _back_off(place, lease, error)
        return False
    finally:
        _give_back(place, lease)
    return places.is_behind(place)


def _take_lease(place: Place, lease: UUID) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE events_cursor c SET lease = %s,
                leased_until = clock_timestamp() + make_interval(secs => %s)
                WHERE {places.AT} AND {places.HAS_MORE}
                  AND (c.leased_until IS NULL OR c.leased_until < clock_timestamp())
                RETURNING c."offset" """,
            (lease, LEASE_SECONDS, *place.at),
        )
        found = cursor.fetchone()
    return found[0] if found else None


def _advance(place: Place, lease: UUID, offset: int, events: int) -> bool:
    """Move the cursor and renew the lease; False where another has taken it over."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE events_cursor c SET "offset" = %s, failures = 0, error = '',
                retry_at = NULL, updated_at = clock_timestamp(),
                events_total = c.events_total + %s, batches_total = c.batches_total + 1,
                leased_until = clock_timestamp() + make_interval(secs => %s)
                WHERE {places.AT} AND c.lease = %s AND c."offset" <= %s""",
            (offset, events, LEASE_SECONDS, *place.at, lease, offset),
        )
        return bool(cursor.rowcount == 1)


def _give_back(place: Place, lease: UUID) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE events_cursor c SET lease = NULL, leased_until = NULL WHERE {places.AT} "
            "AND c.lease = %s",
            (*place.at, lease),
        )


def _back_off(place: Place, lease: UUID, error: BaseException) -> None:
    log.warning("infrastructure error; backing off", place=str(place), error=failing.summary(error))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE events_cursor c SET failures = c.failures + 1, error = %s,
                retry_at = clock_timestamp()
                    + make_interval(secs => least(%s, power(2, least(c.failures, 10))))
                WHERE {places.AT} AND c.lease = %s""",
            (failing.summary(error), failing.BACK_OFF_MAX, *place.at, lease),
        )


def _relay(place: Place, lease: UUID, offset: int, deadline: float) -> None:
    """Batches in order, outside any transaction; the cursor moves only after each was delivered."""
    while time.monotonic() < deadline:
        rows = places.read(place, offset, WINDOW)
        if not rows:
            return
        wanted = [row for row in rows if row.name in place.handler.names]
        if wanted:
            place.handler.function(place.batch([row.recorded() for row in wanted]))
        offset = rows[-1].offset
        if not _advance(place, lease, offset, len(rows)):
            return


@dataclass
class _Window:
    """Events in the air: keys side by side, one key's events one after another."""

    place: Place
    lease: UUID
    offset: int
    read_to: int = 0
    unfinished: dict[int, bool] = field(default_factory=dict)
    """Offsets in the air, in order; True once finished."""
    waiting: dict[str, deque[Row]] = field(default_factory=lambda: defaultdict(deque))
    running: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def run(self, deadline: float) -> None:
        """Read, run and advance until nothing is left or the deadline; then let the air clear."""
        self.read_to = self.offset
        renewed = time.monotonic()
        try:
            while True:
                more = time.monotonic() < deadline and await self._read()
                if not self.running and not more:
                    return
                if self.running:
                    await asyncio.wait(
                        self.running.values(),
                        timeout=RENEW_SECONDS,
                        return_when=asyncio.FIRST_COMPLETED,
                    )
                self._collect()
                if self._front() > self.offset or time.monotonic() - renewed > RENEW_SECONDS:
                    renewed = time.monotonic()
                    if not await self._advance():
                        return
        finally:
            for task in self.running.values():
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(*self.running.values(), return_exceptions=True)

    async def _read(self) -> bool:
        """Fill the window; whether anything came."""
        room = WINDOW - len(self.unfinished)
        if room <= 0:
            return False
        rows = await sync_to_async(self._read_rows)(room)
        for row, is_free in rows:
            self.read_to = row.offset
            self.unfinished[row.offset] = not is_free
            if is_free:
                self.waiting[row.key].append(row)
                if row.key not in self.running:
                    self.running[row.key] = asyncio.create_task(self._run_key(row.key))
        return bool(rows)

    def _read_rows(self, room: int) -> list[tuple[Row, bool]]:
        with unit_of_work():
            rows = places.read(self.place, self.read_to, room)
            free = {row.offset for row in parking.hold_back(self.place, rows)}
        return [(row, row.offset in free) for row in rows]

    async def _run_key(self, key: str) -> None:
        queue = self.waiting[key]
        while queue:
            row = queue[0]
            error = await self._run_event(row)
            if error is not None:
                await sync_to_async(self._park)(list(queue), error)
                for held in queue:
                    self.unfinished[held.offset] = True
                queue.clear()
                return
            self.unfinished[row.offset] = True
            queue.popleft()

    async def _run_event(self, row: Row) -> Exception | None:
        """One call; the error that it deserves to be parked for, if any."""
        for attempt in range(1, TRIES + 1):
            try:
                recorded: Recorded = row.recorded()
                await self.place.handler.function(recorded)
            except failing.INFRASTRUCTURE:
                if attempt == TRIES:
                    raise
                await asyncio.sleep(failing.back_off_seconds(attempt) / 10)
            except Exception as error:  # noqa: BLE001 - whatever it is, its key is parked with it
                return error
            else:
                return None
        return None

    def _park(self, rows: list[Row], error: Exception) -> None:
        with unit_of_work():
            parking.park(self.place, rows[0], error)
            parking.hold_back(self.place, rows[1:])

    def _collect(self) -> None:
        for key, task in list(self.running.items()):
            if task.done():
                del self.running[key]
                task.result()  # raises what the world did: the partition backs off
                if self.waiting[key]:
                    self.running[key] = asyncio.create_task(self._run_key(key))

    def _front(self) -> int:
        """The offset up to which everything is finished."""
        front = self.offset
        for offset, finished in self.unfinished.items():
            if not finished:
                break
            front = offset
        return front

    async def _advance(self) -> bool:
        front = self._front()
        passed = [offset for offset in self.unfinished if offset <= front]
        for offset in passed:
            del self.unfinished[offset]
        self.offset = front
        return await sync_to_async(_advance)(self.place, self.lease, front, len(passed))
