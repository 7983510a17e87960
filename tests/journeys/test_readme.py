"""The README's first trade, word for word: what a newcomer types must work."""

import json
import re
import shlex
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
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


@pytest.fixture
def commands() -> list[list[str]]:
    return curls(README.read_text())


def test_the_first_trade_is_booked_once_and_becomes_a_position_and_an_entry(
    api: APIClient, commands: list[list[str]]
) -> None:
    asked = [one for one in commands if "-d" not in one]
    made = [send(api, one) for one in commands if "-d" in one]
    again = send(api, next(one for one in commands if "/api/v1/trades" in one))
    take_everything()
    position, journal = (json.loads(send(api, one).content)["results"] for one in asked)

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
