"""Reconciliation: clean over sound books whatever lags, and loud and exact on each kind of damage."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core import mail
from django.core.management import call_command
from django.utils import timezone
from rest_framework.test import APIClient

from apps.events import registry
from apps.events.contracts import partition_of
from apps.events.services.clock import due_periods
from apps.ledger import selectors, services
from apps.ledger.exceptions import BreakStays, StatementDiffers
from apps.ledger.models import Break, LedgerAccount, ReconciliationRun
from apps.ledger.reconciliation import Result, Status, verdict
from apps.ledger.selectors.owners import HANDLER
from apps.tenants.models import Tenant
from apps.trading import selectors as trading
from apps.trading import services as trading_services
from apps.trading.selectors import position_cache
from apps.trading.selectors.exposure import FOLDER
from tests.ledger.books import DAY, damage, drain_all, kinds, reconcile, revise
from tests.trading import cast


def test_sound_books_are_clean_and_two_runs_are_one(books: Tenant) -> None:
    first, second = reconcile(books), reconcile(books)
    assert [one for one in first.checks if one["found"]] == []
    assert (first.status, second.status, first.pk) == ("clean", "clean", second.pk)
    looked = {one["name"].split(" (")[0]: one["checked"] for one in first.checks}
    assert looked["positions equal the ledger's units"] == 4
    assert looked["every told trade is there, booked and folded"] == 14
    assert first.found == 0
    assert Break.objects.for_tenant(books).count() == 0


def test_the_next_day_looks_at_what_came_since(books: Tenant) -> None:
    reconcile(books)
    (outcome,) = cast.book(books.pk, cast.ask(quantity="5"))
    assert outcome.trade is not None
    drain_all(FOLDER, HANDLER)
    second = reconcile(books, DAY + timedelta(days=1))
    looked = {one["name"].split(" (")[0]: one["checked"] for one in second.checks}
    assert looked["every told trade is there, booked and folded"] == 1
    assert second.status == "clean"


@pytest.mark.parametrize("ahead", [FOLDER, HANDLER])
def test_a_handler_that_lags_makes_no_false_break(books: Tenant, ahead: str) -> None:
    """Trades flow, one handler is ahead of the other, with revisions of old trades among them."""
    for round_ in range(3):
        cast.book(books.pk, cast.ask(quantity="3"), cast.ask(account="ACC-2", side="sell"))
        old = trading.trades(books.pk, after=None, limit=50, state="executed")[-1 - round_]
        revise(books, old.id, quantity=Decimal(11) if round_ else None)
        drain_all(ahead)
        run = reconcile(books)
        assert (run.status, kinds(books)) == ("clean", set())
    drain_all(FOLDER, HANDLER)
    assert reconcile(books).status == "clean"


DOUBLED_FILL = """
UPDATE trading_position SET quantity = quantity + 100
WHERE id = (SELECT min(id) FROM trading_position WHERE lots IS NULL)"""
RAISED_BALANCE = """
UPDATE ledger_balance SET amount = amount + 1 WHERE (ledger_account_id, asset) IN (
    SELECT a.id, 'USD' FROM ledger_ledgeraccount a WHERE a.code = 'CASH:UNSETTLED' ORDER BY 1 LIMIT 1)"""


def test_damage_that_stays_is_one_break(books: Tenant) -> None:
    """What kinds there are, and that each is found: test_corruptions.py."""
    damage(DOUBLED_FILL)
    run = reconcile(books)
    assert run.status == "breaks"
    assert kinds(books) == {"units_differ", "position_differs"}
    again = reconcile(books)
    assert (again.found, Break.objects.for_tenant(books).count()) == (run.found, run.found)


def test_a_wrong_quantity_in_the_cache_is_found(books: Tenant) -> None:
    trading.positions_of(books.pk, "ACC-1")
    assert reconcile(books).status == "clean"
    client = trading_cache()
    account = trading.find_account(books.pk, "ACC-1").pk
    key = trading_key(books.pk, account)
    (field, value), *_ = [one for one in client.hgetall(key).items() if one[0]]
    symbol, uid, currency, _, *rest = json.loads(value)
    client.hset(key, field, json.dumps([symbol, uid, currency, "12345", *rest]))
    reconcile(books)
    (row,) = selectors.breaks(books.pk, limit=9)
    assert (row.kind, row.actual) == ("cache_differs", 12345)
    client.delete(key)
    reconcile(books)
    (row,) = selectors.breaks(books.pk, limit=9)
    assert (row.state, row.note) == ("closed", "No longer found.")


def test_a_snapshot_that_nobody_proves_is_found(books: Tenant) -> None:
    taken = timezone.now() - timedelta(hours=2)
    trading_services.take_snapshot(taken)
    assert reconcile(books).status == "clean"
    damage("UPDATE trading_snapshot SET proven_at = NULL, taken_at = %s", taken)
    reconcile(books)
    (row,) = selectors.breaks(books.pk, limit=9)
    assert (row.kind, row.subject) == ("snapshot_differs", f"snapshot of {taken:%Y-%m-%d %H:%M}")


def trading_cache() -> Any:
    return position_cache._client()


def trading_key(tenant: int, account: Any) -> str:
    return position_cache._account_key(tenant, partition_of(str(account)), account)


def test_a_held_account_is_a_break_and_not_a_difference(books: Tenant, other: Tenant) -> None:
    account = trading.find_account(books.pk, "ACC-1").pk
    cast.query(
        "UPDATE trading_position SET quantity = 99999999999999999999 WHERE account_id = %s", account
    )
    cast.book(books.pk, cast.ask())
    drain_all(FOLDER, HANDLER)
    reconcile(books)
    assert kinds(books) == {"account_held", "position_differs"}
    reconcile(other)
    assert kinds(other) == set()  # another tenant's account is not shown


class TestStatements:
    def test_of_others_are_compared(self, books: Tenant) -> None:
        services.transfer_cash(
            books.pk, account="ACC-1", currency="USD", amount=Decimal(500), reference="r"
        )
        today = timezone.now().date()

        def receive(day: date, amount: str) -> None:
            services.receive_statement(
                books.pk, day=day, kind="nostro", source="BANK", by="t",
                balances={"USD": Decimal(amount)},
            )  # fmt: skip

        receive(today, "500")
        assert reconcile(books, today).status == "clean"
        tomorrow = today + timedelta(days=1)
        run = reconcile(books, tomorrow)
        assert run.status == "not_run"
        assert [one["missing"] for one in run.checks if one["status"] == "not_run"] == [
            f"The statements of {tomorrow} have not arrived: nostro of BANK."
        ]
        receive(tomorrow, "499.99")
        assert reconcile(books, tomorrow).status == "breaks"
        (row,) = selectors.breaks(books.pk, limit=9)
        assert (row.kind, row.expected, row.actual) == (
            "external_differs", Decimal("499.99"), Decimal(500),
        )  # fmt: skip
        receive(tomorrow, "499.99")
        with pytest.raises(StatementDiffers):
            receive(tomorrow, "1")

    def test_over_http(
        self, books: Tenant, api: APIClient, client_of: Callable[..., APIClient]
    ) -> None:
        url = "/api/v1/reconciliations/statements"
        body = {"date": "2026-03-02", "kind": "depot", "source": "CSD",
                "balances": [{"asset": "XYZ", "amount": "10"}]}  # fmt: skip
        assert api.post(url, body, format="json").status_code == 201
        assert api.post(url, body, format="json").status_code == 200
        other = {**body, "balances": [{"asset": "XYZ", "amount": "11"}]}
        assert api.post(url, other, format="json").status_code == 409
        assert api.post(url, {**body, "balances": None}, format="json").status_code == 400
        bad = {**body, "source": "B", "balances": [{"asset": "XYZ", "amount": "NaN"}]}
        assert api.post(url, bad, format="json").status_code == 422
        file = StringIO("asset,amount\nXYZ,10\n")
        file.name = "depot.csv"
        given = {"date": "2026-03-02", "kind": "depot", "source": "CSD", "file": file}
        assert api.post(url, given, format="multipart").status_code == 200
        assert client_of(books, "trader").post(url, body, format="json").status_code == 403
        for text in ("asset;amount\n", "asset,amount\nX\x00Z,1\n", "asset,amount\nXYZ,1e99\n",
                     "asset,amount\nXYZ,\n", 'asset,amount\n"' + "x" * 200_000 + '",1\n', ""):  # fmt: skip
            file = StringIO(text)
            file.name = "depot.csv"
            sent = api.post(url, {**given, "file": file}, format="multipart")
            assert sent.status_code in {400, 422}, text[:30]
        assert api.get("/api/v1/reconciliations?after=x").status_code == 400
        assert api.get("/api/v1/reconciliations/breaks?after=x").status_code == 400


class TestBreaks:
    def test_are_worked_on(self, books: Tenant, api: APIClient) -> None:
        damage(DOUBLED_FILL)
        answer = api.post("/api/v1/reconciliations", {"date": "2026-03-02"}, format="json")
        assert (answer.status_code, answer.json()["status"]) == (201, "breaks")
        listed = api.get("/api/v1/reconciliations").json()["results"]
        assert [one["id"] for one in listed] == [answer.json()["id"]]
        shown = api.get(f"/api/v1/reconciliations/{answer.json()['id']}").json()
        assert {one["kind"] for one in shown["breaks"]} == {"units_differ", "position_differs"}
        found = api.get("/api/v1/reconciliations/breaks?kind=units_differ").json()["results"]
        url = f"/api/v1/reconciliations/breaks/{found[0]['id']}"
        taken = api.patch(url, {"state": "assigned", "assignee": "ann"}, format="json").json()
        assert (taken["state"], taken["assignee"]) == ("assigned", "ann")
        assert api.patch(url, {"state": "closed"}, format="json").status_code == 409
        done = api.patch(url, {"state": "closed", "note": "mended"}, format="json").json()
        assert (done["state"], done["note"]) == ("closed", "mended")
        with pytest.raises(BreakStays):
            services.change_break(
                books.pk, Break.objects.get(pk=found[0]["id"]).pk, state="open", by="t"
            )
        reconcile(books)
        assert len(selectors.breaks(books.pk, limit=9, kind="units_differ")) == 2

    def test_are_asked_for_by_what_there_is(self, books: Tenant, api: APIClient) -> None:
        damage(DOUBLED_FILL)
        reconcile(books)
        known = LedgerAccount.objects.for_tenant(books.pk).filter(owner_number="ACC-1")
        owner, number = known.values_list("owner", "owner_number")[0]

        def asked(**query: str) -> Any:
            return api.get("/api/v1/reconciliations/breaks", query)

        by_id, by_number = asked(account=str(owner)), asked(account=number)
        assert by_id.json() == by_number.json()
        assert {one["account"] for one in by_id.json()["results"]} == {str(owner)}
        assert asked(account="depot").json()["results"] == []
        assert asked(kind="lots_differ").json()["results"] == []
        fault = asked(kind="units_differs").json()["errors"][0]
        assert (fault["field"], fault["code"]) == ("kind", "invalid_choice")
        assert fault["detail"].startswith("One of: units_differ, ")
        unknown = [asked(account="NOBODY").json(), asked(asset="NOTHING").json()]
        assert [one["code"] for one in unknown] == ["unknown_owner", "unknown_asset"]
        assert {one["status"] for one in unknown} == {404}
        (asset, *_) = {one["asset"] for one in by_id.json()["results"]}
        assert asked(asset=asset).json()["results"]

    def test_what_was_explained_is_opened_again_when_it_differs_otherwise(
        self, books: Tenant, settings: Any
    ) -> None:
        """An explanation is of one difference; it does not hide another one in the same place."""
        settings.RECONCILIATION_MAIL_TO = ["ops@example.org"]
        damage(DOUBLED_FILL)
        reconcile(books)
        (found,) = selectors.breaks(books.pk, limit=9, kind="units_differ")
        services.change_break(books.pk, found.pk, state="explained", by="ann", note="known: 5 lost")
        reconcile(books)
        found.refresh_from_db()
        assert found.state == "explained"
        damage("UPDATE trading_position SET quantity = quantity + 7 WHERE quantity <> 0")
        mail.outbox.clear()
        reconcile(books)
        found.refresh_from_db()
        assert found.state == "open"
        assert "known: 5 lost" in found.note
        assert "differs otherwise now" in str(mail.outbox[0].body)

    def test_a_day_that_is_still_to_come_is_refused(self, books: Tenant, api: APIClient) -> None:
        day = (timezone.now() + timedelta(days=3)).date().isoformat()
        answer = api.post("/api/v1/reconciliations", {"date": day}, format="json")
        assert (answer.status_code, answer.json()["code"]) == (422, "day_not_there")
        assert not ReconciliationRun.objects.exists()

    def test_belong_to_their_tenant(
        self, books: Tenant, other: Tenant, client_of: Callable[..., APIClient]
    ) -> None:
        damage(DOUBLED_FILL)
        run = reconcile(books)
        theirs = client_of(other)
        assert theirs.get("/api/v1/reconciliations").json()["results"] == []
        assert theirs.get(f"/api/v1/reconciliations/{run.pk}").status_code == 404
        assert theirs.get("/api/v1/reconciliations/breaks").json()["results"] == []

    def test_are_mailed(self, books: Tenant, settings: Any) -> None:
        settings.RECONCILIATION_MAIL_TO = ["ops@example.org"]
        reconcile(books)
        assert mail.outbox == []
        damage(DOUBLED_FILL)
        reconcile(books)
        assert "2 new breaks" in mail.outbox[0].subject
        assert "units_differ" in str(mail.outbox[0].body)


def test_by_hand_says_what_it_found(books: Tenant) -> None:
    out = StringIO()
    call_command("reconcile", json=True, date=DAY, stdout=out)
    assert json.loads(out.getvalue())["ok"] is True
    damage(RAISED_BALANCE)
    out = StringIO()
    with pytest.raises(SystemExit) as code:
        call_command("reconcile", json=True, date=DAY, stdout=out)
    report = json.loads(out.getvalue())
    assert (code.value.code, report["ok"], report["status"]) == (1, False, "breaks")
    assert {one["kind"] for one in report["breaks"]} == {"asset_not_zero", "balance_differs"}
    with pytest.raises(SystemExit):
        call_command("reconcile", date=DAY, stdout=StringIO())


def test_not_run_is_not_clean() -> None:
    clean, missing = Result("a", 1), Result("b", missing="no file")
    assert verdict([clean]) is Status.CLEAN
    assert verdict([clean, missing]) is Status.NOT_RUN
    assert verdict([]) is Status.NOT_RUN


@pytest.mark.parametrize(
    "night", [datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)]
)
def test_every_day_is_due_once_also_when_clocks_are_changed(db: None, night: datetime) -> None:
    """02:00 is UTC's: it neither falls out nor comes twice."""
    (job,) = [job for job in registry.jobs() if job.name == "ledger.reconcile"]
    assert job.queue == "reconciliation"
    due = [
        period
        for minutes in range(-60, 60 * 30, 20)
        for period in due_periods(job, night + timedelta(minutes=minutes))[-1:]
    ]
    assert sorted(set(due)) == [night - timedelta(hours=22), night + timedelta(hours=2),
                                night + timedelta(hours=26)][: len(set(due))]  # fmt: skip
