"""Whatever is sent as a trade, the answer is one of the contract's: never a 5xx, never half a write."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from apps.core.ids import uuid7
from apps.trading.models import ClientAccount, Instrument
from tests.trading.cast import count

TEXT = st.text(max_size=12) | st.sampled_from(["", "\0", "\x7f", "é", "1e5", "-0", "x" * 200])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXT
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3)
)
AMOUNTS = st.sampled_from(
    ["1", "0", "-1", "0.000000000000000001", "1e19", "1e-18", "NaN", "99999999999999999999.9", 7]
)
NEAR = st.fixed_dictionaries(
    {
        "account": st.sampled_from(["ACC-1", "NOBODY"]),
        "instrument": st.just("XYZ"),
        "side": st.sampled_from(["buy", "sell", "hold"]),
        "quantity": AMOUNTS,
        "price": AMOUNTS,
    },
    optional={
        "fees": st.lists(
            st.fixed_dictionaries({"kind": st.just("tax"), "amount": AMOUNTS}), max_size=2
        ),
        "currency": TEXT,
        "counterparty": TEXT,
        "executed_at": st.datetimes().map(str) | st.datetimes().map(lambda at: f"{at}Z") | TEXT,
        "trade_date": st.dates().map(str) | TEXT,
        "source": TEXT,
        "external_id": st.sampled_from(["A", "B"]) | TEXT,
        "idempotency_key": st.sampled_from(["A", "B", "C"]) | TEXT,
        "odd": ANYTHING,
    },
)
OFTEN = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def client(api: APIClient, account: ClientAccount, instrument: Instrument) -> APIClient:
    """The tenant's API, with ACC-1 and XYZ."""
    return api


def send(client: APIClient, url: str, body: Any) -> Any:
    return client.post(
        url,
        json.dumps(body),
        content_type="application/json",
        headers={"Idempotency-Key": str(uuid7())},
    )


def consistent() -> bool:
    """Every answered key has its trade or its refusal, and every trade its event."""
    return count("trading_trade") == count(
        "events_event WHERE name = 'trading.trade.executed'"
    ) and count("trading_rejectedtrade") <= count("trading_idempotencykey")


@given(body=NEAR | ANYTHING)
@OFTEN
def test_one(client: APIClient, body: Any) -> None:
    answer = send(client, "/api/v1/trades", body)
    assert answer.status_code in {200, 201, 400, 409, 422}, answer.content
    assert consistent()


@given(items=st.lists(NEAR | ANYTHING, max_size=6))
@OFTEN
def test_many(client: APIClient, items: list[Any]) -> None:
    answer = send(client, "/api/v1/trades/bulk", {"trades": items})
    assert answer.status_code == (200 if items else 400), answer.content
    if items:
        results = answer.json()["results"]
        assert len(results) == len(items)
        assert {one["status"] for one in results} <= {200, 201, 409, 422}
        assert all(("trade" in one) == (one["status"] < 300) for one in results)
    assert consistent()


@given(body=ANYTHING, what=st.sampled_from(["accounts", "instruments", "counterparties", "prices"]))
@OFTEN
def test_reference_data(client: APIClient, body: Any, what: str) -> None:
    assert send(client, f"/api/v1/{what}", body).status_code < 500
