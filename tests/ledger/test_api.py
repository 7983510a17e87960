"""The ledger over HTTP: its contract, its refusals, its pages, and how many queries they take."""

import csv
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.core.ids import uuid7
from apps.ledger import selectors, services
from apps.ledger.journal import entry_for_trade
from apps.tenants.models import Tenant
from tests.ledger.cast import ACCOUNT, make_draft, make_fee, make_trade, post

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
BASE = "/api/v1/ledger"


@pytest.fixture
def client(tenant: Tenant, api: APIClient) -> APIClient:
    """The tenant's API; the ledger has heard of ACC-1."""
    services.open_client_accounts([(tenant.pk, ACCOUNT, "ACC-1")])
    return api


def transfer(client: APIClient, **terms: Any) -> Any:
    given = {"account": "ACC-1", "currency": "USD", "amount": "100.50", "reference": "wire 1"}
    return client.post(f"{BASE}/transfers", given | terms, format="json")


class TestTransfers:
    def test_are_booked_and_shown(self, client: APIClient) -> None:
        answer = transfer(client)
        assert answer.status_code == 201
        body = answer.json()
        assert (body["account"], body["account_number"]) == (str(ACCOUNT), "ACC-1")
        assert (body["currency"], body["amount"], body["reference"]) == ("USD", "100.5", "wire 1")
        assert (body["kind"], body["reverses"]) == ("CASH", None)
        assert body["legs"] == [
            {"account": "CASH:SETTLED", "owner": str(ACCOUNT), "owner_number": "ACC-1",
             "asset": "USD", "side": "debit", "amount": "100.5"},
            {"account": "NOSTRO", "owner": None, "owner_number": "",
             "asset": "USD", "side": "credit", "amount": "100.5"},
        ]  # fmt: skip

    def test_again_are_the_same_answer(self, client: APIClient) -> None:
        first, again = transfer(client), transfer(client)
        assert (again.status_code, again.json()) == (201, first.json())
        assert "Idempotency-Replayed" not in first
        assert again["Idempotency-Replayed"] == "true"

    def test_with_a_used_reference_name_the_field(self, client: APIClient) -> None:
        transfer(client)
        answer = transfer(client, amount="7")
        assert (answer.status_code, answer.json()["code"]) == (409, "reference_taken")
        assert answer.json()["field"] == "amount"

    def test_beyond_what_is_settled_say_what_is_available(self, client: APIClient) -> None:
        transfer(client)
        answer = transfer(client, amount="-100.51", reference="out 1")
        assert (answer.status_code, answer.json()["code"]) == (422, "insufficient_funds")
        assert answer.json()["available"] == "100.5"

    def test_of_an_unknown_account_are_404(self, client: APIClient) -> None:
        answer = transfer(client, account="NOBODY")
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_owner")

    @pytest.mark.parametrize(
        ("terms", "field", "status"),
        [
            ({"amount": 1.5}, "amount", 400),
            ({"amount": "NaN"}, "amount", 400),
            ({"amount": "1e20"}, "amount", 400),
            ({"amount": "0"}, "amount", 422),
            ({"amount": None}, "amount", 400),
            ({"amount": ["1"]}, "amount", 400),
            ({"amount": True}, "amount", 400),
            ({"amount": "0.0000000000001"}, "amount", 422),
            ({"currency": "MOON"}, "currency", 422),
            ({"currency": ""}, "currency", 400),
            ({"reference": ""}, "reference", 400),
            ({"reference": "x" * 201}, "reference", 400),
            ({"reference": "\x00"}, "reference", 400),
            ({"account": {}}, "account", 400),
        ],
    )
    def test_that_are_not_valid_name_the_field(
        self, client: APIClient, terms: dict[str, Any], field: str, status: int
    ) -> None:
        answer = transfer(client, **terms)
        assert answer.status_code == status, answer.json()
        assert answer["Content-Type"] == "application/problem+json"
        assert field in {one["field"] for one in answer.json()["errors"]}

    @pytest.mark.parametrize("role", ["trader", "auditor", "agent", "supervisor"])
    def test_are_not_for(
        self, client: APIClient, tenant: Tenant, client_of: Callable[..., APIClient], role: str
    ) -> None:
        assert transfer(client_of(tenant, role)).status_code == 403

    def test_are_for_operations(
        self, client: APIClient, tenant: Tenant, client_of: Callable[..., APIClient]
    ) -> None:
        assert transfer(client_of(tenant, "operations")).status_code == 201


