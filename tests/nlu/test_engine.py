"""The engine against every fault: always an answer, in time, and nothing left behind."""

import asyncio
import time
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from apps.nlu.facade.engine import CROWD_OF_TENANT, Engine
from apps.nlu.facade.plan import Answer, Terms
from tests.nlu.stubbed import KINDS, Server, make_engine, plan, provider

FAULTS = ["500", "503", "html_502", "bad_json", "truncated", "empty", "reset", "reset_body", "hang",
          "drip", "429", "401", "404", "redirect", "huge"]  # fmt: skip
NO_CACHE = Terms(cache=False)
PATIENT = Terms(cache=False, deadline=60)
"""For questions that are to be answered by a provider, however busy this machine is."""
LONG = Terms(deadline=60)
LIMIT = 30.0
"""Seconds. The goal of 2.1 is held by the fault run, on a machine that does nothing else."""


async def timed(engine: Engine, *args: Any, **options: Any) -> tuple[Answer, float]:
    began = time.monotonic()
    answer = await engine.answer(plan(*args, **options))
    return answer, time.monotonic() - began


def is_idle(engine: Engine) -> bool:
    connector = engine.http.connector
    return not connector._acquired and not engine.flights


@pytest.mark.parametrize("fault", FAULTS)
async def test_whatever_the_only_provider_does_there_is_an_answer_in_time(
    stubs: Server, engine: Engine, fault: str
) -> None:
    stubs.script(fault=fault)

    answer, seconds = await timed(engine, "what is my balance", provider(stubs, "dialogflow_es"))

    assert seconds < LIMIT
    assert (answer.found.intent, answer.found.degraded) == ("local_answer", True)
    assert answer.attempts
    assert is_idle(engine)


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_second_provider_answers_for_the_first(
    stubs: Server, engine: Engine, fault: str
) -> None:
    stubs.script(provider="watson", fault=fault)

    answer, seconds = await timed(
        engine, "what is my balance", provider(stubs, "watson"), provider(stubs, "openai"),
        terms=PATIENT,
    )  # fmt: skip

    if fault == "empty":  # to Watson an empty answer is one without intents
        assert answer.found.intent == "oos"
        return
    assert seconds < LIMIT
    assert (answer.found.provider, answer.found.intent) == ("openai", "balance")


async def test_a_name_that_does_not_resolve_in_time_costs_the_deadline_and_no_more(
    stubs: Server, _empty_redis: None
) -> None:
    class Stalled:
        async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[Any]:
            await asyncio.sleep(60)
            return []

        async def close(self) -> None: ...

    engine = make_engine(resolver=Stalled())
    answer, seconds = await timed(
        engine, "hello there", provider(stubs, "watson", url="http://stalled.example")
    )

    assert seconds < LIMIT
    assert answer.found.degraded
    await engine.close()


async def test_hundreds_of_calls_through_random_faults(stubs: Server, engine: Engine) -> None:
    """The short form of the 10,000 that the benchmark makes."""
    for at, fault in zip(
        ("watson", "es", "cx", "openai"), ("503", "reset", "hang", "drip"), strict=True
    ):
        stubs.script(provider=at, fault=fault, share=0.3, latency=[0.005, 0.05])
    providers = [provider(stubs, kind) for kind in KINDS]
    gate = asyncio.Semaphore(20)
    longer = Terms(cache=False, deadline=5)

    async def one(number: int) -> tuple[Answer, float]:
        async with gate:
            return await timed(engine, f"what is my balance {number}", *providers, terms=longer)

    found = await asyncio.gather(*(one(number) for number in range(240)))

    assert max(seconds for _, seconds in found) < LIMIT
    assert all(answer.found.intent for answer, _ in found)
    by = Counter(answer.found.provider for answer, _ in found)
    assert by["local"] < 60, by
    assert is_idle(engine)


async def test_a_tenant_whose_provider_hangs_takes_nobody_elses_turn(
    stubs: Server, engine: Engine
) -> None:
    stubs.script(provider="cx", fault="hang")
    hanging = provider(stubs, "dialogflow_cx")
    longer = Terms(cache=False, deadline=4)
    crowd = [
        asyncio.create_task(engine.answer(plan(f"hello {n}", hanging, terms=longer)))
        for n in range(CROWD_OF_TENANT * 4)
    ]
    await asyncio.sleep(0)
    healthy = provider(stubs, "openai", tenant=2)
    other = replace(plan("what is my balance", healthy, terms=PATIENT), tenant=2)

    answer = await engine.answer(other)

    assert not any(task.done() for task in crowd)
    assert (answer.found.provider, answer.found.intent) == ("openai", "balance")
    outcomes = Counter(one.attempts[0].outcome for one in await asyncio.gather(*crowd))
    assert outcomes["timeout"]
    assert outcomes["crowded"]
    await asyncio.gather(*engine.beside)
    assert is_idle(engine)


