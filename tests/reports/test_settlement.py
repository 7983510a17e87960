"""Settlement efficiency, fails, reconciliations and breaks: rows of known dates, counted by hand."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from apps.core.ids import uuid7
from apps.ledger import services as ledger
from apps.ledger.reconciliation import Finding, Look, Result
from apps.settlement.models import Penalty, Settlement
from apps.tenants.models import Tenant

Ask = Callable[..., Any]
MONDAY = date(2026, 3, 2)
FINAL = {"settled", "cancelled", "compensated"}
PERSONS = {"failed", "manual"}


def at(day: date, hour: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def settlement(tenant: Tenant, state: str, due: date, **terms: Any) -> Settlement:
    """A settlement as it stands; its triggers, which ask for trades and entries, are not the matter."""
    quantity = Decimal(10)
    given: dict[str, Any] = {
        "id": uuid7(), "kind": "settlement", "trade_id": uuid7(), "version_no": 1,
        "account_id": uuid7(), "account_number": "A-1", "instrument_id": uuid7(), "symbol": "XYZ",
        "movement": "receive", "quantity": quantity, "currency": "USD", "amount": Decimal(100),
        "client_cash": {}, "trade_date": due, "market": "US", "clearing": "", "opened_at": at(due, 0),
        "due_on": due, "window_at": at(due, 9), "is_late": False, "state": state,
        "settled": quantity if state == "settled" else 0, "pending": 0, "parts": 0, "tries": 0,
        "may_be_out": False, "is_unwanted": False, "is_gone": False, "is_returned": False,
        "round": 0, "reference": "", "code": "", "detail": "", "assigned_to": "", "version": 1,
        "next_at": None if state in FINAL | PERSONS else at(due, 9),
        "attention_at": at(due, 10) if state in PERSONS else None,
        "settled_at": at(due, 15) if state == "settled" else None,
        "changed_at": at(due, 12),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        row = Settlement.objects.create(tenant=tenant, **given | terms)
        cursor.execute("SET session_replication_role = origin")
    return row


@pytest.fixture
def month(tenant: Tenant) -> None:
    """Monday: three on time, one late, one failing, one cancelled; in euros one failing; Tuesday: one."""
    for _ in range(3):
        settlement(tenant, "settled", MONDAY)
    settlement(tenant, "settled", MONDAY, settled_at=at(MONDAY + timedelta(days=2), 3))
    settlement(tenant, "failed", MONDAY, amount=Decimal(-300))
    settlement(tenant, "cancelled", MONDAY)
    settlement(tenant, "manual", MONDAY, currency="EUR", symbol="EUX", market="TARGET")
    settlement(tenant, "settled", MONDAY + timedelta(days=1), account_number="A-2")


class TestEfficiency:
    def test_by_day(self, month: None, ask: Ask) -> None:
        rows = ask("settlement-efficiency", from_="2026-03-01", to="2026-03-31", by="day")
        assert rows == [
            ("2026-03-02", "EUR", 1, 0, 0, 1, 0, "0", "100", "0", "0"),
            ("2026-03-02", "USD", 5, 3, 1, 1, 0, "0.6", "700", "300", "0.428571"),
            ("2026-03-03", "USD", 1, 1, 0, 0, 0, "1", "100", "100", "1"),
        ]

    def test_by_others(self, month: None, ask: Ask) -> None:
        for by, keys in {
            "market": [("TARGET", "EUR"), ("US", "USD")],
            "instrument": [("EUX", "EUR"), ("XYZ", "USD")],
            "account": [("A-1", "EUR"), ("A-1", "USD"), ("A-2", "USD")],
            "counterparty": [("", "EUR"), ("", "USD")],
            "tenant": [("", "EUR"), ("", "USD")],
        }.items():
            rows = ask("settlement-efficiency", from_="2026-03-01", to="2026-03-31", by=by)
            assert [row[:2] for row in rows] == keys
            assert sum(row[2] for row in rows) == 7

    def test_a_day_ends_where_its_market_is(self, tenant: Tenant, ask: Ask) -> None:
        """At 2:00 UTC of Tuesday it is still Monday in New York, and long Tuesday in Sydney."""
        for market in ("US", "AU"):
            settled = at(MONDAY + timedelta(days=1), 2)
            settlement(tenant, "settled", MONDAY, market=market, settled_at=settled)
        rows = ask("settlement-efficiency", from_="2026-03-02", to="2026-03-02", by="market")
        assert [(row[0], row[3], row[4]) for row in rows] == [("AU", 0, 1), ("US", 1, 0)]

    def test_what_is_not_due_yet_is_not_judged(self, tenant: Tenant, ask: Ask) -> None:
        tomorrow = timezone.now().date() + timedelta(days=2)
        settlement(tenant, "awaiting_date", tomorrow)
        (row,) = ask("settlement-efficiency", to=tomorrow.isoformat())
        assert row[2:8] == (1, 0, 0, 0, 1, None)


class TestFails:
    def test_by_age_as_of_a_day(self, month: None, tenant: Tenant, ask: Ask) -> None:
        failing = Settlement.objects.get(state="failed")
        Penalty.objects.create(
            settlement_id=failing.pk, on=MONDAY + timedelta(days=1), tenant=tenant, quantity=10,
            price=10, rate=Decimal("0.0001"), amount=Decimal("0.01"), currency="USD",
            accrued_at=at(MONDAY, 6),
        )  # fmt: skip
        # On Tuesday what settled on Wednesday was failing, too.
        assert ask("settlement-fails", on="2026-03-03") == [
            ("1", "EUR", 1, 1, "100", "2026-03-02", "0"),
            ("1", "USD", 2, 1, "400", "2026-03-02", "0.01"),
        ]
        assert ask("settlement-fails", on="2026-03-06") == [
            ("4-5", "EUR", 1, 1, "100", "2026-03-02", "0"),
            ("4-5", "USD", 1, 1, "300", "2026-03-02", "0.01"),
        ]
        assert ask("settlement-fails", on="2026-03-02") == []
        assert [row[0] for row in ask("settlement-fails", on="2026-06-01")] == ["31+", "31+"]


class TestReconciliations:
    def test_runs_with_the_breaks_that_they_opened(self, tenant: Tenant, ask: Ask) -> None:
        def run(day: date, *found: Finding, missing: str = "") -> None:
            results = [Result("one", 1, found), Result("two", missing=missing)]
            ledger.reconcile(tenant.pk, day, lambda *_: Look(results, {}), by="test")

        known, new = Finding("lost", "a", "x"), Finding("moved", "b", "x")
        run(MONDAY, known)
        run(MONDAY + timedelta(days=1), known, new, missing="no file")
        run(MONDAY + timedelta(days=2))
        rows = ask("reconciliations", from_="2026-03-01", to="2026-03-31")
        assert [row[:10] for row in rows] == [
            ("2026-03-04", "clean", 2, 0, 0, 0, 0, 0, 0, 0),
            ("2026-03-03", "breaks", 2, 1, 2, 1, 1, 0, 0, 0),
            ("2026-03-02", "breaks", 2, 0, 1, 1, 1, 0, 0, 0),
        ]
        one = ledger_break(tenant, "lost")
        ledger.change_break(tenant.pk, one, state="closed", by="ann", note="mended")
        rows = {row[0]: row for row in ask("breaks")}
        assert {kind: row[1:5] for kind, row in rows.items()} == {
            "lost": (0, 0, 0, 1), "moved": (1, 0, 0, 0),
        }  # fmt: skip
        assert (rows["lost"][5], rows["moved"][6]) == (None, None)
        assert rows["moved"][5] is not None


def ledger_break(tenant: Tenant, kind: str) -> Any:
    from apps.ledger.models import Break  # noqa: PLC0415 - only here

    return Break.objects.for_tenant(tenant).get(kind=kind).pk
