"""Adjustments: two people, what was proposed and nothing else, once; whoever tries otherwise is refused."""

from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from apps.core.exceptions import DomainError
from apps.core.ids import uuid7
from apps.ledger import invariants, selectors, services
from apps.ledger.exceptions import (
    AdjustmentChanged,
    AdjustmentIsDecided,
    AdjustmentNotFound,
    AdjustmentRefused,
    IdempotencyKeyUsed,
    SecondPersonNeeded,
)
from apps.ledger.journal import Code
from apps.ledger.models import Adjustment, Break, JournalEntry
from apps.ledger.services import AdjustmentTerms, Line
from apps.tenants.models import Tenant, User
from apps.tenants.services import add_member, issue_key
from apps.trading.events import AccountChanged
from tests.ledger.cast import ACCOUNT, at_once, guards_off, make_draft, post, refused, sql

MAKER, CHECKER = "user:1", "user:2"
ADDRESS = "/api/v1/ledger/adjustments"


def line(account: str, side: str, amount: str, *, owner: str = "", asset: str = "USD") -> Line:
    return Line(account, owner, asset, side, Decimal(amount))


def terms(*lines: Line, **given: Any) -> AdjustmentTerms:
    """12.50 USD to the client out of suspense, unless said otherwise."""
    wanted = lines or (
        line("CASH:SETTLED", "debit", "12.50", owner="ACC-1"),
        line("SUSPENSE", "credit", "12.50"),
    )
    return AdjustmentTerms(given.pop("reason", "a fee that was charged twice"), wanted, **given)


@pytest.fixture
def books(tenant: Tenant) -> Tenant:
    """A tenant whose client ACC-1 has 100 USD."""
    services.open_client_accounts([(tenant.pk, ACCOUNT, "ACC-1")])
    post(make_draft(tenant.pk))
    return tenant


def propose(tenant: Tenant, asked: AdjustmentTerms | None = None, **options: Any) -> Adjustment:
    given = {"by": MAKER, "key": str(uuid7())}
    return services.propose_adjustment(tenant.pk, asked or terms(), **given | options)[0]


def codes(error: DomainError) -> set[tuple[str, str]]:
    errors = error.facts["errors"]
    assert isinstance(errors, list)
    return {(one["field"], one["code"]) for one in errors}


def cash(tenant: Tenant) -> Decimal:
    return selectors.balance(tenant.pk, ACCOUNT, Code.CASH_SETTLED, "USD")


def test_two_people_book_what_one_proposed(books: Tenant) -> None:
    row = propose(books)
    assert (row.state, row.entry_id, cash(books)) == ("proposed", None, 100)
    row = services.approve_adjustment(books.pk, row.pk, by=CHECKER, digest=row.digest)
    assert (row.state, row.decided_by, cash(books)) == ("approved", CHECKER, Decimal("112.50"))
    assert row.entry_id is not None
    entry = selectors.entry(books.pk, row.entry_id)
    assert (entry.kind, entry.source) == ("ADJUSTMENT", f"adjustment:{row.pk}")
    assert (entry.owner, entry.effective_at) == (ACCOUNT, row.effective_at)
    told = sql(
        "SELECT name FROM events_event WHERE topic = 'ledger' AND key = %s ORDER BY \"offset\"",
        [str(row.pk)],
    )
    assert told == [("ledger.adjustment.proposed",), ("ledger.adjustment.decided",)]
    assert all(check(books.pk).ok for check in invariants.INVARIANTS)


def test_the_second_person_is_another_one(books: Tenant) -> None:
    row = propose(books)
    for decide in (
        services.approve_adjustment,
        partial(services.reject_adjustment, reason="because"),
    ):
        with pytest.raises(SecondPersonNeeded):
            decide(books.pk, row.pk, by=MAKER)
    with pytest.raises(SecondPersonNeeded):  # nor does another take back what one proposed
        services.withdraw_adjustment(books.pk, row.pk, by=CHECKER, reason="because")
    assert (selectors.adjustment_of(books.pk, row.pk).state, cash(books)) == ("proposed", 100)


