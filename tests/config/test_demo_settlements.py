"""The demo's settlements: some wait for the newcomer, a second person exists, the queue has an end."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.contrib.auth import authenticate
from rest_framework.test import APIClient

from apps.settlement.clearing.protocol import Outcome
from apps.settlement.clearing.simulator.behaviour import Settings, course
from apps.tenants.models import Role, Tenant
from config import demo, demo_settlements, stack
from tests.config.test_stack import DOORS
from tests.settlement.cast import Market, drive, settle_down, settlements_of
from tests.settlement.clearing import ClearingHouse
from tests.settlement.conftest import house, market  # noqa: F401 - fixtures


def test_two_people_may_sign_in_and_stay_who_they_are(
    transactional_db: None, tmp_path: Path
) -> None:
    first, again = demo.set_up(tmp_path), demo.set_up(tmp_path)
    assert first == again == json.loads((tmp_path / "demo.json").read_text())
    for name, password in (("user", "password"), ("colleague", "colleague_password")):
        person = authenticate(username=first[name], password=first[password])
        assert person is not None
        assert person.is_staff
    roles = Tenant.objects.get(pk=first["tenant"]).memberships.values_list("role", flat=True)
    assert set(roles) == {Role.OWNER, Role.OPERATIONS}


def test_clearing_misbehaves_for_the_demo_and_for_nobody_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CLEARING_URL", raising=False)
    (tmp_path / "demo.json").write_text(json.dumps({"tenant": "7"}))

    def ways(participant: int, *, is_demo: bool) -> set[str]:
        (process,) = stack.clearing(tmp_path, DOORS, demo=is_demo)
        told = process.command[process.command.index("--settings") + 1]
        settings = msgspec.json.decode(told, type=Settings)
        return {course(settings, str(number), participant)[0] for number in range(2_000)}

    assert {"", "reject", "stall", "contradict"} < ways(7, is_demo=True)
    assert ways(8, is_demo=True) == ways(7, is_demo=False) == {""}


class Caller:
    """The demo's client, over the API as it is tested."""

    def __init__(self, api: APIClient) -> None:
        self.api = api

    def send(self, method: str, path: str, body: object = None, **_: str) -> tuple[int, Any]:
        answer = self.api.generic(method, path, json.dumps(body), "application/json")
        return answer.status_code, answer.json()


def test_what_nobody_takes_up_is_tried_again_but_for_the_newest(
    market: Market,  # noqa: F811 - the fixture
    house: ClearingHouse,  # noqa: F811 - the fixture
    api: APIClient,
) -> None:
    house.says.extend([Outcome.REJECTED] * 9)
    trades = market.trades(9)
    settle_down()
    drive()
    oldest, *_ = settlements_of(trades)
    body = {"reason": "mine", "to": "ann"}
    api.post(f"/api/v1/settlements/{oldest.pk}/assignment", body, format="json")
    assert demo_settlements.look_after(Caller(api)) == 0
    later = datetime.now(UTC) + timedelta(minutes=11)
    assert demo_settlements.look_after(Caller(api), later) == 2
    states = [one.state for one in settlements_of(trades)]
    assert states == ["failed", "validating", "validating", *["failed"] * 6]
