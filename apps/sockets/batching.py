"""Many small calls as few large ones: what comes while a call runs goes into the next, together.

At low load a call holds one item and waits for nothing; under load calls grow by themselves.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Generic, TypeVar

import structlog
from django.db import InterfaceError, OperationalError

from apps.core.exceptions import Unavailable
from apps.sockets.threads import in_thread

log = structlog.get_logger(__name__)

AT_ONCE: Final = 200
WAITING_MAX: Final = 5_000
I = TypeVar("I")  # noqa: E741 - an item
O = TypeVar("O")  # noqa: E741 - its outcome


class TooBusy(Unavailable):
    """More is waiting than can be worked on soon; try again."""


@dataclass(slots=True)
class _Lane(Generic[I, O]):
    waiting: deque[tuple[I, asyncio.Future[O]]] = field(default_factory=deque)
    worker: asyncio.Task[None] | None = None


class Batcher(Generic[I, O]):
    """Calls `call` in a thread with what waits; outcomes in the order of the items.

    Items of one key are worked on in their order: a key has one lane, and a lane one call at a time.
    """

    def __init__(
        self, call: Callable[[list[I]], list[O]], *, lanes: int = 1, at_once: int = AT_ONCE
    ) -> None:
        """`call` may wait for a database; it gets 1 to `at_once` items."""
        self._call = call
        self._at_once = at_once
        self._lanes: list[_Lane[I, O]] = [_Lane() for _ in range(lanes)]
        self.calls = 0
        self.items = 0

    def submit(self, item: I, *, key: object = None) -> "asyncio.Future[O]":
        """What becomes of an item. Raises `TooBusy`, if too many are waiting."""
        lane = self._lanes[hash(key) % len(self._lanes)]
        if len(lane.waiting) >= WAITING_MAX:
            raise TooBusy
        outcome: asyncio.Future[O] = asyncio.get_running_loop().create_future()
        lane.waiting.append((item, outcome))
        if lane.worker is None:
            lane.worker = asyncio.get_running_loop().create_task(self._work(lane))
        return outcome

    async def _work(self, lane: _Lane[I, O]) -> None:
        try:
            while lane.waiting:
                taken = [
                    lane.waiting.popleft() for _ in range(min(len(lane.waiting), self._at_once))
                ]
                await self._settle(taken)
        finally:
            lane.worker = None
            for _, outcome in lane.waiting:  # only if the loop ends
                outcome.cancel()
            lane.waiting.clear()

    async def _settle(self, taken: list[tuple[I, "asyncio.Future[O]"]]) -> None:
        self.calls += 1
        self.items += len(taken)
        try:
            outcomes = await in_thread(partial(self._call, [item for item, _ in taken]))
        except (OperationalError, InterfaceError) as error:
            for _, future in taken:
                _fail(future, error)
        except Exception as error:  # noqa: BLE001 - whoever asked gets it
            if len(taken) > 1:
                # One of them is to blame; it must not cost the others theirs.
                log.warning("a batch failed; its items go one by one", error=type(error).__name__)
                for one in taken:
                    await self._settle([one])
            else:
                _fail(taken[0][1], error)
        else:
            for (_, future), outcome in zip(taken, outcomes, strict=True):
                if not future.done():
                    future.set_result(outcome)


def _fail(future: "asyncio.Future[O]", error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # looked at: who asked may have gone away meanwhile