class TestBalances:
    def test_are_told_by_account_and_asset(self, client: APIClient, tenant: Tenant) -> None:
        transfer(client)
        post(entry_for_trade(make_trade(), tenant=tenant.pk))
        body = client.get(f"{BASE}/balances", {"owner": "ACC-1"}).json()
        assert (body["owner"], body["owner_number"], body["as_of"]) == (str(ACCOUNT), "ACC-1", None)
        assert [(one["account"], one["asset"], one["amount"]) for one in body["results"]] == [
            ("CASH:SETTLED", "USD", "100.5"),
            ("CASH:UNSETTLED", "USD", "-5000"),
            ("SEC:UNSETTLED", "XYZ", "100"),
        ]

    @pytest.mark.parametrize(
        ("as_of", "amount"),
        [
            ("2026-03-02T09:00:00Z", "100"),
            ("2026-03-02T09:59:59.999999+00:00", "100"),
            ("2026-03-02T11:00:00+01:00", "300"),
            ("2026-03-02T10:00:00", "300"),
            ("2026-03-02", "300"),
        ],
    )
    def test_as_of_a_time(self, client: APIClient, tenant: Tenant, as_of: str, amount: str) -> None:
        later = START + timedelta(hours=1)
        post(make_draft(tenant.pk, effective_at=START), at=START)
        post(*(make_draft(tenant.pk, effective_at=later) for _ in range(2)), at=later)
        answers = [
            client.get(f"{BASE}/balances?owner=ACC-1&{name}={text}")
            for text in (as_of, as_of.replace("+", "%2B"))
            for name in ("as_of", "known_at")
        ]
        for answer in answers:
            assert [one["amount"] for one in answer.json()["results"]] == [amount]

    @pytest.mark.parametrize(
        "query", ["", "?owner=ACC-1&as_of=yesterday", "?owner=ACC-1&as_of=2026-13-01", "?owner="]
    )
    def test_of_a_bad_question_are_400(self, client: APIClient, query: str) -> None:
        assert client.get(f"{BASE}/balances{query}").status_code == 400

    def test_of_an_unknown_account_are_404(self, client: APIClient) -> None:
        assert client.get(f"{BASE}/balances", {"owner": str(uuid7())}).status_code == 404


class TestEntries:
    def test_of_a_trade(self, client: APIClient, tenant: Tenant) -> None:
        trade = make_trade(fees=(make_fee("commission", "5.00"),))
        post(
            entry_for_trade(trade, tenant=tenant.pk),
            entry_for_trade(make_trade(), tenant=tenant.pk),
        )
        body = client.get(f"{BASE}/entries", {"trade": str(trade.trade_id)}).json()
        (entry,) = body["results"]
        assert body["next"] is None
        assert (entry["kind"], entry["source"]) == ("TRADE", f"trade:{trade.trade_id}:1")
        assert entry["effective_at"] == "2026-03-02T12:00:00Z"
        assert [(leg["account"], leg["side"], leg["amount"]) for leg in entry["legs"]] == [
            ("SEC:UNSETTLED", "debit", "100"),
            ("STREET:SEC:UNSETTLED", "credit", "100"),
            ("CASH:UNSETTLED", "credit", "5005"),
            ("STREET:CASH:UNSETTLED", "debit", "5000"),
            ("FEE:COMMISSION", "debit", "5"),
        ]
        assert client.get(f"{BASE}/entries/{entry['id']}").json() == entry

    def test_tell_which_trades_are_booked(self, tenant: Tenant) -> None:
        trade, late = make_trade(), make_trade()
        post(entry_for_trade(trade, tenant=tenant.pk))
        asked = [trade.trade_id, late.trade_id]
        assert selectors.booked_trades(tenant.pk, asked) == {trade.trade_id}

    def test_come_in_pages(self, client: APIClient, tenant: Tenant) -> None:
        ids = [str(one.id) for one in post(*(make_draft(tenant.pk) for _ in range(5)))]
        found, after = [], None
        for expected in (2, 2, 1):
            query = {"owner": "ACC-1", "limit": 2} | ({"after": after} if after else {})
            body = client.get(f"{BASE}/entries", query).json()
            assert len(body["results"]) == expected
            found += [entry["id"] for entry in body["results"]]
            after = body["next"]
        assert (found, after) == (ids, None)

    @pytest.mark.parametrize("query", ["limit=0", "limit=1001", "after=x", "trade=1", "limit=a"])
    def test_of_a_bad_question_are_400(self, client: APIClient, query: str) -> None:
        assert client.get(f"{BASE}/entries?{query}").status_code == 400

    def test_that_do_not_exist_are_404(self, client: APIClient) -> None:
        answer = client.get(f"{BASE}/entries/{uuid7()}")
        assert (answer.status_code, answer.json()["code"]) == (404, "entry_not_found")


class TestTheTrialBalance:
    def test_is_even(self, client: APIClient, tenant: Tenant) -> None:
        transfer(client)
        post(entry_for_trade(make_trade(fees=(make_fee("tax", "1"),)), tenant=tenant.pk))
        rows = client.get(f"{BASE}/trial-balance").json()["results"]
        assert [(row["asset"], row["debit"], row["credit"]) for row in rows] == [
            ("USD", "5101.5", "5101.5"),
            ("XYZ", "100", "100"),
        ]


