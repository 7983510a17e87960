"""Deadline, selection, breaker, quota, hedge, race, fallback: one question's way to an answer.

    cache → the same question in the air? → the providers, in their order → the local classifier

Every provider is called through its breaker and its quota. A call that leaves no trace may be
repeated, hedged and raced; one that moves a dialog is made once, and after it was sent no other
provider is asked to move that dialog either.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

import aiohttp
import structlog

from apps.nlu.backends import backend_of
from apps.nlu.backends.wire import (
    PROVIDERS_FAULT,
    TRANSIENT,
    Backend,
    CallFailed,
    Failure,
    Provider,
)
from apps.nlu.cache import Cache, key_of
from apps.nlu.facade.plan import Answer, Attempt, Plan
from apps.nlu.interpretation import Interpretation, bounded, unknown, with_thresholds
from apps.nlu.quota import Quotas
from apps.nlu.redis_link import Link
from apps.nlu.selection import Budget, Sketch, Standing, hedge_after, ranked

log = structlog.get_logger(__name__)

RETRY_SECONDS: Final = 0.6
"""A retry is made only while at least this much time remains."""
CHOSEN: Final = frozenset({"hedge", "race"})
"""Roles in which another provider than the first may answer, and nothing is wrong."""
CONNECTIONS: Final = 200
CONNECT_SECONDS: Final = 0.8


class Guard(Protocol):
    """A circuit breaker; `admit` lets exactly one probe through while half open."""

    async def admit(self) -> bool:
        """Whether a call may go out now."""
        ...

    async def report(self, *, ok: bool) -> None:
        """Say what became of it."""
        ...


@dataclass
class Engine:
    """One process's engine. All of it lives on one event loop."""

    link: Link
    guard_of: Callable[[Provider], Guard]
    resolver: aiohttp.abc.AbstractResolver | None = None
    sketches: dict[int, Sketch] = field(default_factory=dict)
    budgets: dict[int, Budget] = field(default_factory=dict)
    flights: dict[str, "asyncio.Task[Answer]"] = field(default_factory=dict)
    telling: set["asyncio.Task[None]"] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Build what needs the loop."""
        self.cache = Cache(self.link)
        self.quotas = Quotas(self.link)
        self._backends: dict[tuple[int, int], Backend] = {}
        connector = aiohttp.TCPConnector(
            limit=CONNECTIONS, ttl_dns_cache=60, resolver=self.resolver, keepalive_timeout=30
        )
        self.http = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),  # a provider's cookies would join tenants
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            # Nothing is unpacked: what is small when it comes may be gigabytes when it is read.
            headers={"Accept-Encoding": "identity"},
            auto_decompress=False,
        )

    async def close(self) -> None:
        """Let everything go."""
        for flight in self.flights.values():
            flight.cancel()
        await asyncio.gather(*self.flights.values(), *self.telling, return_exceptions=True)
        await self.http.close()
        await self.link.close()

    async def answer(self, plan: Plan) -> Answer:
        """An answer, within the deadline; only a caller's own cancellation ends it otherwise."""
        providers = [one for one in plan.providers if one.speaks(plan.ask.language)]
        if not all(self.backend(one).is_safe for one in providers):
            return await self._work_out(
                plan, providers
            )  # it moves a dialog: never shared, never kept
        key = _key(plan, providers)
        if plan.terms.cache and providers and (known := await self.cache.get(key)):
            return Answer(replace(known, cached=True))
        flight = self.flights.get(key)
        if flight is not None:
            return replace(await asyncio.shield(flight), shared=True, attempts=[])
        flight = self.flights[key] = asyncio.create_task(self._fly(key, plan, providers))
        flight.add_done_callback(lambda _: self.flights.pop(key, None))
        # Shielded: those who wait for the same answer outlive the one who asked first.
        return await asyncio.shield(flight)

    async def _fly(self, key: str, plan: Plan, providers: Sequence[Provider]) -> Answer:
        answer = await self._work_out(plan, providers)
        if plan.terms.cache and providers:
            await self.cache.put(key, answer.found)
        return answer

    async def _work_out(self, plan: Plan, providers: Sequence[Provider]) -> Answer:
        """The providers' answer, else the local classifier's."""
        run = Run(self, plan, self.in_order(plan, providers))
        found = await run.providers_answer() if providers else None
        if found is None:
            own = _local(plan)
            found = replace(own, degraded=own.degraded or bool(providers))
        return Answer(found, run.attempts)

    def backend(self, provider: Provider) -> Backend:
        """The backend of these terms; new terms have a new one."""
        name = (provider.id, provider.version)
        if name not in self._backends:
            for old in [one for one in self._backends if one[0] == provider.id]:
                del self._backends[old]
            self._backends[name] = backend_of(provider, self.http)
        return self._backends[name]

    def sketch(self, provider: Provider) -> Sketch:
        """What is known of a provider's speed."""
        return self.sketches.setdefault(provider.id, Sketch())

    def tell(self, provider: Provider, *, ok: bool) -> None:
        """Tell the breaker what became of a call; the answer does not wait for that."""
        task = asyncio.create_task(self.guard_of(provider).report(ok=ok))
        self.telling.add(task)
        task.add_done_callback(self.telling.discard)

    def in_order(self, plan: Plan, providers: Sequence[Provider]) -> list[Provider]:
        """The providers, the one to be asked first first."""
        now = time.monotonic()
        standings = [
            Standing(one.name, one.cost, self.sketch(one).percentile(now, 0.95),
                     self.sketch(one).error_share(now))
            for one in providers
        ]  # fmt: skip
        by_name = {one.name: one for one in providers}
        return [by_name[name] for name in ranked(standings, plan.terms.choice)]

    def budget(self, plan: Plan) -> Budget:
        """A tenant's budget for second calls."""
        found = self.budgets.setdefault(plan.tenant, Budget())
        found.share = plan.terms.hedge_share
        return found


