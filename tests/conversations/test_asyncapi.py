"""The document of the sockets: complete, well-formed, and what the code understands.

That frames are as it says is seen in every test with a `Screen`, which checks each.
"""

import inspect
import re

import jsonschema
import pytest

from apps.conversations.consumers import chat, desk, words
from apps.web import consumers as board
from tests.conversations import asyncapi


def understood(*sources):
    return {
        name
        for source in sources
        for name in re.findall(r'case "([\w.]+)"|kind != "(\w+)"', inspect.getsource(source))
        for name in name
        if name
    } | {"ping"}


@pytest.mark.parametrize(
    ("channel", "sources"), [("chat", [chat]), ("desk", [desk]), ("board", [board])]
)
def test_a_door_understands_what_is_documented_and_nothing_else(channel, sources):
    messages = asyncapi.document()["components"]["messages"]
    told = {
        messages[name]["payload"]["properties"]["type"]["const"]
        for name in asyncapi.names(f"{channel}Hears")
    }
    assert told == understood(*sources)


def test_every_message_is_in_a_channel_and_every_reference_leads_somewhere():
    found = asyncapi.document()
    used = {name for operation in found["operations"] for name in asyncapi.names(operation)}
    assert used == set(found["components"]["messages"])
    for channel in found["channels"].values():
        assert set(channel["messages"]) <= used


def test_every_schema_is_one():
    for message in asyncapi.document()["components"]["messages"].values():
        jsonschema.Draft202012Validator.check_schema(message["payload"])


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("hello", words.Hello),
        ("message.send", words.SendMessage),
        ("receipt.send", words.Receipt),
        ("typing.send", words.Typing),
        ("subscribe", words.Subscribe),
        ("status.send", words.Status),
        ("accept", words.OfferAnswer),
        ("transfer", words.Transfer),
        ("close", words.Close),
    ],
)
def test_a_client_may_say_what_is_documented(name, kind):
    payload = asyncapi.document()["components"]["messages"][name]["payload"]
    assert set(payload["properties"]) - {"type"} == set(kind.__struct_fields__)


def test_a_frame_that_is_not_as_documented_is_seen():
    with pytest.raises(AssertionError):
        asyncapi.check("chatTells", {"type": "ack", "client_id": "c"})
    with pytest.raises(AssertionError):
        asyncapi.check("chatTells", {"type": "offer"})
    with pytest.raises(AssertionError):
        asyncapi.check("chatTells", {"type": "pong", "more": 1})
