"""Trades over HTTP: the contract's shapes, statuses and headers, for one and for many."""

from typing import Any, get_type_hints

import msgspec
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.core.ids import uuid7
from apps.tenants.models import Tenant
from apps.trading import services
from apps.trading.api import documented
from apps.trading.api.serializers import TradeOut, trade_out
from apps.trading.models import ClientAccount, Instrument
from apps.trading.services import FeeRequest, TradeRequest
from tests.trading.cast import ask, book, count, in_threads, list_instrument, open_account

TRADE = {
    "account": "ACC-1",
    "instrument": "XYZ",
    "side": "buy",
    "quantity": "100",
    "price": "50.00",
}


@pytest.fixture
def client(api: APIClient, account: ClientAccount, instrument: Instrument) -> APIClient:
    """The tenant's API, with ACC-1 and XYZ."""
    return api


def send(client: APIClient, key: str | None = "K", **terms: Any) -> Any:
    headers = {} if key is None else {"Idempotency-Key": key}
    body = {name: value for name, value in (TRADE | terms).items() if value is not ...}
    return client.post("/api/v1/trades", body, format="json", headers=headers)


def send_raw(client: APIClient, body: bytes | str, url: str = "/api/v1/trades") -> Any:
    return client.post(
        url, body, content_type="application/json", headers={"Idempotency-Key": str(uuid7())}
    )


def bulk(client: APIClient, *trades: Any) -> Any:
    return client.post("/api/v1/trades/bulk", {"trades": list(trades)}, format="json")


def faults(answer: Any) -> set[tuple[str, str]]:
    body = answer.json() if hasattr(answer, "json") else answer
    return {(one["field"], one["code"]) for one in body["errors"]}


class TestOne:
    def test_is_booked_and_shown(self, client: APIClient, account: ClientAccount) -> None:
        answer = send(
            client,
            fees=[{"kind": "commission", "amount": "5.00"}],
            external_id="F-1",
            executed_at="2026-03-02T12:00:00.5Z",
        )
        assert answer.status_code == 201
        body = dict(answer.json())
        booked_at, uid = body.pop("booked_at"), body.pop("id")
        assert booked_at.endswith("Z")
        body.pop("instrument_id")
        assert (body.pop("revised_at"), body.pop("reason")) == (None, None)
        assert body == {
            "account": "ACC-1",
            "account_id": str(account.pk),
            "instrument": "XYZ",
            "side": "buy",
            "quantity": "100",
            "price": "50",
            "notional": "5000",
            "currency": "USD",
            "fees": [{"kind": "commission", "amount": "5", "currency": "USD"}],
            "state": "executed",
            "version": 1,
            "trade_date": "2026-03-02",
            "settles_on": "2026-03-03",
            "executed_at": "2026-03-02T12:00:00.500000Z",
            "source": "api",
            "external_id": "F-1",
            "counterparty": None,
        }
        shown = client.get(f"/api/v1/trades/{uid}")
        assert shown.json() == answer.json()

    def test_again_is_the_first_answer_with_a_header(self, client: APIClient) -> None:
        first, again = send(client), send(client)
        assert (again.status_code, again.json()) == (201, first.json())
        assert "Idempotency-Replayed" not in first
        assert again["Idempotency-Replayed"] == "true"

    def test_with_a_used_key_and_other_terms_is_refused_by_name(self, client: APIClient) -> None:
        send(client)
        answer = send(client, quantity="101", side="sell")
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
        assert faults(answer) == {("quantity", "differs"), ("side", "differs")}
        assert answer["Content-Type"] == "application/problem+json"

    def test_refused_says_why_now_and_ever_after(self, client: APIClient) -> None:
        first, again = (
            send(client, quantity="-1", price="0"),
            send(client, quantity="-1", price="0"),
        )
        assert (first.status_code, first.json()["code"]) == (422, "trade_refused")
        assert faults(first) == {("quantity", "not_positive"), ("price", "not_positive")}
        assert (again.status_code, again.json()) == (422, first.json())
        assert again["Idempotency-Replayed"] == "true"

    def test_with_an_external_id_that_is_booked(self, client: APIClient) -> None:
        first = send(client, "1", external_id="F")
        same, other = (
            send(client, "2", external_id="F"),
            send(client, "3", external_id="F", price="9"),
        )
        assert (same.status_code, same.json()) == (200, first.json())
        assert same["Idempotency-Replayed"] == "true"
        assert (other.status_code, other.json()["code"]) == (409, "duplicate_external_id")
        assert faults(other) == {("price", "differs")}

    @pytest.mark.parametrize("key", [None, "", "x" * 256])
    def test_needs_a_usable_key(self, client: APIClient, key: str | None) -> None:
        answer = send(client, key)
        assert answer.status_code == 400
        assert faults(answer) == {("Idempotency-Key", "required")}

    def test_in_flight_is_a_conflict(self, client: APIClient, tenant: Tenant) -> None:
        send(client, "other")
        ((used_by,),) = _query("SELECT client FROM trading_idempotencykey")
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
                [f"{tenant.pk}:{used_by}:trade:K"],
            )
            (answer,) = in_threads([lambda: send(client)])
            cursor.execute("COMMIT")
        assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_in_flight")
        assert send(client).status_code == 201

    def test_costs_few_queries(self, client: APIClient) -> None:
        send(client, "warm")
        with CaptureQueriesContext(connection) as captured:
            assert send(client).status_code == 201
        assert len(captured) == 7  # begin, key, account, instrument, write, tell, commit


