"""`manage.py release_settlements`, and what can be proven afterwards."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from apps.events.services.replaying import replay
from tests.settlement.cast import Market, hear, settle_down, settlement_of, settlements_of
from tests.settlement.clearing import ClearingHouse
from tests.settlement.test_people import cancel


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("release_settlements", *arguments, stdout=out)
    return out.getvalue()


def test_what_is_due_up_to_a_day_is_released_and_instructed(
    market: Market, house: ClearingHouse
) -> None:
    trades = market.trades(3)
    settle_down()
    due = str(settlement_of(trades[0]).due_on)
    assert json.loads(run("--date", "2001-01-01", "--json")) == {"released": 0, "called": 0}
    assert json.loads(run("--date", due, "--tenant", "acme", "--json")) == {
        "released": 3,
        "called": 3,
    }
    assert {one.state for one in settlements_of(trades)} == {"instructed"}
    assert "0 released" in run("--date", due)


@pytest.mark.parametrize("wrong", [("--date", "soon"), ("--tenant", "nobody")])
def test_what_makes_no_sense_is_refused(market: Market, wrong: tuple[str, str]) -> None:
    with pytest.raises(CommandError):
        run(*wrong)


def test_terms_can_be_proven_from_the_log_whatever_became_of_the_trades(
    market: Market, house: ClearingHouse, api: APIClient
) -> None:
    trades = market.trades(3)
    settle_down()
    run("--date", "2100-01-01")
    hear(market, house.confirm(settlement_of(trades[0]).instruction_id))
    cancel(api, trades[0])
    cancel(api, trades[1])
    settle_down()
    found = replay("settlement.open_settlements")
    assert (found.ok, found.differences) == (True, {"settlements": []})