class TestTheStatement:
    @pytest.fixture(autouse=True)
    def a_day(self, tenant: Tenant, client: APIClient) -> None:
        for hour in range(5):
            post(make_draft(tenant.pk), at=START + timedelta(hours=hour))

    def ask(self, client: APIClient, **query: Any) -> Any:
        return client.get(f"{BASE}/statement", {"owner": "ACC-1"} | query)

    def test_has_opening_balances_and_running_ones(self, client: APIClient) -> None:
        query = {"from": "2026-03-02T11:00:00Z", "to": "2026-03-02T13:00:00Z"}
        body = self.ask(client, **query).json()
        opening = {"account": "CASH:SETTLED", "asset": "USD", "balance": "200"}
        assert body["opening"] == [opening]
        assert [(one["side"], one["amount"], one["balance"]) for one in body["results"]] == [
            ("debit", "100", "300"),
            ("debit", "100", "400"),
        ]

    def test_of_dates_includes_the_last_one(self, client: APIClient) -> None:
        for last, count in (("2026-03-01", 0), ("2026-03-02", 5), ("2026-03-03", 5)):
            body = self.ask(client, **{"from": "2026-02-01", "to": last}).json()
            assert len(body["results"]) == count

    def test_comes_in_pages(self, client: APIClient) -> None:
        first = self.ask(client, limit=2).json()
        second = self.ask(client, limit=2, after=first["next"]).json()
        assert [one["balance"] for one in first["results"]] == ["100", "200"]
        assert [one["balance"] for one in second["results"]] == ["300", "400"]

    def test_as_csv_is_whole(self, client: APIClient) -> None:
        answer = self.ask(client, format="csv", limit=2)
        assert answer["Content-Type"].startswith("text/csv")
        assert "attachment" in answer["Content-Disposition"]
        text = b"".join(answer.streaming_content).decode()
        rows = list(csv.DictReader(text.splitlines()))
        assert [row["balance"] for row in rows] == ["100", "200", "300", "400", "500", "500"]
        assert rows[-1]["kind"] == "CLOSING"
        assert Decimal(rows[0]["amount"]) == 100

    def test_as_csv_holds_no_formula(self, client: APIClient, tenant: Tenant) -> None:
        post(make_draft(tenant.pk, source="=HYPERLINK(1)"))
        text = b"".join(self.ask(client, format="csv").streaming_content).decode()
        assert "'=HYPERLINK(1)" in text

    def test_that_cannot_be_given_is_a_problem_whatever_the_format(self, client: APIClient) -> None:
        for query in ({"format": "csv"}, {}):
            answer = self.ask(client, **query | {"owner": "NOBODY"})
            assert answer.status_code == 404
            assert answer["Content-Type"] == "application/problem+json"
            assert answer.json()["code"] == "unknown_owner"

    @pytest.mark.parametrize(
        "query",
        [
            {"from": "2026-03-02", "to": "2026-03-01"},
            {"after": "x"},
            {"after": "1_2_3"},
            {"after": f"1_{ACCOUNT}_99999"},
            {"after": f"1_{ACCOUNT}_-1"},
            {"after": f"{10**30}_{ACCOUNT}_1"},
            {"limit": 0},
            {"from": "x"},
        ],
    )
    def test_of_a_bad_question_is_400(self, client: APIClient, query: dict[str, Any]) -> None:
        assert self.ask(client, **query).status_code == 400


class TestTenants:
    def test_see_nothing_of_each_other(
        self, client: APIClient, other: Tenant, client_of: Callable[..., APIClient]
    ) -> None:
        entry = transfer(client).json()["id"]
        rival = client_of(other)
        assert rival.get(f"{BASE}/entries/{entry}").status_code == 404
        assert rival.get(f"{BASE}/entries").json()["results"] == []
        assert rival.get(f"{BASE}/trial-balance").json()["results"] == []
        for name in ("ACC-1", str(ACCOUNT)):
            for path in ("balances", "statement", "entries"):
                assert rival.get(f"{BASE}/{path}", {"owner": name}).status_code == 404
            assert transfer(rival, account=name).status_code == 404

    def test_are_asked_for_a_key(self, tenant: Tenant) -> None:
        for path in ("balances", "entries", "trial-balance", "statement"):
            assert APIClient().get(f"{BASE}/{path}").status_code == 401


class TestQueries:
    """Reading costs the same whatever there is to read. One query of each is the key's."""

    @pytest.mark.parametrize(
        ("path", "query", "most"),
        [
            ("balances", {"owner": "ACC-1"}, 2),
            ("balances", {"owner": "ACC-1", "as_of": "2030-01-01T00:00:00Z"}, 3),
            ("entries", {}, 2),
            ("entries", {"owner": "ACC-1"}, 3),
            ("trial-balance", {}, 1),
            ("statement", {"owner": "ACC-1"}, 3),
        ],
    )
    def test_of(
        self, client: APIClient, tenant: Tenant, path: str, query: dict[str, str], most: int
    ) -> None:
        client.get(f"{BASE}/trial-balance")  # the key is known now
        post(*(entry_for_trade(make_trade(), tenant=tenant.pk) for _ in range(60)))
        with CaptureQueriesContext(connection) as caught:
            answer = client.get(f"{BASE}/{path}", query)
        assert answer.status_code == 200
        assert len(caught) <= most, [one["sql"] for one in caught]