def test_a_person_and_their_keys_are_one(books: Tenant) -> None:
    ann, _ = add_member(books, username="ann", role="operations")
    key, other = (f"key:{issue_key(books, role='operations', owner='ann')[0].pk}" for _ in range(2))
    program = f"key:{issue_key(books, role='operations')[0].pk}"
    for maker, checker in ((f"user:{ann.pk}", key), (key, f"user:{ann.pk}"), (key, other)):
        row = propose(books, by=maker)
        with pytest.raises(SecondPersonNeeded):
            services.approve_adjustment(books.pk, row.pk, by=checker)
        with pytest.raises(SecondPersonNeeded):
            services.reject_adjustment(books.pk, row.pk, by=checker, reason="because")
        with refused("two_people_adjust"):
            sql(
                "UPDATE ledger_adjustment SET state = 'rejected', decided_by = %s,"
                " decided_at = now() WHERE id = %s",
                [checker, row.pk],
            )
        assert services.reject_adjustment(books.pk, row.pk, by=program, reason="not ours")


@pytest.mark.parametrize(
    ("decide", "who", "state"),
    [
        (services.reject_adjustment, CHECKER, "rejected"),
        (services.withdraw_adjustment, MAKER, "withdrawn"),
    ],
)
def test_what_is_turned_down_stays_so(books: Tenant, decide: Any, who: str, state: str) -> None:
    row = propose(books)
    assert decide(books.pk, row.pk, by=who, reason="not ours").state == state
    assert decide(books.pk, row.pk, by=who, reason="again").decision_reason == "not ours"
    with pytest.raises(AdjustmentIsDecided):
        services.approve_adjustment(books.pk, row.pk, by="user:3")
    assert cash(books) == 100
    assert not JournalEntry.objects.filter(kind="ADJUSTMENT").exists()


def test_the_same_key_is_one_proposal_and_another_content_is_named(books: Tenant) -> None:
    at = timezone.now()
    first, again = (propose(books, terms(effective_at=at), key="k") for _ in range(2))
    assert first.pk == again.pk
    other = terms(
        line("CASH:SETTLED", "debit", "99", owner="ACC-1"), line("SUSPENSE", "credit", "99"),
        reason="something else", effective_at=at,
    )  # fmt: skip
    with pytest.raises(IdempotencyKeyUsed) as caught:
        propose(books, other, key="k")
    assert codes(caught.value) == {("reason", "differs"), ("lines", "differs")}
    assert propose(books, other, key="k", by="user:9").pk != first.pk  # somebody else's key


def test_approving_twice_books_once(books: Tenant) -> None:
    row = propose(books)
    first, again = (services.approve_adjustment(books.pk, row.pk, by=CHECKER) for _ in range(2))
    assert first.entry_id == again.entry_id
    assert cash(books) == Decimal("112.50")


def test_two_checkers_at_once_book_once(books: Tenant) -> None:
    row = propose(books)
    calls = [
        partial(services.approve_adjustment, books.pk, row.pk, by=f"user:{number}")
        for number in range(2, 6)
    ]
    errors = at_once(calls)
    assert sorted(type(one).__name__ for one in errors) == ["AdjustmentIsDecided"] * 3 + [
        "NoneType"
    ]
    assert cash(books) == Decimal("112.50")


NO_ENTRY: list[tuple[list[Line], tuple[str, str]]] = [
    ([line("SUSPENSE", "debit", "5"), line("NOSTRO", "credit", "4")], ("lines", "unbalanced")),
    ([line("SUSPENSE", "debit", "5")], ("lines", "bad_number")),
    (
        [line("SUSPENSE", "debit", "5"), line("SUSPENSE", "credit", "5")],
        ("lines", "named_twice"),
    ),
    (
        [line("CASH:SETTLED", "debit", "5"), line("NOSTRO", "credit", "5")],
        ("lines.0.owner", "required"),
    ),
    (
        [line("NOSTRO", "debit", "5", owner="ACC-1"), line("SUSPENSE", "credit", "5")],
        ("lines.0.owner", "not_wanted"),
    ),
    (
        [line("CASH:SETTLED", "debit", "5", owner="ACC-9"), line("NOSTRO", "credit", "5")],
        ("lines.0.owner", "unknown_account"),
    ),
    (
        [line("MY:POCKET", "debit", "5"), line("NOSTRO", "credit", "5")],
        ("lines.0.account", "unknown_account"),
    ),
    (
        [line("SUSPENSE", "debit", "-5"), line("NOSTRO", "credit", "-5")],
        ("lines.0.amount", "out_of_range"),
    ),
    (
        [line("SUSPENSE", "debit", "NaN"), line("NOSTRO", "credit", "5")],
        ("lines.0.amount", "out_of_range"),
    ),
    (
        [line("SUSPENSE", "debit", "1e-13"), line("NOSTRO", "credit", "1e-13")],
        ("lines.0.amount", "too_many_decimals"),
    ),
    (
        [
            line("SUSPENSE", "debit", "5", asset="USDX"),
            line("NOSTRO", "credit", "5", asset="USDX"),
        ],
        ("lines.0.asset", "unknown_currency"),
    ),
    (
        [
            line("DEPOT:SEC", "debit", "5", asset="USD"),
            line("STREET:SEC:UNSETTLED", "credit", "5", asset="USD"),
        ],
        ("lines.0.asset", "unknown_instrument"),
    ),
]


