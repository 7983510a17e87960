"""The whole chain at random: trades, corrections, settlements, splits and dividends, of both cost methods.

Whatever happens, the books say the same as the positions, and as the bank.
"""

import random
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from apps.core.ids import uuid7
from apps.core.money import ZERO, round_to
from apps.events.services import replay
from apps.ledger import invariants as ledger
from apps.ledger import services as books
from apps.ledger.journal import BookedEntry, EntryDraft, Kind, Leg, reversal_of
from apps.ledger.models import JournalEntry
from apps.ledger.selectors import legs_of
from apps.ledger.selectors.owners import HANDLER
from apps.ledger.services import AdjustmentTerms, Line
from apps.settlement import invariants as settlement
from apps.settlement.models import Settlement
from apps.settlement.services import receive_notices
from apps.tenants.models import Tenant
from apps.trading import invariants as trading
from apps.trading import services
from apps.trading.selectors.exposure import FOLDER
from apps.trading.services import ActionTerms, Revision
from tests.ledger.cast import sql
from tests.settlement.cast import drive, settle_down
from tests.settlement.clearing import ClearingHouse
from tests.trading.cast import ask, book, list_instrument, open_account

D = Decimal
NUMBERS = ("ACC-1", "ACC-2")
RATIOS = ((2, 3), (3, 7), (1, 4), (3, 2), (1, 11))
DAYS = 12  # the story begins so many days ago; one ex-date lies in its middle


@dataclass
class Desk:
    """Two accounts that do the same, one by average and one by FIFO."""

    tenant: Tenant
    house: ClearingHouse
    dice: random.Random
    day: int = DAYS
    live: list[tuple[UUID, UUID]] = field(default_factory=list)
    """Pairs of trades that may still be revised."""
    transferred: Decimal = ZERO
    dividends: Decimal = ZERO
    """Credited to either, less what was debited, as we reckon; cash in lieu is realised profit."""

    def deal(self, side: str, quantity: Decimal, price: Decimal) -> None:
        """The same trade for both."""
        at = (timezone.now() - timedelta(days=self.day)).isoformat()
        given: dict[str, Any] = {
            "side": side, "quantity": str(quantity), "price": str(price), "executed_at": at,
            "fees": [("commission", "0.35")],
        }  # fmt: skip
        outcomes = book(self.tenant.pk, *(ask(account=one, **given) for one in NUMBERS))
        one, other = (found.trade for found in outcomes)
        assert one is not None, outcomes
        assert other is not None, outcomes
        self.live.append((one.id, other.id))

    def revise(self) -> None:
        """Cancel or amend one of them, for both."""
        pair = self.dice.choice(self.live)
        amends = self.dice.random() < 0.5
        terms = {"quantity": D(self.dice.randint(51, 80))} if amends else {}
        for trade in pair:
            asked = Revision(trade=str(trade), reason="wrong", key=str(uuid7()), **terms)
            call = services.amend_trade if amends else services.cancel_trade
            call(self.tenant.pk, "key:test", asked, now=timezone.now())
        if not amends:
            self.live.remove(pair)

    def transfer(self) -> None:
        """Cash in, for both."""
        amount = D(self.dice.randint(1, 10_000))
        for number in NUMBERS:
            books.transfer_cash(
                self.tenant.pk, account=number, currency="USD", amount=amount,
                reference=str(uuid7()),
            )  # fmt: skip
        self.transferred += amount

    def settle(self, *, whole: bool = False) -> None:
        """Let clearing confirm some of what is open, in whole or in part; or all of it."""
        settle_down()
        drive()
        open_ones = Settlement.objects.filter(state="instructed").order_by("id")
        notices = []
        for one in open_ones:
            rest = one.quantity - one.settled - one.pending
            part = rest if whole or self.dice.random() < 0.5 else min(rest, D(7))
            if whole or self.dice.random() < 0.6:
                notices.append(self.house.confirm(one.instruction_id, str(part)))
        receive_notices(self.tenant.pk, "simulator", notices)
        settle_down()

    def held(self, side: str, quantity: int) -> Decimal:
        """What both hold after another trade: never nothing."""
        self.deal(side, D(quantity), D(50))
        settle_down()
        ((quantity,),) = sql("SELECT DISTINCT quantity FROM trading_position")
        assert quantity
        return Decimal(quantity)

    def uneven(self) -> dict[str, Any]:
        """A split that leaves both a fraction, which is paid in cash."""
        quantity = self.held("buy", self.dice.randint(1, 50))
        leaving = [one for one in RATIOS if quantity * one[0] % one[1]]
        new, old = self.dice.choice(leaving)
        return {"new_units": D(new), "old_units": D(old), "cash_in_lieu_price": D("41.37")}

    def act(self, kind: str, reference: str) -> None:
        """A corporate action whose ex-date is a day later; trades follow behind it."""
        terms = self.uneven() if kind == "split" else {}
        ex = (timezone.now() - timedelta(days=self.day - 1)).date()
        if kind == "dividend":
            terms = {
                "amount": D("0.1234"),
                "pay_date": ex + timedelta(days=self.dice.choice((0, 60))),
            }
            short = self.held("sell", 1_000)  # who is short pays it
            self.dividends += round_to(short * D("0.1234"), 2)
        asked = ActionTerms(reference=reference, instrument="XYZ", kind=kind, ex_date=ex, **terms)
        row, _ = services.announce_action(self.tenant.pk, asked, by="user:1")
        if asked.cash_in_lieu_price is not None:
            price = asked.cash_in_lieu_price
            services.confirm_price(self.tenant.pk, row.pk, price=price, by="user:2")
        assert services.apply_actions(timezone.now()) >= 1
        if kind == "split":
            settle_down()
            assert sql("SELECT count(*) FROM ledger_journalentry WHERE source LIKE '%%:lieu'") == [
                (2,)
            ]
        self.day -= 2
        self.live.clear()  # what was dealt before it stays

    def step(self) -> None:
        """One thing at random."""
        chance = self.dice.random()
        if chance < 0.55 or not self.live:
            price = D(self.dice.randint(1_000, 9_999)) / 100
            self.deal(self.dice.choice(("buy", "sell")), D(self.dice.randint(1, 50)), price)
        elif chance < 0.75:
            self.revise()
        elif chance < 0.85:
            self.transfer()
        else:
            self.settle()

    def cash(self, number: str) -> Decimal:
        """All that the client has or is owed."""
        return self._sum(
            "SELECT sum(b.amount) FROM ledger_balance b JOIN ledger_ledgeraccount a"
            " ON a.id = b.ledger_account_id WHERE a.code LIKE 'CASH:%%' AND a.owner_number = %s",
            number,
        )

    def _sum(self, query: str, number: str) -> Decimal:
        return sql(query, [number])[0][0] or D(0)