class TestForm:
    def test_every_fault_is_named_at_once(self, client: APIClient) -> None:
        answer = send(
            client,
            account=...,
            instrument=7,
            side=None,
            quantity=1.5,
            price=True,
            colour="red",
            idempotency_key="K",
            external_id="",
            executed_at="x" * 129,
            source="a\u0000b",
            fees=[{"kind": "tax", "amount": 0.1}, {"amount": "1", "rate": "2"}, "three"],
        )
        assert answer.status_code == 400
        assert faults(answer) == {
            ("account", "required"),
            ("instrument", "invalid"),
            ("side", "invalid"),
            ("quantity", "float_refused"),
            ("price", "invalid"),
            ("colour", "unknown_field"),
            ("idempotency_key", "unknown_field"),
            ("external_id", "out_of_range"),
            ("executed_at", "out_of_range"),
            ("source", "bad_characters"),
            ("fees.0.amount", "float_refused"),
            ("fees.1.rate", "unknown_field"),
            ("fees.1.kind", "required"),
            ("fees.2", "invalid"),
        }
        assert count("trading_idempotencykey") == 0

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"[]",
            b"null",
            b"7",
            b"{",
            b"\xff\xfe",
            b'{"quantity": NaN}',
            b'{"account": "A", "account": "B"}',
            b'{"account": "\\ud800"}',
            b'{"fees": {"kind": "tax"}}',
            b'{"fees": [[]]}',
            b'{"fees": null}',
        ],
    )
    def test_what_is_no_trade_is_a_400(self, client: APIClient, body: bytes) -> None:
        answer = send_raw(client, body)
        assert answer.status_code == 400
        assert answer["Content-Type"] == "application/problem+json"

    def test_broken_text_is_named(self, client: APIClient) -> None:
        body = (
            b'{"account": "A\\u0085", "instrument": "X\\u0000", "side": "buy", "quantity": "1\\u0007",'
            b' "price": "1", "\\u0000": 1}'
        )
        answer = send_raw(client, body)
        assert answer.status_code == 400
        assert {code for _, code in faults(answer)} == {"bad_characters", "unknown_field"}

    def test_fees_have_an_end(self, client: APIClient) -> None:
        answer = send(client, fees=[{"kind": "tax", "amount": "1"}] * 21)
        assert (answer.status_code, faults(answer)) == (400, {("fees", "out_of_range")})

    def test_an_integer_is_an_amount(self, client: APIClient) -> None:
        assert send(client, quantity=100).json()["quantity"] == "100"

    def test_the_documented_schema_is_the_struct(self) -> None:
        for struct, schema in (
            (TradeRequest, documented.TRADE_IN),
            (FeeRequest, documented.TRADE_IN["properties"]["fees"]["items"]),
        ):
            fields = {one.name: one for one in msgspec.structs.fields(struct)}
            fields.pop("idempotency_key", None)
            assert set(schema["properties"]) == set(fields)
            assert set(schema["required"]) == {one for one, f in fields.items() if f.required}
        items = documented.BULK_IN["properties"]["trades"]["items"]
        assert set(items["properties"]) == set(get_type_hints(TradeRequest))

    def test_what_is_shown_is_what_is_documented(self, client: APIClient, tenant: Tenant) -> None:
        (outcome,) = book(tenant.pk, ask())
        assert outcome.trade is not None
        assert list(trade_out(outcome.trade)) == list(TradeOut().fields)


