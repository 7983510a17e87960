"""Reports over HTTP: who may, what is refused and how, other tenants, CSV, and how often the database is asked."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.reports.registry import report_of
from apps.reports.selectors import reading, reports
from apps.tenants.models import Role, Tenant
from tests.reports.cast import Book, deal, price, take
from tests.trading import cast

NAMES = [one.name for one in reports()]
READERS = {"owner", "admin", "service", "trader", "operations", "auditor"}
REQUIRED = {name: {"account": "A-1"} for name in ("statement", "balances")}


def csv_rows(answer: Any) -> list[list[str]]:
    return list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode())))


def test_who_may_read_and_who_may_schedule(
    tenant: Tenant, client_of: Callable[..., APIClient]
) -> None:
    for role in Role:
        look(client_of(tenant, role=role), role)


def look(client: APIClient, role: str) -> None:
    status = 200 if role in READERS else 403
    for path in ("reports", "reports/profit", "reports/files", "reports/schedules"):
        assert client.get(f"/api/v1/{path}").status_code == status, path
    made = client.post(
        "/api/v1/reports/schedules",
        {"name": f"daily {role}", "report": "profit", "every": "day"},
        format="json",
    )
    writes = role in {"owner", "admin", "service", "operations"}
    assert made.status_code == (201 if writes else 403)


def test_a_stranger_signs_in(transactional_db: None) -> None:
    assert APIClient().get("/api/v1/reports/profit").status_code == 401


def test_the_catalogue_has_every_report_with_what_a_page_needs(api: APIClient) -> None:
    found = api.get("/api/v1/reports").json()["results"]
    assert [one["name"] for one in found] == NAMES
    for one in found:
        assert one["columns"]
        assert one["about"]
        report = report_of(one["name"])
        assert [column["name"] for column in one["columns"]] == [c.name for c in report.columns]


def test_json_and_csv_say_the_same(book: Book, api: APIClient) -> None:
    for name in NAMES:
        compare(book, api, name)


def compare(book: Book, api: APIClient, name: str) -> None:
    query = REQUIRED.get(name, {})
    if report_of(name).is_paged:
        query = {**query, "to": book.ended.isoformat()}
    body = api.get(f"/api/v1/reports/{name}", query).json()
    answer = api.get(f"/api/v1/reports/{name}", {**query, "format": "csv"})
    assert (answer["Content-Type"], answer.status_code) == ("text/csv", 200)
    assert f'filename="{name}.csv"' in answer["Content-Disposition"]
    head, *rows = csv_rows(answer)
    assert head == [column.name for column in report_of(name).columns]
    assert len(rows) == len(body["results"])
    for row, told in zip(rows, body["results"], strict=True):
        for text, (key, value) in zip(row, told.items(), strict=True):
            if not key.endswith("_at") and key != "at":
                assert text == ("" if value is None else str(value)), key


def test_all_of_it_is_in_the_csv_page_by_page(
    book: Book, api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "CHUNK", 3)
    answer = api.get("/api/v1/reports/blotter", {"format": "csv", "to": book.ended.isoformat()})
    assert len(csv_rows(answer)) == 1 + 10


def test_what_others_wrote_is_no_formula(api: APIClient, tenant: Tenant) -> None:
    cast.open_account(tenant.pk)
    cast.list_instrument(tenant.pk)
    (outcome,) = cast.book(tenant.pk, cast.ask(external_id="=HYPERLINK(1)", source="them"))
    assert outcome.error is None
    (head, row) = csv_rows(api.get("/api/v1/reports/blotter", {"format": "csv"}))
    assert row[head.index("external_id")] == "'=HYPERLINK(1)"


REFUSED: list[tuple[str, dict[str, str], int, str]] = [
    ("profit", {"by": "colour"}, 400, "malformed"),
    ("profit", {"as_of": "soon"}, 400, "malformed"),
    ("profit", {"limit": "10"}, 400, "malformed"),
    ("profit", {"account": "NOBODY"}, 404, "unknown_account"),
    ("profit", {"instrument": "NOTHING"}, 404, "unknown_instrument"),
    ("cash", {"account": "NOBODY"}, 404, "unknown_owner"),
    ("settlement-fails", {"account": "NOBODY"}, 404, "unknown_account"),
    ("blotter", {"from": "2026-01-01", "to": "2026-09-01"}, 400, "malformed"),
    ("blotter", {"after": "here"}, 400, "malformed"),
    ("blotter", {"limit": "0"}, 400, "malformed"),
    ("blotter", {"limit": "many"}, 400, "malformed"),
    ("statement", {}, 400, "malformed"),
    ("statement", {"account": "A-1", "after": "2026-01-01_x_1"}, 400, "malformed"),
    ("blotter", {"account": "a\x00b"}, 400, "malformed"),
]


class TestRefusals:
    def test_are_problems_with_every_reason(self, book: Book, api: APIClient) -> None:
        for name, query, status, code in REFUSED:
            for asked in (query, {**query, "format": "csv"}):
                if "csv" in asked.values() and ("limit" in query or "after" in query):
                    continue  # a file has no pages
                answer = api.get(f"/api/v1/reports/{name}", asked)
                assert (answer.status_code, answer.json()["code"]) == (status, code), asked
                assert answer["Content-Type"] == "application/problem+json"

    def test_there_is_no_such_report(self, api: APIClient) -> None:
        assert api.get("/api/v1/reports/weather").status_code == 404

    def test_what_is_too_large_is_refused_whole(
        self, book: Book, api: APIClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reading, "ROWS_MAX", 2)
        answer = api.get("/api/v1/reports/cash")
        assert (answer.status_code, answer.json()["code"]) == (422, "report_too_large")
        assert api.get("/api/v1/reports/fees").status_code == 200

    def test_what_takes_too_long_is_refused_and_no_outage(
        self, tenant: Tenant, api: APIClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def slow(_asked: Any) -> Any:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(30)")

        monkeypatch.setattr(reading, "SECONDS_MAX", 0.05)
        report = report_of("fees")
        original = report.reads
        object.__setattr__(report, "reads", slow)
        try:
            answer = api.get("/api/v1/reports/fees")
        finally:
            object.__setattr__(report, "reads", original)
        assert (answer.status_code, answer.json()["code"]) == (422, "report_too_large")
        with connection.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            assert cursor.fetchone() == ("0",)


class TestTenantsAreAlone:
    def test_another_sees_nothing(
        self, book: Book, other: Tenant, client_of: Callable[..., APIClient]
    ) -> None:
        cast.open_account(other.pk, "A-1")
        client = client_of(other)
        for name in NAMES:
            body = client.get(f"/api/v1/reports/{name}", REQUIRED.get(name, {})).json()
            assert body["results"] == [], name

    def test_nor_by_somebody_elses_ids(
        self, book: Book, other: Tenant, client_of: Callable[..., APIClient], api: APIClient
    ) -> None:
        account = api.get("/api/v1/accounts/A-1").json()["id"]
        instrument = api.get("/api/v1/instruments/XYZ").json()["id"]
        client = client_of(other)
        for name in (
            "blotter",
            "profit",
            "exposure",
            "positions",
            "cash",
            "fees",
            "statement",
            "balances",
        ):
            answer = client.get(f"/api/v1/reports/{name}", {"account": account})
            assert answer.status_code == 404, name
        for name in ("blotter", "profit", "exposure"):
            answer = client.get(f"/api/v1/reports/{name}", {"instrument": instrument})
            assert answer.status_code == 404, name


QUESTIONS = {
    "blotter": 1, "profit": 1, "exposure": 1, "volumes": 1, "cash": 2, "fees": 2, "breaks": 1,
    "reconciliations": 1, "settlement-efficiency": 2, "settlement-fails": 1, "statement": 3,
    "positions": 1, "balances": 2,
}  # fmt: skip


def asked_of(api: APIClient, name: str, query: dict[str, str]) -> int:
    api.get("/api/v1/reports")  # who is calling is known from here on
    with CaptureQueriesContext(connection) as found:
        assert api.get(f"/api/v1/reports/{name}", query).status_code == 200
    return len(found) - 2  # the database's patience is set, and set back


def test_every_report_has_its_number_of_questions_however_much_there_is(
    book: Book, api: APIClient, tenant: Tenant
) -> None:
    def counts() -> dict[str, int]:
        return {name: asked_of(api, name, REQUIRED.get(name, {})) for name in NAMES}

    def as_of() -> int:
        return asked_of(api, "profit", {"by": "position", "as_of": "2999-01-01"})

    assert counts() == QUESTIONS
    before = as_of()
    for number in range(4):
        cast.open_account(tenant.pk, f"B-{number}")
        cast.list_instrument(tenant.pk, f"S{number}")
        deal(tenant, (f"B-{number}", f"S{number}", "buy", "1", "2"))
        price(tenant, **{f"S{number}": "3"})
    take()
    assert counts() == QUESTIONS
    assert as_of() == before == 2