async def test_a_provider_is_not_blamed_for_time_that_it_was_not_given(
    stubs: Server, engine: Engine
) -> None:
    stubs.script(latency=1.0)
    terms = provider(stubs, "openai")
    for number in range(6):
        asked = plan(f"hello {number}", terms, terms=NO_CACHE)
        late = replace(asked, asked_at=time.monotonic() - asked.terms.deadline + 0.05)
        assert (await engine.answer(late)).found.degraded
    await asyncio.gather(*engine.beside)
    stubs.script()

    answer, _ = await timed(engine, "what is my balance", terms, terms=PATIENT)

    assert answer.found.provider == "openai"


async def test_terms_that_nobody_foresaw_are_no_reason_for_silence(
    stubs: Server, engine: Engine
) -> None:
    broken = provider(stubs, "openai", thresholds={"balance": "high"})

    answer, _ = await timed(engine, "what is my balance", broken)

    assert (answer.found.intent, answer.found.degraded) == ("local_answer", True)
    assert is_idle(engine)


async def test_a_batch_that_hangs_ends_with_the_last_who_waits_for_it(
    stubs: Server, engine: Engine
) -> None:
    stubs.script(provider="watson", fault="hang")
    terms = provider(stubs, "watson", settings={"assistant": "a", "skill": "s"})
    short = Terms(cache=False, deadline=0.4)
    await asyncio.gather(*(timed(engine, f"hello {n}", terms, terms=short) for n in range(5)))
    await asyncio.sleep(0)

    assert is_idle(engine)


async def test_cancelled_calls_leave_no_connection_behind(stubs: Server, engine: Engine) -> None:
    stubs.script(latency=0.2)
    terms = provider(stubs, "openai")
    for _ in range(5):
        tasks = [
            asyncio.create_task(engine.backend(terms).ask(plan(f"hello {n}", terms).ask))
            for n in range(60)
        ]
        await asyncio.sleep(0.05)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    stubs.script()

    for number in range(20):
        answer, _ = await timed(engine, f"hello there {number}", terms, terms=PATIENT)
        assert answer.found.provider == "openai"
    assert is_idle(engine)