class TestMany:
    def test_have_an_outcome_each_in_order(self, client: APIClient) -> None:
        answer = bulk(
            client,
            TRADE | {"idempotency_key": "1"},
            TRADE | {"idempotency_key": "2", "quantity": "0"},
            TRADE | {"idempotency_key": "1"},
            TRADE | {"idempotency_key": "1", "price": "51"},
            TRADE | {"idempotency_key": "3", "external_id": "F"},
            TRADE | {"idempotency_key": "4", "external_id": "F"},
            TRADE | {"idempotency_key": "5", "external_id": "F", "side": "sell"},
            TRADE,
            {"quantity": 1.5},
            "no trade",
            TRADE | {"idempotency_key": "6"},
        )
        assert answer.status_code == 200
        results = answer.json()["results"]
        assert [one["status"] for one in results] == [
            201, 422, 200, 422, 201, 200, 409, 422, 422, 422, 201
        ]  # fmt: skip
        assert results[2]["trade"] == results[0]["trade"]
        assert [one["problem"]["code"] for one in results if "problem" in one] == [
            "trade_refused",
            "idempotency_key_reused",
            "duplicate_external_id",
            "trade_malformed",
            "trade_malformed",
            "trade_malformed",
        ]
        assert faults(results[7]["problem"]) == {("idempotency_key", "required")}
        assert ("quantity", "float_refused") in faults(results[8]["problem"])
        assert count("trading_trade") == 3

    def test_again_are_replayed(self, client: APIClient) -> None:
        trades = [TRADE | {"idempotency_key": str(index)} for index in range(5)]
        trades[3] |= {"quantity": "0"}
        first, again = (
            bulk(client, *trades).json()["results"],
            bulk(client, *trades).json()["results"],
        )
        assert [one["status"] for one in again] == [200, 200, 200, 422, 200]
        assert [one.get("trade") for one in again] == [one.get("trade") for one in first]
        assert again[3] == first[3]

    def test_share_their_keys_with_single_requests(self, client: APIClient) -> None:
        first = send(client, "K")
        (again,) = bulk(client, TRADE | {"idempotency_key": "K"}).json()["results"]
        assert (again["status"], again["trade"]) == (200, first.json())

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({}, "required"),
            ({"trades": []}, "out_of_range"),
            ({"trades": {}}, "invalid"),
            ({"trades": [1] * 1_001}, "out_of_range"),
            ([], "invalid"),
        ],
    )
    def test_are_a_list_of_1_to_1000(self, client: APIClient, body: Any, code: str) -> None:
        answer = client.post("/api/v1/trades/bulk", body, format="json")
        assert answer.status_code == 400
        assert ("trades", code) in faults(answer)

    def test_refuse_what_they_do_not_know(self, client: APIClient) -> None:
        body = {"trades": [TRADE | {"idempotency_key": "1"}], "atomic": True}
        answer = client.post("/api/v1/trades/bulk", body, format="json")
        assert (answer.status_code, faults(answer)) == (400, {("atomic", "unknown_field")})

    def test_take_a_thousand_in_a_constant_number_of_queries(self, client: APIClient) -> None:
        def queries(size: int) -> int:
            trades = [TRADE | {"idempotency_key": f"{size}-{n}"} for n in range(size)]
            with CaptureQueriesContext(connection) as captured:
                results = bulk(client, *trades).json()["results"]
            assert {one["status"] for one in results} == {201}
            return len(captured)

        send(client, "warm")
        assert (queries(2), queries(500), queries(1_000)) == (7, 7, 14)


