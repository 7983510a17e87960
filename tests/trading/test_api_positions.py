"""Positions over HTTP."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.tenants.models import Tenant
from apps.trading import selectors
from apps.trading.api.serializers import PositionOut, position_out
from apps.trading.models import ClientAccount, Instrument
from apps.trading.selectors import position_cache, quotes
from tests.trading.cast import ask, book, fold, list_instrument, query


@pytest.fixture
def client(
    api: APIClient, tenant: Tenant, account: ClientAccount, instrument: Instrument
) -> APIClient:
    """The tenant's API; ACC-1 bought 100 XYZ at 50 and sold 40 at 53, and XYZ stands at 54."""
    book(tenant.pk, ask(fees=[("tax", "1.5")]), ask(side="sell", quantity="40", price="53"))
    fold()
    query("UPDATE trading_instrument SET last_price = 54, last_price_at = now()")
    return api


def test_show_what_is_held_and_what_it_is_worth(
    client: APIClient, account: ClientAccount, instrument: Instrument
) -> None:
    body = client.get("/api/v1/accounts/ACC-1/positions").json()
    assert (body["account_id"], body["next"]) == (str(account.pk), None)
    assert body["as_of"].endswith("Z")
    (position,) = body["results"]
    position.pop("updated_at")
    assert position == {
        "instrument": "XYZ",
        "instrument_id": str(instrument.pk),
        "currency": "USD",
        "quantity": "60",
        "average_cost": "50",
        "cost": "3000",
        "realised_pnl": "120",
        "fees": "1.5",
        "last_price": "54",
        "unrealised_pnl": "240",
        "settled_quantity": "0",
        "version": 2,
    }


def test_one_is_found_by_symbol_or_id(
    client: APIClient, account: ClientAccount, instrument: Instrument
) -> None:
    (expected,) = client.get(f"/api/v1/accounts/{account.pk}/positions").json()["results"]
    for name in ("XYZ", instrument.pk):
        assert client.get(f"/api/v1/accounts/ACC-1/positions/{name}").json() == expected


def test_symbols_may_hold_a_slash(client: APIClient, tenant: Tenant) -> None:
    list_instrument(tenant.pk, "EUR/USD", kind="fx")
    book(tenant.pk, ask(instrument="EUR/USD"))
    fold()
    for name in ("EUR/USD", "EUR%2FUSD"):
        answer = client.get(f"/api/v1/accounts/ACC-1/positions/{name}")
        assert answer.json()["quantity"] == "100"


def test_a_flat_one_stays_for_what_was_earned(client: APIClient, tenant: Tenant) -> None:
    book(tenant.pk, ask(side="sell", quantity="60", price="52"))
    fold()
    position = client.get("/api/v1/accounts/ACC-1/positions/XYZ").json()
    assert (position["quantity"], position["cost"], position["average_cost"]) == ("0", "0", None)
    assert (position["realised_pnl"], position["unrealised_pnl"]) == ("240", "0")


def test_an_inverse_contract_earns_in_the_base_coin(client: APIClient, tenant: Tenant) -> None:
    list_instrument(tenant.pk, "BTC-USD.PERP", kind="future", currency="BTC", inverse=True)
    book(tenant.pk, ask(instrument="BTC-USD.PERP", quantity="1000", price="10000"))
    fold()
    query("UPDATE trading_instrument SET last_price = 12500, last_price_at = now()")
    position = client.get("/api/v1/accounts/ACC-1/positions/BTC-USD.PERP").json()
    assert (position["average_cost"], position["cost"]) == ("10000", "0.1")
    assert (position["unrealised_pnl"], position["currency"]) == ("0.02", "BTC")


def test_without_a_price_the_profit_is_unknown(client: APIClient, tenant: Tenant) -> None:
    list_instrument(tenant.pk, "NEW")
    book(tenant.pk, ask(instrument="NEW"))
    fold()
    position = client.get("/api/v1/accounts/ACC-1/positions/NEW").json()
    assert (position["last_price"], position["unrealised_pnl"]) == (None, None)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("NOBODY/positions", "unknown_account"),
        ("a\0b/positions", "unknown_account"),
        ("ACC-1/positions/NOTHING", "unknown_position"),
    ],
)
def test_unknown_is_a_404(client: APIClient, path: str, code: str) -> None:
    answer = client.get(f"/api/v1/accounts/{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, code)


@pytest.mark.parametrize("name", ["as_of", "known_at"])
def test_a_time_that_is_none_is_refused(client: APIClient, name: str) -> None:
    for path in ("positions", "positions/XYZ"):
        answer = client.get(f"/api/v1/accounts/ACC-1/{path}", {name: "yesterday"})
        assert answer.status_code == 400
        assert name in str(answer.json())


def test_are_the_tenants_own(client: APIClient, account: ClientAccount, other: Tenant,
                             client_of: Any) -> None:  # fmt: skip
    stranger = client_of(other)
    client.get("/api/v1/accounts/ACC-1/positions")
    for name in ("ACC-1", account.pk):
        assert stranger.get(f"/api/v1/accounts/{name}/positions").status_code == 404


def test_warm_cost_no_query(client: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    # however slow the machine is, what was read stays trusted
    monkeypatch.setattr(position_cache, "TRUSTED_SECONDS", 600)
    monkeypatch.setattr(quotes, "TRUSTED_SECONDS", 600)
    for _ in range(2):
        client.get("/api/v1/accounts/ACC-1/positions")
    with CaptureQueriesContext(connection) as captured:
        client.get("/api/v1/accounts/ACC-1/positions")
    assert len(captured) == 0


def test_what_is_shown_is_what_is_documented(client: APIClient, tenant: Tenant) -> None:
    (view,) = selectors.positions_of(tenant.pk, "ACC-1").positions
    assert list(position_out(view)) == list(PositionOut().fields)
