"""The README's first trade and first conversation, word for word: what a newcomer types must work."""

import json
import re
import shlex
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from rest_framework.response import Response
from rest_framework.test import APIClient

from apps.events.selectors import lags
from apps.events.services import drain

README = Path(__file__).resolve().parents[2] / "README.md"


def curls(text: str) -> list[list[str]]:
    """Every curl command, split as a shell would; `$LS` stands for the API's address."""
    whole = text.replace("\\\n", " ")
    found = re.findall(r"^curl (?:[^\n']|'[^']*')+", whole, re.MULTILINE)
    return [shlex.split(command.replace("$LS", "/api/v1")) for command in found]


def send(api: APIClient, command: list[str]) -> Response:
    """What curl would do."""
    headers = dict(
        value.split(": ", 1)
        for option, value in pairwise(command)
        if option == "-H" and not value.startswith("$")
    )
    path = next(one for one in command if one.startswith("/api/"))
    if "-d" not in command:
        return api.get(path, headers=headers)
    body = command[command.index("-d") + 1]
    return api.generic("POST", path, body, content_type="application/json", headers=headers)


def take_everything() -> None:
    while behind := [lag for lag in lags() if lag.events]:
        for lag in behind:
            drain(lag.handler, lag.topic, lag.partition)


def section(title: str) -> list[list[str]]:
    """The commands under one of the README's headings."""
    return curls(README.read_text().split(f"## {title}\n", 1)[1].split("\n## ", 1)[0])


def test_the_first_trade_is_booked_once_and_becomes_a_position_an_entry_and_a_settlement(
    api: APIClient,
) -> None:
    commands = section("Your first trade")
    asked = [one for one in commands if "-d" not in one]
    made = [send(api, one) for one in commands if "-d" in one]
    again = send(api, next(one for one in commands if "/api/v1/trades" in one))
    take_everything()
    position, journal, settlements = (
        json.loads(send(api, one).content)["results"] for one in asked
    )

    assert [response.status_code for response in made] == [201, 201, 201]
    assert again.json() == made[-1].json()
    assert again["Idempotency-Replayed"] == "true"
    assert [(one["instrument"], one["quantity"]) for one in position] == [("EXAMPLE", "100")]
    (entry,) = journal
    assert entry["trade"] == made[-1].json()["id"]
    signed = [
        Decimal(leg["amount"]) * (1 if leg["side"] == "debit" else -1)
        for leg in entry["legs"]
        if leg["asset"] == "USD"
    ]
    assert len(signed) == 3
    assert sum(signed) == 0
    assert [one["trade"] for one in settlements] == [made[-1].json()["id"]]


def test_the_first_conversation_has_its_message_once(api: APIClient) -> None:
    opening, saying = section("Your first conversation")
    opened = send(api, opening)
    uid = opened.json()["id"]
    said = [send(api, [part.replace("<id>", uid) for part in saying]) for _ in range(2)]

    assert (opened.status_code, said[0].status_code) == (201, 201)
    assert said[1].json()["seq"] == said[0].json()["seq"] == 1
    messages = api.get(f"/api/v1/conversations/{uid}/messages").json()["results"]
    assert [one["body"] for one in messages] == ["Hello?"]
