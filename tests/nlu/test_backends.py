"""Each provider's wire, against the stand-ins: what is read, what is refused, and what moves a dialog."""

import asyncio
from typing import Any

import aiohttp
import pytest

from apps.nlu.backends import backend_of, dialogflow_cx, watson
from apps.nlu.backends.wire import Ask, CallFailed, Failure
from apps.nlu.interpretation import OUT_OF_SCOPE
from tests.nlu.stubbed import KINDS, Server, provider

INTENTS = ("balance", "greeting", "lost_card", "agent", "opening_hours")


async def asked(server: Server, kind: str, text: str, **options: Any) -> Any:
    ask = options.pop("ask", Ask(text, intents=INTENTS, conversation="c-1"))
    async with aiohttp.ClientSession() as http:
        return await backend_of(provider(server, kind, **options), http).ask(ask)


@pytest.mark.parametrize("kind", KINDS)
async def test_every_provider_is_understood(stubs: Server, kind: str) -> None:
    found = await asked(stubs, kind, "what is\tmy balance\r\nnow")

    assert found.intent == "balance"
    assert 0.5 < found.confidence <= 1


@pytest.mark.parametrize("kind", KINDS)
async def test_what_belongs_to_no_intent_is_out_of_scope(stubs: Server, kind: str) -> None:
    assert (await asked(stubs, kind, "zebra quantum tuesday")).intent == OUT_OF_SCOPE


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("fault", "failure"),
    [("503", Failure.SERVER), ("html_502", Failure.SERVER), ("429", Failure.QUOTA),
     ("401", Failure.CREDENTIALS), ("404", Failure.REFUSED), ("bad_json", Failure.BAD_ANSWER),
     ("redirect", Failure.BAD_ANSWER), ("reset", Failure.RESET), ("reset_body", Failure.RESET),
     ("truncated", Failure.RESET), ("huge", Failure.BAD_ANSWER)],
)  # fmt: skip
async def test_every_fault_has_its_name(
    stubs: Server, kind: str, fault: str, failure: Failure
) -> None:
    stubs.script(fault=fault)

    with pytest.raises(CallFailed) as caught:
        await asked(stubs, kind, "hello there")

    assert caught.value.failure is failure


@pytest.mark.parametrize("kind", ["dialogflow_es", "openai"])
async def test_an_answer_without_its_heart_is_bad(stubs: Server, kind: str) -> None:
    stubs.script(fault="empty")

    with pytest.raises(CallFailed, match="bad_answer"):
        await asked(stubs, kind, "hello there")


async def test_a_model_that_invents_an_intent_is_not_believed(stubs: Server) -> None:
    stubs.script(fault="wrong")

    with pytest.raises(CallFailed, match="an intent of its own"):
        await asked(stubs, "openai", "hello there")


async def test_a_port_where_nobody_listens_is_never_sent_to(stubs: Server) -> None:
    with pytest.raises(CallFailed) as caught:
        await asked(stubs, "watson", "hello", url="http://127.0.0.1:1")

    assert caught.value.failure is Failure.CONNECT


async def test_limits_of_the_vendors_are_kept(stubs: Server) -> None:
    for kind in ("dialogflow_es", "dialogflow_cx", "watson"):
        long = Ask("hello there " * 300, conversation="c" * 80, intents=INTENTS)
        # The stand-in refuses what is too long.
        assert (await asked(stubs, kind, "", ask=long)).intent in {*INTENTS, OUT_OF_SCOPE}


class TestWatson:
    async def test_stateless_carries_its_context_and_leaves_no_trace(self, stubs: Server) -> None:
        first = await asked(stubs, "watson", "hello there")
        assert first.context["global"]["system"]["turn_count"] == 1
        ask = Ask("what is my balance", contexts={"watson": first.context})
        second = await asked(stubs, "watson", "", ask=ask)

        assert second.context["global"]["system"]["turn_count"] == 2
        assert stubs.seen()["turns"] == {}

    async def test_both_paths_are_spoken(self, stubs: Server) -> None:
        await asked(stubs, "watson", "hello there", settings={"assistant": "old"})

        assert stubs.seen()["calls"][0]["path"] == "/watson/v2/assistants/old/message"

    async def test_a_session_that_ended_is_renewed_once(self, stubs: Server) -> None:
        terms = provider(stubs, "watson", settings={"assistant": "a", "stateful": True})
        async with aiohttp.ClientSession() as http:
            backend = backend_of(terms, http)
            assert isinstance(backend, watson.Watson)
            assert not backend.is_safe
            await backend.ask(Ask("hello there", conversation="c"))
            backend._sessions["c"] = "ended"
            found = await backend.ask(Ask("what is my balance", conversation="c"))

        assert found.intent == "balance"
        assert sorted(stubs.seen()["turns"].values()) == [1, 1]

    async def test_handing_over_is_heard(self, stubs: Server) -> None:
        found = await asked(stubs, "watson", "agent please")

        assert found.hand_over
        assert found.reply == "I will pass you on."

    async def test_texts_at_the_same_time_go_in_one_call(self, stubs: Server) -> None:
        terms = provider(stubs, "watson", settings={"assistant": "a", "skill": "s"})
        async with aiohttp.ClientSession() as http:
            backend = backend_of(terms, http)
            texts = ["hello there", "agent please", "what is my balance"] * 5
            found = await asyncio.gather(*(backend.ask(Ask(text)) for text in texts))

        assert [one.intent for one in found] == ["greeting", "agent", "balance"] * 5
        assert [one["path"] for one in stubs.seen()["calls"]] == [
            "/watson/v2/skills/s/workspace/bulk_classify"
        ]


class TestDialogflow:
    async def test_es_keeps_contexts_and_moves_only_throw_away_sessions(
        self, stubs: Server
    ) -> None:
        first = await asked(stubs, "dialogflow_es", "what is my balance")
        assert first.context == {"balance-followup": {"lifespanCount": 2, "parameters": {}}}
        ask = Ask("hello there", contexts={"dialogflow_es": first.context})
        second = await asked(stubs, "dialogflow_es", "", ask=ask)

        assert second.context["balance-followup"]["lifespanCount"] == 1
        assert set(stubs.seen()["turns"].values()) == {1}

    async def test_a_failed_webhook_with_nothing_to_say_is_a_failure(self, stubs: Server) -> None:
        stubs.script(webhook_fails=True)

        with pytest.raises(CallFailed, match="webhook"):
            await asked(stubs, "dialogflow_es", "what is my balance")

    async def test_cx_matches_without_moving_the_session(self, stubs: Server) -> None:
        await asked(stubs, "dialogflow_cx", "hello there")
        assert stubs.seen()["turns"] == {}

        settings = {"project": "p", "agent": "g", "stateful": True}
        found = await asked(stubs, "dialogflow_cx", "agent please", settings=settings)
        assert found.hand_over
        assert list(stubs.seen()["turns"].values()) == [1]

    async def test_numbers_for_names_are_understood(self) -> None:
        match = {"intent": {"displayName": "x"}, "matchType": 1, "confidence": 0.8700000048}
        found = dialogflow_cx.matching({"matches": [match]})

        assert (found.intent, found.confidence) == ("x", pytest.approx(0.87, abs=1e-6))
