"""The webhook: signed, of now, as often as it likes, and never a 500."""

import json
import time

import pytest
from django.test import Client

from apps.settlement.clearing.connections import secret_of
from apps.settlement.clearing.signing import signed
from apps.settlement.models import ClearingNotice
from tests.settlement.cast import Market, settle_down, settlement_of
from tests.settlement.clearing import ClearingHouse
from tests.settlement.test_driving import drive


def notice(**changes: object) -> dict[str, object]:
    told = {
        "id": "N-1",
        "instruction": "0195571c-2c00-7000-8000-000000000001",
        "kind": "settled",
        "at": "2026-03-03T12:00:00Z",
        "quantity": "100",
        "amount": "5000",
    }
    return told | changes


def tell(tenant: int, *notices: object, body: bytes | None = None, **how: object):
    system, participant = how.get("system", "simulator"), how.get("participant", tenant)
    path = f"/api/v1/clearing/{system}/{participant}/notices"
    content = json.dumps({"notices": notices}).encode() if body is None else body
    secret = how.get("secret") or secret_of(tenant, "simulator")
    assert isinstance(secret, bytes)
    at = int(time.time()) + int(str(how.get("off", 0)))
    headers = signed(secret, tenant, at, "POST", path, content)
    client = Client(raise_request_exception=False)
    return client.post(path, content, content_type="application/json", headers=headers)


def test_a_confirmation_settles_and_again_changes_nothing(
    market: Market, house: ClearingHouse
) -> None:
    trade = market.trade()
    settle_down()
    drive()
    found = settlement_of(trade)
    assert found.state == "instructed"
    told = notice(instruction=str(found.instruction_id))
    first, again = tell(market.tenant.pk, told), tell(market.tenant.pk, told)
    assert (first.json(), again.json()) == ({"new": 1, "known": 0}, {"new": 0, "known": 1})
    settle_down()
    assert settlement_of(trade).state == "settled"


def test_a_stranger_is_suspended(market: Market) -> None:
    assert tell(market.tenant.pk, notice()).json() == {"new": 1, "known": 0}
    assert ClearingNotice.objects.get().state == "suspended"


@pytest.mark.parametrize(
    "how",
    [
        {"secret": b"wrong"},
        {"off": -400},
        {"off": 400},
        {"system": "other"},
        {"system": "iso20022"},
        {"participant": 999_999_999},
    ],
)
def test_others_are_not_let_in(market: Market, how: dict[str, object]) -> None:
    answer = tell(market.tenant.pk, notice(), **how)
    assert (answer.status_code, answer.json()["code"]) == (403, "signature_refused")
    assert ClearingNotice.objects.count() == 0


def test_one_tenant_does_not_speak_for_another(market: Market, other) -> None:
    answer = tell(market.tenant.pk, notice(), participant=other.pk)
    assert answer.status_code == 403


def test_without_a_signature_nobody_is_let_in(market: Market) -> None:
    path = f"/api/v1/clearing/simulator/{market.tenant.pk}/notices"
    assert Client().post(path, b"{}", content_type="application/json").status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"\xff",
        b'{"notices": 1}',
        b'{"notices": [{}]}',
        json.dumps({"notices": [notice(kind="gone")]}).encode(),
        json.dumps({"notices": [notice(id="")]}).encode(),
        json.dumps({"notices": [notice(id="x" * 201)]}).encode(),
        json.dumps({"notices": [notice(id="nul\0")]}).encode(),
        json.dumps({"notices": [notice(at="2026-03-03T12:00:00")]}).encode(),
        json.dumps({"notices": [notice(quantity="NaN")]}).encode(),
        json.dumps({"notices": [notice(amount="1e25")]}).encode(),
        json.dumps({"notices": [notice(amount="0.0000000000000000001")]}).encode(),
        json.dumps({"notices": [notice(detail="\ud800")]}).encode(),
        json.dumps({"notices": [notice(id=str(n)) for n in range(501)]}).encode(),
    ],
)
def test_what_makes_no_sense_is_refused_with_reasons(market: Market, body: bytes) -> None:
    answer = tell(market.tenant.pk, body=body)
    assert answer.status_code == 400
    assert answer.json()["errors"]
    assert ClearingNotice.objects.count() == 0
