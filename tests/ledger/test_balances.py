"""Balances now and as of a time, trial balance, statements: also beyond the marks, and booked late."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from apps.ledger import selectors
from apps.ledger.invariants import INVARIANTS
from apps.ledger.journal import Code, EntryDraft
from apps.ledger.selectors import Moment
from apps.tenants.models import Tenant
from tests.ledger.cast import ACCOUNT, make_draft, post, sql

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
MARK_EVERY = 1024


def deposit(tenant: Tenant, amount: str, owner: UUID = ACCOUNT) -> EntryDraft:
    legs = [
        (Code.CASH_SETTLED, owner, "USD", amount),
        (Code.NOSTRO, None, "USD", str(-Decimal(amount))),
    ]
    return make_draft(tenant.pk, *legs, owner=owner)


def at(tenant: Tenant, when: datetime, owner: UUID = ACCOUNT) -> Decimal:
    found = selectors.balances(tenant.pk, owner, as_of=when)
    return found[0].amount if found else Decimal(0)


def broken() -> list[str]:
    return [
        f"{check.name}: {check.failures}"
        for invariant in INVARIANTS
        if "trading" not in invariant.__module__ and not (check := invariant(None)).ok
    ]


class TestAsOf:
    def test_is_inclusive_and_zero_before_the_first_entry(self, tenant: Tenant) -> None:
        for hour, amount in enumerate(("10", "20", "50")):
            post(deposit(tenant, amount), at=START + timedelta(hours=hour))
        second = timedelta(seconds=1)
        assert [at(tenant, START + timedelta(hours=hour)) for hour in range(3)] == [10, 30, 80]
        assert at(tenant, START - second) == 0
        assert at(tenant, START + timedelta(hours=1) - second) == 10

    def test_is_by_the_time_of_booking_not_of_effect(self, tenant: Tenant) -> None:
        post(deposit(tenant, "10"), at=START)  # effective at noon, known at nine
        assert at(tenant, START) == 10

    def test_agrees_with_a_sum_whatever_the_marks_and_late_entries(self, tenant: Tenant) -> None:
        rng = random.Random(20260302)
        owners = [UUID(int=number) for number in (1, 2, 3)]
        known: list[tuple[datetime, UUID, int]] = []
        for _ in range(30):
            # Mostly onwards in time, sometimes far back; sometimes at a time that was used before.
            when = rng.choice(known)[0] if known and rng.random() < 0.2 else START + timedelta(
                seconds=rng.randrange(100_000))  # fmt: skip
            size = rng.choice((1, 40, 400))
            batch = [(rng.choice(owners), rng.randrange(1, 500)) for _ in range(size)]
            post(*(deposit(tenant, str(amount), owner) for owner, amount in batch), at=when)
            known += [(when, owner, amount) for owner, amount in batch]
        ((marks,),) = sql("SELECT count(*) FROM ledger_balancemark")
        assert marks >= 3, "the test must cross marks"
        for when in [START, *(one[0] for one in rng.sample(known, 60))]:
            for owner in owners:
                expected = sum(x for w, o, x in known if o == owner and w <= when)
                assert at(tenant, when, owner) == expected
        assert broken() == []

    def test_reads_one_mark_and_few_postings_of_a_long_history(self, tenant: Tenant) -> None:
        for number in range(9):
            batch = [deposit(tenant, "1") for _ in range(400)]
            post(*batch, at=START + timedelta(minutes=number))
        marks = sql("SELECT amount FROM ledger_balancemark ORDER BY booked_at")
        assert marks == [(1200,), (2400,), (3200,)]
        assert at(tenant, START + timedelta(minutes=7)) == 3200


class TestTrialBalance:
    def test_is_even_in_every_asset(self, tenant: Tenant) -> None:
        post(deposit(tenant, "100"), deposit(tenant, "-30.5", UUID(int=2)))
        post(deposit(tenant, "7"), partition=9)
        (row,) = selectors.trial_balance(tenant.pk)
        assert (row.asset, row.debit, row.credit) == ("USD", 107, 107)

    def test_is_each_tenants_own(self, tenant: Tenant, other: Tenant) -> None:
        post(deposit(other, "5"))
        assert selectors.trial_balance(tenant.pk) == []


class TestStatement:
    END = START + timedelta(days=1)

    def whole(self, tenant: Tenant, limit: int) -> list[tuple[Decimal, Decimal]]:
        lines, after = [], Moment.just_before(START)
        while True:
            page = selectors.statement(tenant.pk, ACCOUNT, after=after, until=self.END, limit=limit)
            lines += [(line.amount, line.balance) for line in page.lines]
            if page.next is None:
                return lines
            after = page.next

    def test_runs_the_balance_through_the_period(self, tenant: Tenant) -> None:
        post(deposit(tenant, "1000"), at=START - timedelta(days=1))
        post(deposit(tenant, "10"), at=START)
        post(deposit(tenant, "-4"), at=START + timedelta(hours=1))
        post(deposit(tenant, "99"), at=self.END)
        page = selectors.statement(
            tenant.pk, ACCOUNT, after=Moment.just_before(START), until=self.END
        )
        assert [one.amount for one in page.opening] == [1000]
        assert [(line.side, line.amount, line.balance) for line in page.lines] == [
            ("debit", 10, 1010),
            ("credit", -4, 1006),
        ]

    @pytest.mark.parametrize("limit", [1, 2, 7, 1000])
    def test_reads_the_same_in_pages_of(self, tenant: Tenant, limit: int) -> None:
        # Several entries of one time, so that pages break inside a moment.
        post(*(deposit(tenant, str(number)) for number in range(1, 13)), at=START)
        post(deposit(tenant, "100"), at=START + timedelta(hours=1))
        lines = self.whole(tenant, limit)
        assert len(lines) == 13
        running = Decimal(0)
        for amount, balance in lines:
            running += amount
            assert balance == running
        assert lines[-1][1] == 178