class Run:
    """One question on its way."""

    def __init__(self, engine: Engine, plan: Plan, providers: Sequence[Provider]) -> None:
        """The clock starts here."""
        self.engine = engine
        self.plan = plan
        self.waiting = list(providers)
        self.attempts: list[Attempt] = []
        self.began = time.monotonic()
        self.moved = False
        """A call that moves the dialog was sent, and nobody knows whether it did."""
        self._running: dict[asyncio.Task[Interpretation], tuple[Provider, Attempt]] = {}

    @property
    def left(self) -> float:
        """Seconds until the deadline."""
        return self.plan.terms.deadline - (time.monotonic() - self.began)

    async def providers_answer(self) -> Interpretation | None:
        """The first good answer; None where none came in time."""
        try:
            async with asyncio.timeout(max(self.left, 0)):
                return await self._first_good()
        except TimeoutError:
            return None
        finally:
            await self._call_off()

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
            attempt = Attempt(provider.name, role, time.monotonic() - self.began)
            self.attempts.append(attempt)
            if not await self.engine.guard_of(provider).admit():
                attempt.outcome = "open"
            elif not await self.engine.quotas.take(_bucket(provider), provider.per_minute):
                attempt.outcome = "quota"
                self.engine.tell(provider, ok=True)
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
        if failure is Failure.CONNECT and not self.engine.backend(provider).is_safe:
            self.moved = False  # it was certainly not sent
        if self._may_retry(provider, failure, attempt):
            again = Attempt(provider.name, "retry", time.monotonic() - self.began)
            self.attempts.append(again)
            if await self.engine.guard_of(provider).admit():
                self._launch(provider, again)
                return None
            again.outcome = "open"
        await self._start("fallback")
        return None

    def _may_retry(self, provider: Provider, failure: Failure, attempt: Attempt) -> bool:
        is_safe = self.engine.backend(provider).is_safe
        return (
            failure in TRANSIENT
            and (is_safe or failure is Failure.CONNECT)
            and attempt.role != "retry"
            and not self.waiting  # another provider is the better second try
            and self.left >= RETRY_SECONDS
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
        """End what is still in the air, and wait until it has ended: no connection stays behind."""
        late = self.left <= 0
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        for provider, attempt in self._running.values():
            attempt.seconds = time.monotonic() - self.began - attempt.began
            if late:
                attempt.outcome = Failure.TIMEOUT.value
            slow = late or attempt.role == "first"
            if slow:  # one that lost against its hedge was that slow at least
                self._learn(provider, attempt.seconds, ok=not late)
            self.engine.tell(provider, ok=not late)
        self._running.clear()


def _local(plan: Plan) -> Interpretation:
    try:
        return plan.local(plan.ask.text)
    except Exception as error:
        log.error("the local classifier failed", tenant=plan.tenant, exc_info=error)
        return unknown(degraded=True)


def _key(plan: Plan, providers: Sequence[Provider]) -> str:
    who = "+".join(sorted(f"{one.id}.{one.version}" for one in providers)) or "local"
    contexts = {one.name: plan.ask.contexts.get(one.name) or {} for one in providers}
    known = {name: context for name, context in contexts.items() if context}
    ask = plan.ask
    return key_of(plan.tenant, who, plan.local_version, ask.language, ask.text, known)


def _bucket(provider: Provider) -> str:
    return f"{provider.tenant}:{provider.id}"