def test_lines_that_make_no_entry_are_refused(books: Tenant) -> None:
    for lines, expected in NO_ENTRY:
        with pytest.raises(AdjustmentRefused) as caught:
            propose(books, terms(*lines))
        assert expected in codes(caught.value)
    assert not Adjustment.objects.exists()


def test_every_reason_is_given_at_once(books: Tenant) -> None:
    asked = terms(
        line("MY:POCKET", "debit", "0"), line("NOSTRO", "upside", "5"), reason=" ",
        effective_at=timezone.now() + timedelta(days=1),
    )  # fmt: skip
    with pytest.raises(AdjustmentRefused) as caught:
        propose(books, asked)
    assert codes(caught.value) == {
        ("reason", "bad_reason"), ("effective_at", "in_the_future"),
        ("lines.0.account", "unknown_account"), ("lines.0.amount", "out_of_range"),
        ("lines.1.side", "unknown_side"),
    }  # fmt: skip


def close(tenant: Tenant) -> None:
    fact = AccountChanged(account_id=ACCOUNT, number="ACC-1", status="closed", changed=("status",))
    services.book_facts([(tenant.pk, fact)], partition=3)


def test_a_closed_account_is_not_adjusted(books: Tenant) -> None:
    row = propose(books)
    close(books)
    with pytest.raises(AdjustmentRefused) as caught:
        propose(books)
    assert ("lines.0.owner", "account_closed") in codes(caught.value)
    with pytest.raises(AdjustmentRefused):  # proposed before it was closed
        services.approve_adjustment(books.pk, row.pk, by=CHECKER)
    assert (selectors.adjustment_of(books.pk, row.pk).state, cash(books)) == ("proposed", 100)


def test_another_tenant_sees_and_decides_nothing(
    books: Tenant, other: Tenant, client_of: Any
) -> None:
    row = propose(books)
    with pytest.raises(AdjustmentNotFound):
        services.approve_adjustment(other.pk, row.pk, by=CHECKER)
    stranger: APIClient = client_of(other)
    assert stranger.get(f"{ADDRESS}/{row.pk}").status_code == 404
    assert stranger.post(f"{ADDRESS}/{row.pk}/approval", {}, format="json").status_code == 404
    assert stranger.get(ADDRESS).json()["results"] == []
    with pytest.raises(AdjustmentRefused) as caught:  # nor does anybody name another's client
        propose(other)
    assert ("lines.0.owner", "unknown_account") in codes(caught.value)