@pytest.mark.parametrize("seed", range(1))  # each more is a story more
def test_the_books_stand_whatever_happens(seed: int, tenant: Tenant, house: ClearingHouse) -> None:
    desk = Desk(tenant, house, random.Random(seed))
    for number, method in zip(NUMBERS, ("average", "fifo"), strict=True):
        open_account(tenant.pk, number, cost_method=method)
    list_instrument(tenant.pk, lot_size=D(1))
    for part in range(3):
        for _ in range(9):
            desk.step()
        if part < 2:
            desk.act(("split", "dividend")[part], f"A-{part}")
    settle_down()
    identity(desk)
    everything_agrees(tenant)

    # I7: flat, both methods have earned the same.
    ((quantity,),) = sql("SELECT DISTINCT quantity FROM trading_position")
    if quantity:
        desk.deal("sell" if quantity > 0 else "buy", abs(quantity), D(42))
    desk.settle(whole=True)
    desk.settle(whole=True)
    rows = sql("SELECT DISTINCT quantity, cost, realised_pnl, fees FROM trading_position")
    assert len(rows) == 1
    assert rows[0][:2] == (0, 0)
    identity(desk)
    everything_agrees(tenant)

    # I8: replay makes the very rows.
    for handler in (FOLDER, HANDLER, "settlement.open_settlements"):
        assert replay(handler).ok, handler

    # I9: with every entry undone, every account is where it began.
    adjust(desk)
    undo_everything(tenant)
    left = (
        "SELECT ledger_account_id, asset FROM ledger_balance GROUP BY 1, 2 HAVING sum(amount) <> 0"
    )
    assert sql(left) == []


def identity(desk: Desk) -> None:
    """I6: cash is what was transferred, earned, paid in fees and dividends, less what is open at cost."""
    for number in NUMBERS:
        ((cost, realised, fees),) = sql(
            "SELECT p.cost, p.realised_pnl, p.fees FROM trading_position p"
            " JOIN trading_clientaccount a ON a.id = p.account_id WHERE a.number = %s",
            [number],
        )
        wanted = desk.transferred + realised - cost - fees + desk.dividends
        assert desk.cash(number) == wanted, number


def everything_agrees(tenant: Tenant) -> None:
    checks = (*trading.INVARIANTS, *ledger.INVARIANTS, *settlement.INVARIANTS)
    assert [found for one in checks if not (found := one(tenant.pk)).ok] == []
    run = books.reconcile(tenant.pk, timezone.now().date(), ledger.look, by="test")
    assert [one for one in run.checks if one["found"]] == []


def adjust(desk: Desk) -> None:
    """An adjustment among the entries."""
    lines = (
        Line("CASH:SETTLED", "ACC-1", "USD", "debit", D("0.01")),
        Line("ROUNDING", "", "USD", "credit", D("0.01")),
    )
    terms = AdjustmentTerms("a cent that was lost", lines)
    row, _ = books.propose_adjustment(desk.tenant.pk, terms, by="user:1", key="k")
    books.approve_adjustment(desk.tenant.pk, row.pk, by="user:2")


def undo_everything(tenant: Tenant) -> None:
    """Reverse every entry that nobody has reversed."""
    entries = JournalEntry.objects.for_tenant(tenant.pk).exclude(kind=Kind.REVERSAL)
    standing = [one for one in entries.order_by("id") if not one.reversed_by.exists()]
    legs = legs_of((one.id, one.booked_at) for one in standing)
    drafts = [
        reversal_of(
            BookedEntry(
                one.id,
                one.booked_at,
                EntryDraft(
                    kind=one.kind,
                    source=one.source,
                    tenant=tenant.pk,
                    effective_at=one.effective_at,
                    legs=tuple(
                        Leg(leg.account, leg.owner, leg.asset, leg.amount) for leg in legs[one.id]
                    ),
                    owner=one.owner,
                    trade_id=one.trade_id,
                ),
            )
        )
        for one in standing
    ]
    books.post_entries(drafts, partition=0)
