"""The local answer, worked out in a thread while the providers are asked.

A question takes the classifier half a millisecond. When a provider hangs, every question that was
sent to it ends in the same moment: hundreds of answers worked out then, and on the loop, would come
too late. So each is begun earlier, and is mostly there when it is needed.
"""

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import structlog

from apps.nlu.facade.plan import Plan
from apps.nlu.interpretation import Interpretation, unknown

log = structlog.get_logger(__name__)

PATIENCE: Final = 0.05
"""Seconds that are waited for the classifier beyond the deadline."""


class Reserves:
    """The thread that local answers are worked out in: one, since it computes and waits for nothing."""

    def __init__(self) -> None:
        """Nothing runs before the first answer."""
        self._thread = ThreadPoolExecutor(1, "nlu-local")

    def of(self, plan: Plan) -> "Reserve":
        """A question's reserve."""
        return Reserve(plan, self._thread)

    def close(self) -> None:
        """Let the thread go; what it has not begun is not needed any more."""
        self._thread.shutdown(wait=False, cancel_futures=True)


class Reserve:
    """The local answer to one question."""

    def __init__(self, plan: Plan, thread: ThreadPoolExecutor) -> None:
        """Nothing is worked out before it is asked for."""
        self._plan = plan
        self._thread = thread
        self._work: Future[Interpretation] | None = None

    def prepare(self) -> "Future[Interpretation]":
        """Begin, unless it is begun."""
        if self._work is None:
            self._work = self._thread.submit(local_answer, self._plan)
        return self._work

    def drop(self) -> None:
        """It is not needed: what has not begun will not."""
        if self._work is not None:
            self._work.cancel()

    async def value(self) -> Interpretation:
        """The answer; that nobody understood, where even this one is not there in time."""
        try:
            async with asyncio.timeout(self._plan.left + PATIENCE):
                return await asyncio.wrap_future(self.prepare())
        except TimeoutError:
            log.warning("the local classifier is too slow", tenant=self._plan.tenant)
            return unknown(degraded=True)


def local_answer(plan: Plan) -> Interpretation:
    """What the tenant's own classifier says. Never raises."""
    try:
        return plan.local(plan.ask.text)
    except Exception as error:
        log.error("the local classifier failed", tenant=plan.tenant, exc_info=error)
        return unknown(degraded=True)
