"""What P9 does: providers that are stood in for, engines that ask them, and what became of it."""

import asyncio
import json
import socket
import time
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import aiohttp
from django.conf import settings

from apps.nlu.backends.wire import Ask, Provider
from apps.nlu.facade.engine import Engine
from apps.nlu.facade.plan import Answer, Plan, Terms
from apps.nlu.interpretation import Interpretation
from apps.nlu.redis_link import Link
from apps.nlu.services import guards
from apps.resilience import services as resilience
from benchmarks.lab import Lab, python

INTENTS = ("balance", "greeting", "lost_card", "agent", "opening_hours")
PLACES = {"cx": "dialogflow_cx", "es": "dialogflow_es", "openai": "openai", "watson": "watson"}
SETTINGS = {"project": "p1", "location": "global", "agent": "g1", "assistant": "a1"}
UNSEEN = count(1)
"""Numbers that make texts new: no answer to them is known."""


@dataclass(frozen=True)
class Stubs:
    """The stand-ins, in a process of their own."""

    url: str

    def script(self, at: str, **what: Any) -> None:
        self._call("/_script", {"provider": at, **what})

    def reset(self) -> None:
        self._call("/_reset", {})

    def calls(self) -> int:
        """Questions that came in; tokens are none."""
        return int(self._call("/_calls", None)["total"])

    def provider(self, at: str) -> Provider:
        number = [*PLACES].index(at) + 1
        return Provider(number, 1, at, PLACES[at], f"{self.url}/{at}", SETTINGS, cost=0.002)

    def _call(self, path: str, body: Any) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)


@contextmanager
def standing_in(lab: Lab, *arguments: str) -> Iterator[Stubs]:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    command = python("-W", "ignore", "manage.py", "nlu_stubs", "--port", str(port), *arguments)
    with lab.process("providers", *command) as process:
        process.wait_until(lambda: _listens(port))
        yield Stubs(f"http://127.0.0.1:{port}")


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 0.5).close()
    except OSError:
        return False
    return True


@dataclass
class Seen:
    """What became of a load."""

    seconds: list[float] = field(default_factory=list)
    by: Counter[str] = field(default_factory=Counter)
    """Answers by who gave them: a provider, `cache`, `shared`, `local`."""
    first: int = 0
    more: int = 0
    """Calls that were second ones: hedges, retries, fallbacks."""

    def add(self, answer: Answer, seconds: float) -> None:
        self.seconds.append(seconds)
        who = "shared" if answer.shared else "cache" if answer.found.cached else None
        self.by[who or answer.found.provider] += 1
        sent = [one for one in answer.attempts if one.outcome not in ("open", "quota", "crowded")]
        self.first += any(one.role == "first" for one in sent)
        self.more += sum(one.role != "first" for one in sent)


def new_engine() -> Engine:
    """An engine that knows nothing; nor does any breaker."""
    resilience.forget()
    guards.forget()
    return Engine(Link(settings.REDIS_URL, settings.REDIS_PREFIX), guards.guard_of)


def local(text: str) -> Interpretation:
    return Interpretation("balance", 0.6)


def plan(text: str, terms: Terms, *providers: Provider) -> Plan:
    return Plan(1, Ask(text, intents=INTENTS), providers, local, "1", terms)


def unseen() -> str:
    return f"what is my balance {next(UNSEEN)}"


def load(
    texts: Sequence[str], terms: Terms, *providers: Provider, at_once: int, warm: bool = True
) -> Seen:
    """Ask all of it, so many at once, of a new engine."""
    return asyncio.run(_load(texts, terms, providers, at_once, warm))


async def _load(
    texts: Sequence[str], terms: Terms, providers: Sequence[Provider], at_once: int, warm: bool
) -> Seen:
    seen, waiting = Seen(), iter(texts)
    async with engines() as engine:
        for _ in range(at_once if warm else 0):  # connections, and the first percentiles
            await engine.answer(plan(unseen(), terms, *providers))

        async def customer() -> None:
            for text in waiting:
                began = time.perf_counter()
                answer = await engine.answer(plan(text, terms, *providers))
                seen.add(answer, time.perf_counter() - began)

        await asyncio.gather(*(customer() for _ in range(at_once)))
    return seen


@asynccontextmanager
async def engines() -> AsyncIterator[Engine]:
    engine = new_engine()
    try:
        yield engine
    finally:
        await engine.close()


def one_by_one(stubs: Stubs, calls: int) -> tuple[list[float], list[float]]:
    """Seconds of calls through the facade, and of the same calls with nothing around them, in turns."""
    return asyncio.run(_one_by_one(stubs, calls))


async def _one_by_one(stubs: Stubs, calls: int) -> tuple[list[float], list[float]]:
    ours, bare = [], []
    terms, provider = Terms(), stubs.provider("cx")
    place = "projects/p1/locations/global/agents/g1/sessions/s1"
    url = f"{provider.url}/v3/{place}:matchIntent"
    async with engines() as engine, aiohttp.ClientSession() as http:
        for _ in range(calls):
            began = time.perf_counter()
            await engine.answer(plan(unseen(), terms, provider))
            ours.append(time.perf_counter() - began)
            query = {"text": {"text": unseen()}, "languageCode": "en"}
            began = time.perf_counter()
            async with http.post(url, json={"queryInput": query}) as answer:
                await answer.json()
            bare.append(time.perf_counter() - began)
    return ours, bare


def cached(stubs: Stubs, calls: int) -> list[float]:
    """Seconds of answers that this process knows."""
    return asyncio.run(_known(stubs, calls, lambda _: None))


def cached_elsewhere(stubs: Stubs, calls: int) -> list[float]:
    """Seconds of answers that another process has left in Redis."""
    return asyncio.run(_known(stubs, calls, lambda engine: engine.cache._own.clear()))


async def _known(stubs: Stubs, calls: int, before_each: Callable[[Engine], None]) -> list[float]:
    found, text = [], unseen()
    provider = stubs.provider("cx")
    async with engines() as engine:
        await engine.answer(plan(text, Terms(), provider))
        await asyncio.gather(*engine.beside)
        for _ in range(calls):
            before_each(engine)
            began = time.perf_counter()
            answer = await engine.answer(plan(text, Terms(), provider))
            found.append(time.perf_counter() - began)
            assert answer.found.cached
    return found
