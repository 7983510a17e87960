"""A convoy: several partitions of a handler, taken in one transaction.

Short bursts leave a few events in each of many partitions. Taken one partition at a time, each of
those few would pay for a transaction of its own: a claim, an attempt, a commit. A convoy pays once.

It is the fast path and nothing more. Whatever is out of the ordinary (an attempt that died, an
error that no outage explains) is left to `draining`, which takes that partition alone and finds
the offender. The rules of [One at a time] and [Attempts] there hold for every partition here.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from apps.events.registry import Batch, Handler
from apps.events.services import failing, parking, places
from apps.events.services.barriers import barrier
from apps.events.services.places import Attempt, Place, Row
from apps.events.services.publishing import unit_of_work

log = structlog.get_logger(__name__)

Alone = Callable[[Place, Attempt], int]
"""Takes one partition by itself, after its attempt was counted; how many events it moved past."""
Learn = Callable[[str, int, float], None]
"""Told of a handler's batch: how many events it had, and how many seconds it took."""


@dataclass(frozen=True, slots=True)
class Convoy:
    """A handler, a topic, and how one of its partitions is taken alone."""

    handler: Handler
    topic: str
    limit: Callable[[], int]
    """How many events a batch may have now."""
    alone: Alone
    learn: Learn

    def drain(self, partitions: Sequence[int], *, seconds: float) -> list[int]:
        """Take what there is until nothing is left or the time is over; the partitions with more.

        Partitions that another drain has claimed are left to it: it looks again when it is through.
        """
        deadline = time.monotonic() + seconds
        waiting = sorted(partitions)
        while waiting and time.monotonic() < deadline:
            with places.claims(self.handler, self.topic, waiting) as mine:
                left = mine
                while left and time.monotonic() < deadline:
                    left = self._step(left)
                barrier("before_unlock", self)
            barrier("after_unlock", self)
            # Whoever appended while we held the claims was told "busy": look again, in a new
            # snapshot, after letting go. Without this a wake could be lost.
            waiting = places.which_are_behind(self.handler, self.topic, mine)
        return waiting

    def _step(self, partitions: Sequence[int]) -> list[int]:
        """One batch; the partitions in which there may be more."""
        attempts = places.begin(self.handler, self.topic, partitions, self.limit())
        if not attempts:
            return []
        barrier("after_begin", self)
        suspects = {number for number, one in attempts.items() if one.careful or one.deaths}
        plain = {number: one for number, one in attempts.items() if number not in suspects}
        moved = self._plain(plain) if plain else set()
        if moved is None:
            suspects |= plain.keys()
            moved = set()
        for number in sorted(suspects):
            if self.alone(self._place(number), attempts[number]):
                moved.add(number)
        return sorted(moved)

    def _plain(self, attempts: Mapping[int, Attempt]) -> set[int] | None:
        """A batch of all of them; nothing where one of them, or more, has to be taken alone."""
        try:
            return self._together(attempts)
        except failing.INFRASTRUCTURE as error:
            places.back_off([self._place(number) for number in attempts], error)
            return set()
        except Exception:
            # Which event of which partition it was is found out by taking each alone.
            log.exception("batch failed; partition by partition", convoy=str(self))
            return None

    def _together(self, attempts: Mapping[int, Attempt]) -> set[int]:
        """A batch in one transaction with its cursors; the partitions that moved."""
        started = time.perf_counter()
        wanted = shares({number: one.behind for number, one in attempts.items()}, self.limit())
        with unit_of_work():
            offsets = places.lock_all(self.handler, self.topic, sorted(attempts))
            rows = places.read_all(
                self.handler, self.topic, {number: (offsets[number], wanted[number])
                                           for number in offsets}
            )  # fmt: skip
            barrier("after_read", self)
            last = {row.partition: row.offset for row in rows}
            if free := self._free(rows):
                facts = [row.recorded() for row in free]
                self.handler.function(Batch(self.handler.name, self.topic, facts))
            barrier("before_move", self)
            counts = _counts(rows)
            places.move_all(
                self.handler, self.topic,
                [(number, offset, counts[number]) for number, offset in last.items()],
                time.perf_counter() - started,
            )  # fmt: skip
            places.forgive_all([self._place(number) for number in attempts if number not in last])
            barrier("before_commit", self)
        barrier("after_commit", self)
        self.learn(self.handler.name, len(rows), time.perf_counter() - started)
        return set(last)

    def _free(self, rows: Sequence[Row]) -> list[Row]:
        """The rows that the handler shall take; those behind parked keys are noted as held."""
        mine = [row for row in rows if row.name in self.handler.names]
        numbers = {row.partition for row in mine}
        parked = parking.parked_keys(self.handler, self.topic, numbers) if mine else set()
        if not parked:
            return mine
        for number in {number for number, _ in parked}:
            behind = [row for row in mine if row.partition == number
                      and (number, row.key) in parked]  # fmt: skip
            parking.hold(self._place(number), behind)
        return [row for row in mine if (row.partition, row.key) not in parked]

    def _place(self, partition: int) -> Place:
        return Place(self.handler, self.topic, partition)

    def __str__(self) -> str:
        return f"{self.handler.name} {self.topic}"


def shares(behind: Mapping[int, int], limit: int) -> dict[int, int]:
    """How many events each partition may bring, of `limit` in all; at least one each.

    >>> shares({1: 2, 2: 900, 3: 900}, 100)
    {1: 2, 2: 49, 3: 49}
    """
    found: dict[int, int] = {}
    left, waiting = limit, len(behind)
    for number in sorted(behind, key=lambda one: behind[one]):
        found[number] = max(1, min(behind[number], left // waiting))
        left, waiting = max(0, left - found[number]), waiting - 1
    return found


def _counts(rows: Sequence[Row]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for row in rows:
        counts[row.partition] = counts.get(row.partition, 0) + 1
    return counts
