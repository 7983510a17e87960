"""The vendors' official clients and ours, against the same stand-ins: both must agree.

What agrees with the official client speaks the vendor's wire, in the stand-ins and in our backends.
"""

from typing import Any

import aiohttp
import pytest

from apps.nlu.backends import backend_of
from apps.nlu.backends.wire import Ask, CallFailed, Failure
from apps.nlu.interpretation import Interpretation
from tests.nlu import sdks
from tests.nlu.stubbed import KINDS, PLACES, SETTINGS, Server, provider

TEXTS = ["what is my balance", "balance of ACC-0042 please, what is it", "agent please",
         "zebra quantum tuesday", "i lost my card"]  # fmt: skip
INTENTS = ("balance", "greeting", "lost_card", "agent", "opening_hours")
FAULTS = ["503", "500", "429", "401", "404", "html_502", "bad_json", "reset"]


async def ours(server: Server, kind: str, text: str, **terms: Any) -> Interpretation:
    terms.setdefault("settings", SETTINGS[kind] | {"iam_url": f"{server.url}/watson"})
    if kind in ("watson", "openai"):
        terms["secret"] = "key"
    ask = Ask(text, intents=INTENTS, conversation="c-1")
    async with aiohttp.ClientSession() as http:
        return await backend_of(provider(server, kind, **terms), http).ask(ask)


async def failure_of_ours(server: Server, kind: str, text: str) -> Failure | None:
    try:
        await ours(server, kind, text)
    except CallFailed as error:
        return error.failure
    return None


def theirs(server: Server, kind: str, text: str) -> Any:
    if kind == "openai":
        return sdks.ask_chat(server, sent(server, kind)[0]["body"])
    ask = {"watson": sdks.ask_watson, "dialogflow_es": sdks.ask_es, "dialogflow_cx": sdks.ask_cx}
    return ask[kind](server, text)


def sent(server: Server, kind: str) -> list[dict[str, Any]]:
    return [one for one in server.seen()["calls"] if one["provider"] == PLACES[kind]]


def agree(our: Interpretation, their: Any) -> None:
    assert our.intent == their.intent
    assert our.confidence == pytest.approx(their.confidence, abs=1e-6)
    assert tuple((one.kind, one.value) for one in our.entities) == their.entities
    assert (our.reply, our.hand_over) == (their.reply, their.hand_over)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", TEXTS)
async def test_both_understand_the_same(stubs: Server, kind: str, text: str) -> None:
    agree(await ours(stubs, kind, text), theirs(stubs, kind, text))


@pytest.mark.parametrize("text", TEXTS)
async def test_both_understand_an_agent_that_leads_the_dialog(stubs: Server, text: str) -> None:
    settings = SETTINGS["dialogflow_cx"] | {"stateful": True}

    agree(await ours(stubs, "dialogflow_cx", text, settings=settings), sdks.detect_cx(stubs, text))


@pytest.mark.parametrize("kind", KINDS)
async def test_both_send_the_same(stubs: Server, kind: str) -> None:
    await ours(stubs, kind, "what is my balance")
    theirs(stubs, kind, "what is my balance")
    our, their = sent(stubs, kind)

    wanted = {"watson": "input", "dialogflow_es": "queryInput", "dialogflow_cx": "queryInput"}
    key = wanted.get(kind)
    if key is None:
        assert our["body"] == their["body"]
        assert our["path"] == their["path"]
    else:
        assert our["body"][key] == their["body"][key]
        assert without_session(our["path"]) == without_session(their["path"])


def without_session(path: str) -> str:
    """A session of Dialogflow ES is named anew for each call."""
    before, named, session = path.partition("/sessions/")
    return before + named + session.partition(":")[2]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", FAULTS)
async def test_both_call_a_failure_the_same(stubs: Server, kind: str, fault: str) -> None:
    await ours(stubs, kind, "hello there")  # a chat's body to send again
    stubs.script(fault=fault)

    our = await failure_of_ours(stubs, kind, "hello there")
    their = sdks.failure_of(lambda: theirs(stubs, kind, "hello there"))

    assert our is not None
    assert our is their


async def test_both_are_told_that_a_session_has_ended(stubs: Server) -> None:
    """The official client leaves it to its user; ours begins another one, once."""
    client = sdks.watson(stubs)
    begun = client.create_session(assistant_id="a1", environment_id="live").get_result()
    said = {"message_type": "text", "text": "hello there"}
    place = {"assistant_id": "a1", "environment_id": "live", "input": said}
    reply = client.message(session_id=begun["session_id"], **place).get_result()
    assert reply["output"]["intents"][0]["intent"] == "greeting"

    ended = sdks.failure_of(lambda: client.message(session_id="ended", **place))

    assert ended is Failure.REFUSED


async def test_both_classify_in_bulk(stubs: Server) -> None:
    texts = [{"text": text} for text in TEXTS]
    found = sdks.watson(stubs).bulk_classify(skill_id="s1", input=texts).get_result()["output"]
    bulk = SETTINGS["watson"] | {"skill": "s1", "iam_url": f"{stubs.url}/watson"}
    our = [await ours(stubs, "watson", text, settings=bulk) for text in TEXTS]

    names = [one["intents"][0]["intent"] if one["intents"] else "oos" for one in found]
    assert names == [one.intent for one in our]