class TestBreaker:
    async def test_it_opens_after_five_failures_and_one_probe_closes_it(
        self, stubs: Server, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        terms = provider(stubs, "dialogflow_cx")
        stubs.script(fault="500")
        for number in range(6):
            await timed(engine, f"hello {number}", terms, terms=NO_CACHE)
        await asyncio.gather(*engine.beside)
        before = len(stubs.seen()["calls"])
        assert before < 12

        answer, _ = await timed(engine, "hello again", terms, terms=NO_CACHE)
        assert answer.attempts[0].outcome == "open"
        assert len(stubs.seen()["calls"]) == before

        stubs.script(latency=1.5)  # the probe is out for as long as the others ask
        limit = time.monotonic() + 60
        while time.monotonic() < limit:
            found = await asyncio.gather(
                *(timed(engine, f"who {n}", terms, terms=PATIENT) for n in range(8))
            )
            sent = len(stubs.seen()["calls"]) - before
            if sent:
                break
            await asyncio.sleep(0.2)
        assert sent == 1  # exactly one probe, however many ask
        assert sum(answer.found.provider != "local" for answer, _ in found) == 1
        await asyncio.gather(*engine.beside)
        answer, _ = await timed(engine, "hello there", terms, terms=PATIENT)
        assert answer.found.provider == "dialogflow_cx"

    @pytest.mark.parametrize("fault", ["401", "404", "429"])
    async def test_a_tenants_own_faults_never_open_it(
        self, stubs: Server, engine: Engine, fault: str
    ) -> None:
        terms = provider(stubs, "dialogflow_cx")
        stubs.script(fault=fault)
        for number in range(8):
            await timed(engine, f"hello {number}", terms, terms=NO_CACHE)
        await asyncio.gather(*engine.beside)
        stubs.script()

        answer, _ = await timed(engine, "hello there", terms, terms=PATIENT)

        assert answer.found.provider == "dialogflow_cx"


class TestSpeed:
    async def test_a_slow_first_provider_is_hedged(self, stubs: Server, engine: Engine) -> None:
        stubs.script(provider="watson", latency=30)
        stubs.script(provider="openai", latency=0.01)

        answer, seconds = await timed(
            engine, "what is my balance", provider(stubs, "watson"), provider(stubs, "openai"),
            terms=PATIENT,
        )  # fmt: skip

        assert (answer.found.provider, answer.found.degraded) == ("openai", False)
        assert [one.role for one in answer.attempts] == ["first", "hedge"]
        assert answer.attempts[0].outcome == "cancelled"
        assert seconds > 0.8

    async def test_hedges_stay_within_their_budget(self, stubs: Server, engine: Engine) -> None:
        stubs.script(provider="watson", latency=2.5)
        found = await asyncio.gather(
            *(
                timed(engine, f"balance {n}", provider(stubs, "watson"), provider(stubs, "openai"),
                      terms=PATIENT)
                for n in range(40)
            )
        )  # fmt: skip

        hedges = sum(one.role == "hedge" for answer, _ in found for one in answer.attempts)
        assert 1 <= hedges <= 6

    async def test_a_race_is_won_by_the_fastest(self, stubs: Server, engine: Engine) -> None:
        stubs.script(provider="watson", fault="hang")
        stubs.script(provider="cx", latency=0.02)

        answer, _ = await timed(
            engine, "hello there", provider(stubs, "watson"), provider(stubs, "dialogflow_cx"),
            terms=replace(PATIENT, race=2),
        )  # fmt: skip

        assert (answer.found.provider, answer.found.degraded) == ("dialogflow_cx", False)
        assert [one.outcome for one in answer.attempts] == ["cancelled", "ok"]

    async def test_a_call_that_moves_a_dialog_is_neither_hedged_nor_repeated(
        self, stubs: Server, engine: Engine
    ) -> None:
        stateful = {"project": "p", "agent": "g", "stateful": True}
        stubs.script(provider="cx", fault="reset_body")
        terms = provider(stubs, "dialogflow_cx", settings=stateful)
        second = provider(stubs, "watson", settings={"assistant": "a", "stateful": True})

        answer, _ = await timed(engine, "hello there", terms, second, conversation="c-1")

        assert answer.found.provider == "local"
        assert [one["provider"] for one in stubs.seen()["calls"]] == ["cx"]


class TestSavedCalls:
    async def test_the_same_question_at_the_same_time_is_asked_once(
        self, stubs: Server, engine: Engine
    ) -> None:
        stubs.script(latency=1.0)
        terms = provider(stubs, "openai")
        found = await asyncio.gather(
            *(timed(engine, "What is my balance?", terms, terms=LONG) for _ in range(20))
        )

        assert len(stubs.seen()["calls"]) == 1
        assert sum(answer.shared for answer, _ in found) == 19

    async def test_followers_outlive_the_one_who_asked_first(
        self, stubs: Server, engine: Engine
    ) -> None:
        stubs.script(latency=0.3)
        terms = provider(stubs, "openai")
        leader = asyncio.create_task(engine.answer(plan("what is my balance", terms, terms=LONG)))
        await asyncio.sleep(0.05)
        follower = asyncio.create_task(engine.answer(plan("what is my balance", terms, terms=LONG)))
        await asyncio.sleep(0.05)
        leader.cancel()

        assert (await follower).found.intent == "balance"

    async def test_it_is_remembered_by_what_matters(self, stubs: Server, engine: Engine) -> None:
        terms = provider(stubs, "openai")
        await timed(engine, "What is my balance?", terms, terms=LONG)
        again, _ = await timed(engine, " what is MY balance ", terms, terms=LONG)
        assert again.found.cached

        others = [
            plan("what is my balance", provider(stubs, "openai", version=2)),
            plan("what is my balance", terms, language="de"),
            plan("what is my balance", terms, contexts={"openai": {"topic": "loans"}}),
        ]
        for other in others:
            assert not (await engine.answer(other)).found.cached

    async def test_another_tenant_is_told_nothing(self, stubs: Server, engine: Engine) -> None:
        terms = provider(stubs, "openai")
        await timed(engine, "what is my balance", terms, terms=LONG)
        foreign = replace(plan("what is my balance", replace(terms, tenant=2)), tenant=2)

        assert not (await engine.answer(foreign)).found.cached

    async def test_failures_and_degraded_answers_are_not_kept(
        self, stubs: Server, engine: Engine
    ) -> None:
        stubs.script(fault="500")
        terms = provider(stubs, "openai")
        first, _ = await timed(engine, "what is my balance", terms)
        assert first.found.degraded
        stubs.script()

        second, _ = await timed(engine, "what is my balance", terms, terms=LONG)

        assert (second.found.provider, second.found.cached) == ("openai", False)

    async def test_a_quota_is_kept_before_it_is_hit(self, stubs: Server, engine: Engine) -> None:
        terms = provider(stubs, "openai", per_minute=8)
        found = [await timed(engine, f"hello there {n}", terms, terms=PATIENT) for n in range(5)]

        # A quarter of a minute's calls at once, and one more after 7.5 s on a very slow machine.
        assert len(stubs.seen()["calls"]) in (2, 3)
        assert "quota" in [answer.attempts[-1].outcome for answer, _ in found]


async def test_without_redis_everything_goes_on(stubs: Server, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    engine = make_engine()

    answer, _ = await timed(engine, "what is my balance", provider(stubs, "openai"), terms=LONG)

    assert answer.found.provider == "openai"
    await engine.close()