class TestPages:
    def test_go_from_the_newest_to_the_oldest(self, client: APIClient, tenant: Tenant) -> None:
        outcomes = book(tenant.pk, *[ask() for _ in range(5)])
        newest_first = [str(one.trade.id) for one in outcomes if one.trade][::-1]
        found, after = [], ""
        while after is not None:
            page = client.get("/api/v1/trades", {"limit": 2, "after": after}).json()
            found += [one["id"] for one in page["results"]]
            after = page["next"]
        assert found == newest_first

    def test_are_filtered(self, client: APIClient, tenant: Tenant) -> None:
        second = open_account(tenant.pk, "ACC-2")
        list_instrument(tenant.pk, "EUR/USD", kind="fx")
        book(tenant.pk, ask(), ask(account="ACC-2"), ask(instrument="EUR/USD"))
        for query, expected in (
            ({"account": "ACC-2"}, 1),
            ({"account": str(second.pk)}, 1),
            ({"instrument": "EUR/USD"}, 1),
            ({"account": "ACC-1", "instrument": "XYZ"}, 1),
            ({"state": "executed"}, 3),
            ({"state": "cancelled"}, 0),
        ):
            assert len(client.get("/api/v1/trades", query).json()["results"]) == expected, query

    @pytest.mark.parametrize(
        ("query", "status"),
        [
            ({"limit": "0"}, 400),
            ({"limit": "1001"}, 400),
            ({"limit": "ten"}, 400),
            ({"limit": "²"}, 400),
            ({"since": "2026"}, 400),
            ({"after": "x" * 201}, 400),
            ({"account": "a\0b"}, 400),
            ({"after": "no-id"}, 400),
            ({"account": "NOBODY"}, 404),
            ({"instrument": "NOTHING"}, 404),
        ],
    )
    def test_refuse_what_they_cannot_answer(
        self, client: APIClient, query: dict[str, str], status: int
    ) -> None:
        assert client.get("/api/v1/trades", query).status_code == status

    @pytest.mark.parametrize(
        "asked",
        ["trades?state=zz", "accounts?status=zz", "counterparties?status=zz",
         "instruments?status=zz", "instruments?kind=zz"],
    )  # fmt: skip
    def test_a_value_that_nothing_can_have_is_no_empty_answer(
        self, client: APIClient, asked: str
    ) -> None:
        answer = client.get(f"/api/v1/{asked}")
        assert answer.status_code == 400
        [fault] = answer.json()["errors"]
        assert (fault["code"], fault["field"]) == ("invalid_choice", asked.split("?")[1][:-3])

    @pytest.mark.parametrize("name", ["no-id", "01a20654-b18d-7000-a4ab-dfc682c23730"])
    def test_an_unknown_trade_is_a_404(self, client: APIClient, name: str) -> None:
        answer = client.get(f"/api/v1/trades/{name}")
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_trade")


class TestRoles:
    def test_only_some_may_trade_and_all_may_look(
        self, client: APIClient, tenant: Tenant, client_of: Any
    ) -> None:
        for role, status in (("trader", 201), ("operations", 201), ("service", 201),
                             ("auditor", 403), ("agent", 403)):  # fmt: skip
            theirs = client_of(tenant, role)
            assert send(theirs, role).status_code == status
            assert theirs.get("/api/v1/trades").status_code == 200

    def test_nobody_without_a_key(self, client: APIClient) -> None:
        assert APIClient().get("/api/v1/trades").status_code == 401
        assert send(APIClient()).status_code == 401


class TestTenants:
    def test_see_and_touch_only_their_own(
        self,
        client: APIClient,
        tenant: Tenant,
        other: Tenant,
        client_of: Any,
        account: ClientAccount,
    ) -> None:
        (mine,) = book(tenant.pk, ask(external_id="F"))
        assert mine.trade is not None
        stranger = client_of(other)
        assert stranger.get(f"/api/v1/trades/{mine.trade.id}").status_code == 404
        assert stranger.get("/api/v1/trades").json()["results"] == []
        assert stranger.get("/api/v1/trades", {"account": "ACC-1"}).status_code == 404
        assert stranger.get("/api/v1/trades", {"account": str(account.pk)}).status_code == 404
        answer = send(stranger, "K", account=str(account.pk))
        assert faults(answer) == {
            ("account", "unknown_account"),
            ("instrument", "unknown_instrument"),
        }
        open_account(other.pk)
        list_instrument(other.pk)
        assert send(stranger, "L", external_id="F").status_code == 201
        services.change_account(tenant.pk, "ACC-1", {"status": "frozen"})
        assert send(stranger, "M").status_code == 201


def _query(sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()
