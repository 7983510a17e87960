"""A provider's breaker as the engine sees it: what is told, what is believed, and who may probe."""

import asyncio

import pytest

from apps.nlu.backends.wire import Provider
from apps.nlu.facade.engine import Engine
from apps.nlu.facade.plan import Answer, Terms
from apps.nlu.selectors import breakers
from apps.nlu.services.guards import ProviderGuard
from apps.resilience import services as resilience
from apps.resilience.breaker import Phase, Policy, Record
from tests.nlu.stubbed import Server, plan, provider

NAME = "nlu:1:cx"
ALWAYS = Terms(cache=False, hedge_share=1.0)


@pytest.fixture
def guard(_empty_redis: None) -> ProviderGuard:
    resilience.forget()
    return ProviderGuard(NAME)


@pytest.fixture
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A breaker that may be probed at once."""
    monkeypatch.setattr(breakers, "POLICY", Policy(failures=5, open_for=0.0, probe_for=60))


def standing(name: str = NAME) -> Record:
    return breakers.breaker_of(name).record()


async def fail(guard: ProviderGuard, times: int) -> None:
    for _ in range(times):
        await guard.report(ok=False)


@pytest.mark.usefixtures("_soon")
async def test_of_many_who_ask_together_one_is_the_probe(guard: ProviderGuard) -> None:
    await fail(guard, 5)

    admitted = await asyncio.gather(*(guard.admit() for _ in range(50)))

    assert admitted == [True] + [False] * 49
    assert standing().phase is Phase.HALF_OPEN
    await guard.report(ok=True)
    assert standing().phase is Phase.CLOSED
    assert all(await asyncio.gather(*(guard.admit() for _ in range(50))))


async def test_it_is_not_asked_at_every_call(guard: ProviderGuard) -> None:
    assert await guard.admit()
    for _ in range(5):  # another process finds out
        breakers.breaker_of(NAME).report(ok=False)

    assert await guard.admit()  # believed for a moment
    await guard.report(ok=False)  # but a failure of our own makes us look
    assert not await guard.admit()


async def test_one_success_between_them_and_failures_are_in_a_row_no_more(
    guard: ProviderGuard,
) -> None:
    assert await guard.admit()
    await guard.report(ok=True)
    await fail(guard, 4)
    await guard.report(ok=True)
    await fail(guard, 4)

    assert standing().phase is Phase.CLOSED
    await fail(guard, 1)
    assert standing().phase is Phase.OPEN


async def ask(engine: Engine, text: str, *providers: Provider, terms: Terms = ALWAYS) -> Answer:
    answer = await engine.answer(plan(text, *providers, terms=terms))
    await asyncio.gather(*engine.beside)
    return answer


async def test_a_call_that_lost_against_its_hedge_says_nothing(
    stubs: Server, engine: Engine
) -> None:
    """A provider that hangs must not look well because another one was quicker."""
    first, second = provider(stubs, "dialogflow_cx"), provider(stubs, "openai")
    name = breakers.name_of(1, first.name)
    stubs.script(provider="cx", fault="503")
    for number in range(4):
        await ask(engine, f"hello {number}", first, second)
    assert standing(name).failures == 4
    stubs.script(provider="cx", latency=1.5)

    answer = await ask(engine, "hello there", first, second)

    assert [(one.role, one.outcome) for one in answer.attempts] == [
        ("first", "cancelled"), ("hedge", "ok")
    ]  # fmt: skip
    assert standing(name).failures == 4


@pytest.mark.usefixtures("_soon")
async def test_a_call_that_the_quota_forbids_is_no_probe_that_went_well(
    stubs: Server, engine: Engine
) -> None:
    first = provider(stubs, "dialogflow_cx", per_minute=4)
    name = breakers.name_of(1, first.name)
    stubs.script(provider="cx", fault="503")
    await ask(engine, "hello one", first)  # the only call that the quota allows at once
    for _ in range(5):
        breakers.breaker_of(name).report(ok=False)

    answer = await ask(engine, "hello two", first)

    assert answer.attempts[0].outcome == "quota"
    assert standing(name).phase is not Phase.CLOSED
