"""A window of events in the air: keys side by side, one key's events one after another.

The cursor follows the oldest unfinished event, so a slow answer holds up its own key and no other.
All work with the database runs in the thread that drains, on its one connection.
"""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from asgiref.sync import sync_to_async

from apps.events.registry import Policy
from apps.events.services import failing, leases, parking, places
from apps.events.services.leases import WINDOW, Lease, Stopped
from apps.events.services.places import Place, Row
from apps.events.services.publishing import unit_of_work

POLL_SECONDS = 0.1
"""How often the log is read while calls are in the air."""
TRIES = 3  # for infrastructure errors of one event, before the whole partition backs off
PAUSE_SECONDS = 0.1  # after the first failed try; each further one doubles it


@dataclass
class Window:
    """What one drain has in the air."""

    lease: Lease
    read_to: int = 0
    read_at: float = float("-inf")
    renewed_at: float = field(default_factory=time.monotonic)
    must_park: bool = False
    """The first event is the one at which workers died."""
    unfinished: dict[int, bool] = field(default_factory=dict)
    """Offsets in the air, in order; True once finished."""
    waiting: dict[str, deque[Row]] = field(default_factory=lambda: defaultdict(deque))
    running: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    parked: set[str] = field(default_factory=set)
    """Keys parked by this window: what was read of them already has to be held as well."""

    async def run(self, seconds: float) -> None:
        """Read, run and advance until nothing is left; after these seconds let the air clear.

        Raises `Stopped`, and what the world did (`failing.INFRASTRUCTURE`).
        """
        deadline = time.monotonic() + seconds
        last: int | None = None
        self.read_to = self.lease.offset
        self.must_park = self.lease.deaths >= failing.DEATHS
        try:
            while True:
                if last is None and time.monotonic() >= deadline:
                    last = self.read_to
                # While something that was read in time is in the air, the others' new events need
                # not wait for it.
                may_read = last is None or self._front() < last
                more = may_read and await self._read()
                if not (more or self.running):
                    return
                if self.running:
                    await asyncio.wait(
                        self.running.values(),
                        timeout=POLL_SECONDS,
                        return_when=asyncio.FIRST_COMPLETED,
                    )
                failure = self._collect()
                if not await self._advance():
                    return
                if failure is not None:
                    raise failure
        finally:
            for task in self.running.values():
                task.cancel()
            await asyncio.gather(*self.running.values(), return_exceptions=True)

    async def _read(self) -> bool:
        """Fill the window; whether anything came."""
        limit = 1 if self.lease.is_careful_at(self.read_to) else WINDOW
        room = limit - len(self.unfinished)
        if room <= 0 or (self.running and time.monotonic() - self.read_at < POLL_SECONDS):
            return False
        self.read_at = time.monotonic()
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
        place = self.lease.place
        with unit_of_work():
            places.lock(place)  # what a resumption lets go must not be held again
            rows = places.read(place, self.read_to, room)
            free = {row.offset for row in parking.hold_back(place, rows)}
        return [(row, row.offset in free) for row in rows]

    async def _run_key(self, key: str) -> None:
        queue = self.waiting[key]
        while queue:
            if key in self.parked:
                rows = list(queue)
                await sync_to_async(self._hold)(rows)
            else:
                rows = [queue[0]]
                error = await self._outcome(queue[0])
                if error is not None:
                    await self._set_aside(queue[0], error)
            for row in rows:
                self.unfinished[row.offset] = True
                queue.popleft()

    async def _outcome(self, row: Row) -> Exception | str | None:
        """One call; the error that it deserves to be parked for, if any."""
        if self.must_park:
            self.must_park = False
            return failing.death_notice(self.lease.deaths)
        return await call(self.lease.place, row)

    async def _set_aside(self, row: Row, error: Exception | str) -> None:
        reason = await sync_to_async(self._park)(row, error)
        if reason:
            raise Stopped(reason)
        if self.lease.place.handler.policy is Policy.HOLD:
            self.parked.add(row.key)

    def _park(self, row: Row, error: Exception | str) -> str:
        with unit_of_work():
            places.lock(self.lease.place)
            return parking.set_aside(self.lease.place, row, error)

    def _hold(self, rows: Sequence[Row]) -> None:
        with unit_of_work():
            places.lock(self.lease.place)
            parking.hold(self.lease.place, rows)

    def _collect(self) -> BaseException | None:
        """Take note of the keys that are through; the first failure, for which the place backs off."""
        failure: BaseException | None = None
        for key, task in list(self.running.items()):
            if not task.done():
                continue
            del self.running[key]
            error = TimeoutError("a call was cancelled") if task.cancelled() else task.exception()
            failure = failure or error
            if self.waiting[key] and error is None:
                self.running[key] = asyncio.create_task(self._run_key(key))
            else:
                del self.waiting[key]
        return failure

    def _front(self) -> int:
        """The offset up to which everything is finished."""
        for offset, finished in self.unfinished.items():
            if not finished:
                return offset - 1
        return self.read_to

    async def _advance(self) -> bool:
        """Let the cursor follow, and renew the lease now and then; False where it is lost."""
        front = self._front()
        is_due = time.monotonic() - self.renewed_at > leases.RENEW_SECONDS
        if front == self.lease.offset and not is_due:
            return True
        self.renewed_at = time.monotonic()
        passed = [offset for offset in self.unfinished if offset <= front]
        for offset in passed:
            del self.unfinished[offset]
        if front == self.lease.offset:
            return await sync_to_async(leases.renew)(self.lease)
        return await sync_to_async(leases.move)(self.lease, front, len(passed))


async def call(place: Place, row: Row) -> Exception | None:
    """One call for one event; the error that it deserves to be parked for, if any.

    Raises what the world did (`failing.INFRASTRUCTURE`) when it did it at every try.
    """
    for attempt in range(TRIES):
        try:
            await place.handler.function(row.recorded())
        except failing.INFRASTRUCTURE:
            if attempt == TRIES - 1:
                raise
            await asyncio.sleep(PAUSE_SECONDS * 2**attempt)
        except Exception as error:  # noqa: BLE001 - whatever it is, its key is parked with it
            return error
        else:
            break
    return None
