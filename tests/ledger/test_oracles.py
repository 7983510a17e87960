"""What established ledgers expect of themselves, asked of ours.

The figures are in `oracles/`, with the source of each case. An account of theirs is a client account
of ours; a transfer is an entry of two legs, a batch one call, a journal one entry.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import pytest

from apps.core.exceptions import DomainError
from apps.core.ids import uuid7
from apps.ledger import selectors
from apps.ledger.invariants.journal import balances_are_the_sum_of_their_postings, entries_balance
from apps.ledger.journal import Code, EntryDraft, Kind, Leg
from apps.ledger.models import LedgerAccount
from apps.ledger.selectors import Line
from apps.tenants.models import Tenant
from tests.ledger.cast import NOON, at_once, post

ORACLES = Path(__file__).parent / "oracles"
CASES = {
    case["case"]: case
    for name in ("transfer_cases.json", "journal_cases.json")
    for case in json.loads((ORACLES / name).read_text())
}

# Steps that say something of their model, not of ours.
NOT_OURS = {
    ("PL08", 1): "a negative amount is refused there; our legs are signed: it is the way back",
}
# Families of which no case is carried over.
NOT_EXPRESSED = {
    "hold_cases": "holds that expire or are voided: here what is pending stays unsettled until it "
    "is settled, and never lapses by itself",
    "split_cases": "shares of one amount are `apps.core.money.allocate`, tested in tests/core; here "
    "a share that is left over goes to the last one, not unit by unit from the first",
}
NORMALLY_CREDIT = {"liability", "income", "equity"}
BEGINNING, END = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


class Play:
    """One case, played on one tenant."""

    def __init__(self, tenant: Tenant, case: dict[str, Any]) -> None:
        self.tenant, self.case = tenant, case
        self.accounts = {one["id"]: one for one in case["accounts"]}
        self.clock = NOON
        for name, one in self.accounts.items():
            LedgerAccount.objects.create(
                tenant=tenant,
                code=Code.CASH_SETTLED,
                owner=self.owner(name),
                owner_number=name,
                kind="client",
                may_be_negative=one.get("may_be_negative", True),
                may_be_positive=one.get("may_be_positive", True),
            )

    def owner(self, name: str) -> UUID:
        return uuid5(NAMESPACE_URL, f"{self.case['case']}/{name}")

    def leg(self, name: str, amount: Decimal) -> Leg:
        asset = self.accounts[name]["currency"]
        return Leg(Code.CASH_SETTLED.value, self.owner(name), asset, amount)

    def draft(self, legs: tuple[Leg, ...], reference: str = "") -> EntryDraft:
        source = f"{reference}:{uuid7()}"
        return EntryDraft(Kind.FEE, source, self.tenant.pk, self.clock, legs)

    def batch(self, items: list[dict[str, str]]) -> list[EntryDraft]:
        return [
            self.draft(
                (
                    self.leg(one["from"], -Decimal(one["amount"])),
                    self.leg(one["to"], Decimal(one["amount"])),
                ),
                one.get("reference", ""),
            )
            for one in items
        ]

    def lines(self, name: str) -> Iterator[Line]:
        return selectors.statement_lines(
            self.tenant.pk, self.owner(name), since=BEGINNING, until=END
        )

    def balance(self, name: str) -> Decimal:
        one = self.accounts[name]
        held = selectors.balance(
            self.tenant.pk, self.owner(name), Code.CASH_SETTLED, one["currency"]
        )
        return -held if one.get("type") in NORMALLY_CREDIT else held

    # --- steps ---

    def transfers(self, step: dict[str, Any]) -> None:
        self.clock += timedelta(seconds=1)
        at = datetime.fromisoformat(step["at"]) if "at" in step else self.clock
        batch = self.batch(step["items"])
        if step["expect"] == "accepted":
            assert all(one.is_new for one in post(*batch, at=at))
        else:
            with pytest.raises(DomainError):
                post(*batch, at=at)

    def journal(self, step: dict[str, Any]) -> None:
        legs = tuple(
            self.leg(one["account"], Decimal(one.get("debit", 0)) - Decimal(one.get("credit", 0)))
            for one in step["lines"]
        )
        post(self.draft(legs))

    def concurrent(self, step: dict[str, Any]) -> None:
        def write(number: int, writer: dict[str, Any]) -> None:
            for _ in range(writer["times"]):
                post(*self.batch(writer["items"]), partition=number)

        raised = at_once([partial(write, *one) for one in enumerate(step["writers"])])
        assert raised == [None] * len(step["writers"])

    def expect_balances(self, step: dict[str, Any]) -> None:
        expected = {name: Decimal(amount) for name, amount in step["balances"].items()}
        assert {name: self.balance(name) for name in expected} == expected

    def expect_entries(self, step: dict[str, Any]) -> None:
        found = [
            (line.amount, line.balance - line.amount, line.balance, version)
            for version, line in enumerate(self.lines(step["account"]), 1)
        ]
        assert found == [
            (
                Decimal(one["amount"]),
                Decimal(one["balance_before"]),
                Decimal(one["balance_after"]),
                one["version"],
            )
            for one in step["entries"]
        ]
        (now,) = selectors.balances(self.tenant.pk, self.owner(step["account"]))
        assert now.version == step["entries"][-1]["version"]

    def expect_balance_at(self, step: dict[str, Any]) -> None:
        at = datetime.fromisoformat(step["at"])
        found = selectors.balances(self.tenant.pk, self.owner(step["account"]), as_of=at)
        assert [one.amount for one in found] == [Decimal(step["balance"])]

    def expect_sum_by_reference(self, step: dict[str, Any]) -> None:
        sums = dict.fromkeys(step["sums"], Decimal(0))
        for line in self.lines(step["account"]):
            sums[line.source.split(":")[0]] += line.amount
        assert sums == {name: Decimal(amount) for name, amount in step["sums"].items()}


@pytest.mark.parametrize("name", CASES, ids=lambda name: f"{name} {CASES[name]['title']}")
def test_case(tenant: Tenant, name: str) -> None:
    case = CASES[name]
    play = Play(tenant, case)
    for number, step in enumerate(case["steps"]):
        if (name, number) not in NOT_OURS:
            getattr(play, step["op"])(step)
    assert entries_balance(None).ok
    assert balances_are_the_sum_of_their_postings(None).ok


def test_every_step_left_out_exists_and_says_why() -> None:
    for (name, number), reason in NOT_OURS.items():
        assert CASES[name]["steps"][number]["op"]
        assert reason
    assert set(NOT_EXPRESSED) == {"hold_cases", "split_cases"}
