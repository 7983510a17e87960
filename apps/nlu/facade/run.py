"""One question on its way through the providers."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from apps.nlu.backends.wire import PROVIDERS_FAULT, TRANSIENT, CallFailed, Failure, Provider
from apps.nlu.facade.plan import Attempt, Plan
from apps.nlu.facade.reserve import Reserve
from apps.nlu.interpretation import Interpretation, bounded, with_thresholds
from apps.nlu.selection import hedge_after

if TYPE_CHECKING:
    from apps.nlu.facade.engine import Engine

log = structlog.get_logger(__name__)

RETRY_SECONDS: Final = 0.6
"""A retry is made only while at least this much time remains."""
RESERVE_AT: Final = 0.5
"""The part of the time after which the local answer is worked out, should the providers be silent."""
ENDING_SECONDS: Final = 0.05
"""How long an answer waits until the calls that it no longer needs have ended."""
FAIR_SHARE: Final = 0.25
"""A call that was given less than this part of the time is not blamed for being late."""
CHOSEN: Final = frozenset({"hedge", "race"})
"""Roles in which another provider than the first may answer, and nothing is wrong."""


class Guard(Protocol):
    """A circuit breaker; `admit` lets exactly one probe through while half open."""

    async def admit(self) -> bool:
        """Whether a call may go out now."""
        ...

    async def report(self, *, ok: bool) -> None:
        """Say what became of it."""
        ...


class Run:
    """One question on its way."""

    def __init__(
        self, engine: "Engine", plan: Plan, providers: Sequence[Provider], reserve: Reserve
    ) -> None:
        """`providers` in the order in which they are to be asked."""
        self.engine = engine
        self.plan = plan
        self.waiting = list(providers)
        self.reserve = reserve
        self.attempts: list[Attempt] = []
        self.began = time.monotonic()
        self.is_late = False
        """The deadline has passed."""
        self.moved = False
        """A call that moves the dialog was sent, and nobody knows whether it did."""
        self._running: dict[asyncio.Task[Interpretation], tuple[Provider, Attempt]] = {}

    async def providers_answer(self) -> Interpretation | None:
        """The first good answer; None where none came in time."""
        wait = self.plan.left * RESERVE_AT
        timer = asyncio.get_running_loop().call_later(wait, self.reserve.prepare)
        found = None
        try:
            async with asyncio.timeout(self.plan.left), self.engine.turn(self.plan):
                found = await self._first_good()
        except TimeoutError:
            self.is_late = True
            self._note_crowd()
        finally:
            timer.cancel()
            await self._call_off()
        if found is not None:
            self.reserve.drop()
        return found

    def _note_crowd(self) -> None:
        """For the record: nobody was asked, because too many others were."""
        if not self.attempts:
            seconds = time.monotonic() - self.began
            name = self.waiting[0].name
            self.attempts.append(Attempt(name, "first", 0.0, seconds, outcome="crowded"))

    async def _first_good(self) -> Interpretation | None:
        await self._start("first")
        for _ in range(self.plan.terms.race - 1):
            await self._start("race", only_safe=True)
        hedged = self.plan.terms.race > 1
        while self._running:
            pause = None if hedged else self._hedge_pause()
            done, _ = await asyncio.wait(
                self._running, timeout=pause, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                hedged = True
                if self.engine.budget(self.plan).spend():
                    await self._start("hedge", only_safe=True)
                continue
            for task in done:
                if (found := await self._landed(task)) is not None:
                    return found
        return None

    def _hedge_pause(self) -> float | None:
        """How long to wait before a second provider is asked; None where none may be."""
        if self.plan.terms.hedge_share <= 0 or not self.waiting or len(self._running) != 1:
            return None
        ((provider, attempt),) = self._running.values()
        if not self.engine.backend(provider).is_safe:
            return None
        now = time.monotonic()
        pause = hedge_after(self.engine.sketch(provider).percentile(now, 0.95))
        return max(pause - (now - self.began - attempt.began), 0.0)

    async def _start(self, role: str, *, only_safe: bool = False) -> bool:
        """Ask the next provider that may be asked."""
        while self.waiting:
            provider = self.waiting[0]
            is_safe = self.engine.backend(provider).is_safe
            if (only_safe or self.moved) and not is_safe:
                if only_safe:
                    return False
                self.waiting.pop(0)
                continue
            self.waiting.pop(0)
            if await self._ask(provider, role):
                return True
        return False

    async def _ask(self, provider: Provider, role: str) -> bool:
        """Call a provider, if its breaker and its quota allow it."""
        attempt = Attempt(provider.name, role, time.monotonic() - self.began)
        self.attempts.append(attempt)
        if not await self.engine.guard_of(provider).admit():
            attempt.outcome = "open"
        elif not await self.engine.quotas.take(_bucket(provider), provider.per_minute):
            attempt.outcome = "quota"  # no call, and so no word about the provider's health
        else:
            self._launch(provider, attempt)
            return True
        return False

    def _launch(self, provider: Provider, attempt: Attempt) -> None:
        attempt.cost = provider.cost
        if attempt.role == "first":
            self.engine.budget(self.plan).earn()
        if not self.engine.backend(provider).is_safe:
            self.moved = True
        task = asyncio.create_task(self.engine.backend(provider).ask(self.plan.ask))
        self._running[task] = (provider, attempt)

    async def _landed(self, task: "asyncio.Task[Interpretation]") -> Interpretation | None:
        """What a finished call brought; where it failed, the next one is started."""
        provider, attempt = self._running.pop(task)
        failure = await self._note(task, provider, attempt)
        if failure is None:
            attempt.won = True
            found = bounded(task.result())
            judged = with_thresholds(found, provider.thresholds, default=provider.threshold)
            wanted = self.attempts[0].provider == provider.name or attempt.role in CHOSEN
            return replace(judged, provider=provider.name, degraded=not wanted)
        self.reserve.prepare()
        if failure is Failure.CONNECT and not self.engine.backend(provider).is_safe:
            self.moved = False  # it was certainly not sent
        retried = self._may_retry(provider, failure, attempt) and await self._ask(provider, "retry")
        if not retried:
            await self._start("fallback")
        return None

    def _may_retry(self, provider: Provider, failure: Failure, attempt: Attempt) -> bool:
        is_safe = self.engine.backend(provider).is_safe
        return (
            failure in TRANSIENT
            and (is_safe or failure is Failure.CONNECT)
            and attempt.role != "retry"
            and not self.waiting  # another provider is the better second try
            and self.plan.left >= RETRY_SECONDS
        )

    async def _note(
        self, task: "asyncio.Task[Interpretation]", provider: Provider, attempt: Attempt
    ) -> Failure | None:
        """Write down how a call ended, and tell breaker and selection."""
        attempt.seconds = time.monotonic() - self.began - attempt.began
        error = task.exception()
        failure = None
        if isinstance(error, CallFailed):
            failure = error.failure
        elif error is not None:
            # A reading that stumbles over an answer is our fault, and still no reason for silence.
            log.error("a backend failed", provider=provider.name, exc_info=error)
            failure = Failure.BAD_ANSWER
        attempt.outcome = failure.value if failure else "ok"
        self._learn(provider, attempt.seconds, ok=failure not in PROVIDERS_FAULT)
        self.engine.tell(provider, ok=failure not in PROVIDERS_FAULT)
        return failure

    def _learn(self, provider: Provider, seconds: float, *, ok: bool) -> None:
        self.engine.sketch(provider).add(time.monotonic(), seconds, ok=ok)

    async def _call_off(self) -> None:
        """End what is still in the air, so that no connection stays behind."""
        for task in self._running:
            task.cancel()
        if self._running:
            _, stuck = await asyncio.wait(self._running, timeout=ENDING_SECONDS)
            for task in stuck:  # the answer does not wait; it is asked again when it ends
                task.add_done_callback(_seen)
        for task, (provider, attempt) in self._running.items():
            if task.done():
                _seen(task)
            self._note_called_off(provider, attempt)
        self._running.clear()

    def _note_called_off(self, provider: Provider, attempt: Attempt) -> None:
        """A call without an answer: too slow, or not needed any more, which says nothing."""
        attempt.seconds = time.monotonic() - self.began - attempt.began
        if self.is_late:
            attempt.outcome = Failure.TIMEOUT.value
            if attempt.seconds >= self.plan.terms.deadline * FAIR_SHARE:
                self._learn(provider, attempt.seconds, ok=False)
                self.engine.tell(provider, ok=False)
        elif attempt.role == "first":  # one that lost against its hedge was that slow at least
            self._learn(provider, attempt.seconds, ok=True)


def _seen(task: "asyncio.Task[Interpretation]") -> None:
    """What a call brought that was called off is of no interest; asyncio is told so."""
    if not task.cancelled():
        task.exception()


def _bucket(provider: Provider) -> str:
    return f"{provider.tenant}:{provider.id}"
