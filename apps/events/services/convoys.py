"""A convoy: several partitions of a handler, taken in one transaction.

Short bursts leave a few events in each of many partitions. Taken one partition at a time, each of
those few would pay for a transaction of its own: a claim, an attempt, a commit. A convoy pays once.

It is the fast path and nothing more. Whatever is out of the ordinary (an attempt that died, an
error that no outage explains) is left to `draining`, which takes that partition alone and finds
the offender. The rules of [One at a time] and [Attempts] there hold for every partition here.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from django.db import InterfaceError, OperationalError

from apps.events.registry import Batch, Handler
from apps.events.services import failing, parking, places, waking
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
        while True:
            mine = waiting  # if the claim fails half-way, what it got of these
            try:
                mine, attempts = places.claim_all(self.handler, self.topic, waiting, self.limit())
                self._work_off(attempts, deadline)
                barrier("before_unlock", self)
            finally:
                waiting = self._let_go(mine, waiting)
            barrier("after_unlock", self)
            if not waiting or time.monotonic() >= deadline:
                return waiting

    def _work_off(self, attempts: Mapping[int, Attempt], deadline: float) -> None:
        left = self._step(attempts)
        while left and time.monotonic() < deadline:
            left = self._step(places.begin(self.handler, self.topic, left, self.limit()))

    def _let_go(self, mine: Sequence[int], woken: Sequence[int]) -> list[int]:
        """End the claims; those of the partitions that have something to take again.

        Note [Look again]. Whoever appended while we held the claims was told "busy", or sent no
        wake at all since the flag of the one before still stood. So the flags go first, then the
        claims, and then, in a new snapshot, we look: what was committed before is seen here, and
        what is committed later finds no flag and wakes. In any other order a wake could be lost.
        """
        waking.clear_flags(self.handler.name, self.topic, woken)
        # A connection that broke has lost its claims already.
        with contextlib.suppress(OperationalError, InterfaceError):
            return places.let_go_all(self.handler, self.topic, mine) if mine else []
        return []

    def _step(self, attempts: Mapping[int, Attempt]) -> list[int]:
        """One batch, whose attempts are counted; the partitions in which there may be more."""
        if not attempts:
            return []
        barrier("after_begin", self)
        suspects = {number for number, one in attempts.items() if one.careful or one.deaths}
        # Each has its turn alone: a death before it is not theirs, and must not be counted as one.
        self._forgive(suspects)
        plain = {number: one for number, one in attempts.items() if number not in suspects}
        more = self._plain(plain) if plain else set()
        if more is None:
            self._forgive(plain)
            suspects |= plain.keys()
            more = set()
        return sorted(more | {number for number in sorted(suspects) if self._tried_alone(number)})

    def _tried_alone(self, partition: int) -> bool:
        """Whether there may be more after a batch of this partition alone."""
        attempt = places.begin(self.handler, self.topic, [partition], self.limit()).get(partition)
        return attempt is not None and self.alone(self._place(partition), attempt) > 0

    def _forgive(self, partitions: Iterable[int]) -> None:
        places.forgive_all([self._place(number) for number in partitions])

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
        """A batch in one transaction with its cursors; the partitions that have more for another."""
        started = time.perf_counter()
        wanted = shares({number: one.behind for number, one in attempts.items()}, self.limit())
        with unit_of_work():
            offsets = places.lock_all(self.handler, self.topic, sorted(attempts))
            rows, with_parked = places.read_all(
                self.handler, self.topic, {number: (offsets[number], wanted[number])
                                           for number in offsets}
            )  # fmt: skip
            barrier("after_read", self)
            last = {row.partition: row.offset for row in rows}
            if free := self._free(rows, with_parked):
                facts = [row.recorded() for row in free]
                self.handler.function(Batch(self.handler.name, self.topic, facts))
            barrier("before_move", self)
            counts = _counts(rows)
            places.move_all(
                self.handler, self.topic,
                [(number, offset, counts[number]) for number, offset in last.items()],
                time.perf_counter() - started,
            )  # fmt: skip
            self._forgive(number for number in attempts if number not in last)
            barrier("before_commit", self)
        barrier("after_commit", self)
        self.learn(self.handler.name, len(rows), time.perf_counter() - started)
        return {number for number in last if counts[number] < attempts[number].behind}

    def _free(self, rows: Sequence[Row], with_parked: set[int]) -> list[Row]:
        """The rows that the handler shall take; those behind parked keys are noted as held."""
        mine = [row for row in rows if row.name in self.handler.names]
        if not with_parked:
            return mine
        parked = parking.parked_keys(self.handler, self.topic, with_parked)
        for number in with_parked:
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