class TestBehindOurBack:
    """Raw SQL, as somebody with the password would write it."""

    def test_what_is_proposed_does_not_change(self, books: Tenant) -> None:
        propose(books)
        with refused("adjustment_stays_as_proposed"):
            sql("UPDATE ledger_adjustment SET lines = replace(lines::text, '12.5', '99')::jsonb")

    def test_what_was_changed_all_the_same_is_not_booked(self, books: Tenant) -> None:
        row = propose(books)
        with guards_off("ledger_adjustment"):
            sql("UPDATE ledger_adjustment SET lines = replace(lines::text, '12.5', '99')::jsonb")
        with pytest.raises(AdjustmentChanged):
            services.approve_adjustment(books.pk, row.pk, by=CHECKER)

    def test_one_person_is_not_two(self, books: Tenant) -> None:
        propose(books)
        with refused("two_people_adjust"):
            sql(
                "UPDATE ledger_adjustment SET state = 'rejected', decided_by = proposed_by,"
                " decided_at = now()"
            )

    def test_an_approval_has_its_entry(self, books: Tenant) -> None:
        row = propose(books)
        some = JournalEntry.objects.get().pk
        with refused("approved_adjustment_is_booked"):
            sql(
                "UPDATE ledger_adjustment SET state = 'approved', decided_by = 'user:2',"
                " decided_at = now(), entry_id = %s WHERE id = %s",
                [some, row.pk],
            )

    def test_an_entry_has_its_two_people(self, books: Tenant) -> None:
        with refused("adjustment_entry_has_two_people"):
            post(make_draft(books.pk, kind="ADJUSTMENT", source=f"adjustment:{uuid7()}"))

    def test_a_decision_is_made_once_and_stays(self, books: Tenant) -> None:
        row = services.reject_adjustment(books.pk, propose(books).pk, by=CHECKER, reason="not ours")
        with refused("adjustment_is_decided_once"):
            sql("UPDATE ledger_adjustment SET state = 'proposed' WHERE id = %s", [row.pk])
        with refused("journal_is_append_only"):
            sql("DELETE FROM ledger_adjustment")
        with refused("journal_is_append_only"):
            sql("TRUNCATE ledger_adjustment")

    def test_nobody_begins_with_the_decision(self, books: Tenant) -> None:
        row = propose(books)
        with refused("adjustment_begins_as_a_proposal"):
            sql(
                "INSERT INTO ledger_adjustment (id, tenant_id, key, reason, lines, digest,"
                " effective_at, state, proposed_by, proposed_at, decided_by, decided_at,"
                " decision_reason) SELECT gen_random_uuid(), tenant_id, 'k2', reason, lines, digest,"
                " effective_at, 'rejected', proposed_by, proposed_at, 'user:2', now(), ''"
                " FROM ledger_adjustment WHERE id = %s",
                [row.pk],
            )


@pytest.fixture
def difference(books: Tenant) -> Break:
    """A break: the depository's bank says that it has 12.50 more."""
    day = timezone.now().date()
    services.receive_statement(
        books.pk, day=day, kind="nostro", source="BANK", balances={"USD": Decimal("112.5")}, by="x"
    )
    services.reconcile(books.pk, day, invariants.look, by="test")
    (found,) = Break.objects.filter(kind="external_differs")
    return found


def test_a_break_is_mended_by_its_adjustment(books: Tenant, difference: Break) -> None:
    lines = line("SUSPENSE", "debit", "12.50"), line("NOSTRO", "credit", "12.50")
    row = propose(books, terms(*lines, mends=difference.pk))
    with pytest.raises(AdjustmentRefused) as caught:
        propose(books, terms(*lines, mends=difference.pk))
    assert codes(caught.value) == {("break", "proposed_already")}
    row = services.approve_adjustment(books.pk, row.pk, by=CHECKER)
    difference.refresh_from_db()
    assert difference.state == "closed"
    assert str(row.entry_id) in difference.note
    again = services.reconcile(books.pk, timezone.now().date(), invariants.look, by="test")
    assert [one for one in again.checks if one["found"]] == []
    with pytest.raises(AdjustmentRefused) as caught:
        propose(books, terms(*lines, mends=difference.pk))
    assert codes(caught.value) == {("break", "closed")}


def body(**changes: Any) -> dict[str, Any]:
    lines = [
        {"account": "CASH:SETTLED", "owner": "ACC-1", "asset": "USD", "side": "debit",
         "amount": "12.50"},
        {"account": "SUSPENSE", "asset": "USD", "side": "credit", "amount": "12.50"},
    ]  # fmt: skip
    return {"reason": "a fee that was charged twice", "lines": lines} | changes


