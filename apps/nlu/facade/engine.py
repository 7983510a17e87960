"""Deadline, selection, breaker, quota, hedge, race, fallback: one question's way to an answer.

    cache → the same question in the air? → the providers, in their order → the local classifier

Every provider is called through its breaker and its quota. A call that leaves no trace may be
repeated, hedged and raced; one that moves a dialog is made once, and after it was sent no other
provider is asked to move that dialog either (run.py).

The deadline is a hard one because the loop is never kept from its clock: the classifier works in a
thread (reserve.py), and so many questions and no more are with providers at once.
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

import aiohttp
import structlog

from apps.nlu.backends import backend_of
from apps.nlu.backends.wire import CONNECT_SECONDS, Backend, Provider
from apps.nlu.cache import Cache, key_of
from apps.nlu.facade.plan import Answer, Plan
from apps.nlu.facade.reserve import Reserves
from apps.nlu.facade.run import Guard, Run
from apps.nlu.quota import Quotas
from apps.nlu.redis_link import Link
from apps.nlu.selection import Budget, Sketch, Standing, ranked

log = structlog.get_logger(__name__)

CONNECTIONS: Final = 200
CROWD: Final = 192
"""Questions that a process has with providers at once. To send one takes the loop about a
millisecond: what begins or ends at the same time must not hold up the clock of the others."""
CROWD_OF_TENANT: Final = 64
"""Of them those of one tenant: where its provider hangs, the other tenants' do not."""


@dataclass
class Engine:
    """One process's engine. All of it lives on one event loop."""

    link: Link
    guard_of: Callable[[Provider], Guard]
    resolver: aiohttp.abc.AbstractResolver | None = None
    tls: ssl.SSLContext | None = None
    """Whom to trust, where it is not the machine's own list."""
    sketches: dict[int, Sketch] = field(default_factory=dict)
    budgets: dict[int, Budget] = field(default_factory=dict)
    crowds: dict[int, asyncio.Semaphore] = field(default_factory=dict)
    flights: dict[str, "asyncio.Task[Answer]"] = field(default_factory=dict)
    beside: set["asyncio.Task[Any]"] = field(default_factory=set)
    """What no answer waits for: words to breakers, answers on their way into the cache."""

    def __post_init__(self) -> None:
        """Build what needs the loop."""
        self.cache = Cache(self.link)
        self.crowd = asyncio.Semaphore(CROWD)
        self.reserves = Reserves()
        self.quotas = Quotas(self.link)
        self._backends: dict[tuple[int, int], Backend] = {}
        connector = aiohttp.TCPConnector(
            limit=CONNECTIONS,
            ttl_dns_cache=60,
            resolver=self.resolver,
            keepalive_timeout=30,
            ssl=self.tls or True,
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
        await asyncio.gather(*self.flights.values(), *self.beside, return_exceptions=True)
        self.reserves.close()
        await self.http.close()
        await self.link.close()

    async def answer(self, plan: Plan) -> Answer:
        """An answer, within the deadline; only a caller's own cancellation ends it otherwise."""
        providers = [one for one in plan.providers if one.speaks(plan.ask.language)]
        if not all(self.backend(one).is_safe for one in providers):
            return await self._work_out(plan, providers)  # moves a dialog: not shared, not kept
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
        if plan.terms.cache and providers and not answer.found.degraded:
            self.cache.remember(key, answer.found)
            self.go_on(self.cache.put(key, answer.found))
        return answer

    async def _work_out(self, plan: Plan, providers: Sequence[Provider]) -> Answer:
        """The providers' answer, else the local classifier's."""
        reserve = self.reserves.of(plan)
        if not providers:
            return Answer(await reserve.value())
        run = Run(self, plan, self.in_order(plan, providers), reserve)
        try:
            found = await run.providers_answer()
        except Exception as error:
            # A mistake of ours, or terms that nobody foresaw, are no reason for silence.
            log.error("the facade failed", tenant=plan.tenant, exc_info=error)
            found = None
        if found is None:
            found = replace(await reserve.value(), degraded=True)
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
        """Tell the breaker what became of a call."""
        self.go_on(self.guard_of(provider).report(ok=ok))

    def go_on(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside the answer, which does not wait for it."""
        task = asyncio.create_task(work)
        self.beside.add(task)
        task.add_done_callback(self.beside.discard)

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

    @asynccontextmanager
    async def turn(self, plan: Plan) -> AsyncIterator[None]:
        """Wait until few enough questions are with providers, of this tenant and of all."""
        of_tenant = self.crowds.setdefault(plan.tenant, asyncio.Semaphore(CROWD_OF_TENANT))
        async with of_tenant, self.crowd:
            yield

    def budget(self, plan: Plan) -> Budget:
        """A tenant's budget for second calls."""
        found = self.budgets.setdefault(plan.tenant, Budget())
        found.share = plan.terms.hedge_share
        return found


def _key(plan: Plan, providers: Sequence[Provider]) -> str:
    who = "+".join(sorted(f"{one.id}.{one.version}" for one in providers)) or "local"
    contexts = {one.name: plan.ask.contexts.get(one.name) or {} for one in providers}
    known = {name: context for name, context in contexts.items() if context}
    ask = plan.ask
    return key_of(plan.tenant, who, plan.local_version, ask.language, ask.text, known)