def test_over_http(books: Tenant, client_of: Any) -> None:
    maker, checker, looker = client_of(books), client_of(books), client_of(books, role="auditor")
    assert maker.post(ADDRESS, body(), format="json").status_code == 400  # without a key
    key = {"HTTP_IDEMPOTENCY_KEY": "one"}
    made = maker.post(ADDRESS, body(), format="json", **key)
    assert (made.status_code, made.json()["state"]) == (201, "proposed")
    again = maker.post(ADDRESS, body(), format="json", **key)
    assert (again.status_code, again["Idempotency-Replayed"]) == (200, "true")
    here = f"{ADDRESS}/{made.json()['id']}"
    assert maker.post(f"{here}/approval", {}, format="json").status_code == 403
    assert looker.post(f"{here}/approval", {}, format="json").status_code == 403
    assert looker.get(here).json()["lines"][0]["owner_number"] == "ACC-1"
    stale = checker.post(f"{here}/approval", {"digest": "0" * 64}, format="json")
    assert (stale.status_code, stale.json()["code"]) == (409, "adjustment_changed")
    done = checker.post(f"{here}/approval", {"digest": made.json()["digest"]}, format="json")
    assert (done.status_code, done.json()["state"]) == (200, "approved")
    entry = checker.get(f"/api/v1/ledger/entries/{done.json()['entry']}").json()
    assert [one["amount"] for one in entry["legs"]] == ["12.5", "12.5"]
    assert checker.post(f"{here}/rejection", {"reason": "no"}, format="json").status_code == 422
    late = checker.post(f"{here}/rejection", {"reason": "too late"}, format="json")
    assert (late.status_code, late.json()["code"]) == (409, "adjustment_is_decided")
    listed = looker.get(ADDRESS, {"state": "approved"}).json()["results"]
    assert [one["id"] for one in listed] == [made.json()["id"]]


MALFORMED: list[dict[str, Any]] = [
        {"lines": []}, {"lines": "x"}, {"lines": [{}]}, {"lines": [1, 2]}, {"reason": ""},
        {"reason": "a\x00b"}, {"effective_at": "noon"}, {"break": "x"}, {"break": str(uuid7())},
        {"lines": [{"account": "NOSTRO", "asset": "USD", "side": "debit", "amount": 1.5}] * 2},
    ]  # fmt: skip


def test_what_is_not_well_formed_is_refused(books: Tenant, client_of: Any) -> None:
    api = client_of(books)
    for wrong in MALFORMED:
        answer = api.post(ADDRESS, body(**wrong), format="json", HTTP_IDEMPOTENCY_KEY="k")
        assert 400 <= answer.status_code < 500, wrong
        assert answer["content-type"] == "application/problem+json"


class TestBackOffice:
    def _person(self, client: Client, name: str) -> Client:
        client.force_login(User.objects.create_superuser(name, password="x"))
        return client

    def _fill_in(self, client: Client, tenant: Tenant, lines: str) -> Any:
        form = {
            "tenant": tenant.pk, "reason": "a fee that was charged twice", "written": lines,
            "effective_at_0": "", "effective_at_1": "", "mends": "", "key": str(uuid7()),
        }  # fmt: skip
        return client.post(reverse("admin:ledger_adjustment_add"), form)

    def _act(self, client: Client, action: str, row: Adjustment) -> str:
        form = {"action": action, "_selected_action": [str(row.pk)], "reason": "looked at it"}
        answer = client.post(reverse("admin:ledger_adjustment_changelist"), form, follow=True)
        return str(answer.content.decode())

    def test_one_proposes_and_another_approves(self, books: Tenant) -> None:
        maker, checker = self._person(Client(), "maker"), self._person(Client(), "checker")
        assert maker.get(reverse("admin:ledger_adjustment_add")).status_code == 200
        lines = "debit CASH:SETTLED ACC-1 USD 12.50\ncredit SUSPENSE - USD 12.50\n"
        assert self._fill_in(maker, books, lines).status_code == 302
        row = Adjustment.objects.get()
        assert row.proposed_by == f"user:{User.objects.get(username='maker').pk}"
        page = checker.get(reverse("admin:ledger_adjustment_change", args=[row.pk]))
        assert "SUSPENSE" in page.content.decode()
        assert "proposed" in self._act(maker, "approve", row)
        assert cash(books) == 100
        self._act(checker, "approve", row)
        assert cash(books) == Decimal("112.50")

    def test_what_is_wrong_is_said_beside_the_form(self, books: Tenant) -> None:
        maker = self._person(Client(), "maker")
        page = self._fill_in(maker, books, "debit NOSTRO - USD 5\ncredit SUSPENSE - USD 4")
        assert "leave 1 USD over" in page.content.decode()
        page = self._fill_in(maker, books, "debit NOSTRO\ncredit SUSPENSE - USD much")
        assert "Line 1" in page.content.decode()
        assert "Line 2" in page.content.decode()
        assert not Adjustment.objects.exists()
