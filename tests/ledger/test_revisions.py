"""Cancelled and amended trades: linked entries, in one transaction, that undo exactly."""

import random
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest

from apps.core.ids import uuid7
from apps.events.contracts import partition_of
from apps.events.services import drain, unit_of_work
from apps.events.services.replaying import replay
from apps.ledger import invariants, selectors
from apps.ledger.journal import Code
from apps.ledger.selectors.owners import HANDLER
from apps.ledger.services import book_facts
from apps.tenants.models import Tenant
from apps.trading.events import TradeAmended, TradeCancelled, TradeExecuted
from tests.ledger.cast import ACCOUNT, amended, cancelled, make_fee, make_trade, sql

PARTITION = partition_of(str(ACCOUNT))
Deal = TradeExecuted | TradeAmended


def tell(tenant: Tenant, *facts: Deal | TradeCancelled) -> None:
    with unit_of_work() as work:
        for fact in facts:
            work.publish(fact, tenant=tenant.pk, key=str(fact.account_id))


def balances() -> set[tuple[str, Decimal]]:
    rows = sql(
        """SELECT a.code, sum(b.amount) FROM ledger_balance b
           JOIN ledger_ledgeraccount a ON a.id = b.ledger_account_id GROUP BY 1"""
    )
    return {(code, amount) for code, amount in rows if amount}


def ok() -> list[str]:
    return [
        f"{check.name}: {text}"
        for look in invariants.INVARIANTS
        if look.__name__ not in {"positions_equal_ledger_units", "cash_is_what_positions_earned"}
        for check in [look(None)]
        for text in check.failures
    ]


def test_a_cancellation_reverses_and_an_amendment_rebooks(tenant: Tenant) -> None:
    trade = make_trade(fees=(make_fee("commission", "5.00"),))
    second = amended(trade, "60")
    tell(tenant, trade, second)
    drain(HANDLER, "trade", PARTITION)
    page = selectors.entries(tenant.pk, trade=trade.trade_id).entries
    assert [entry.kind for entry in page] == ["TRADE", "REVERSAL", "TRADE"]
    assert page[1].reverses == page[0].id
    assert page[2].source == f"trade:{trade.trade_id}:2"
    assert {entry.effective_at for entry in page} == {trade.executed_at}
    first = page[2].legs[0]
    assert (first.account, first.asset, first.amount) == ("SEC:UNSETTLED", "XYZ", 60)
    tell(tenant, cancelled(second))
    drain(HANDLER, "trade", PARTITION)
    assert balances() == set()
    assert ok() == []
    assert replay(HANDLER).ok


def test_a_batch_that_executes_amends_and_cancels_is_booked_in_its_order(tenant: Tenant) -> None:
    trades = [make_trade(price=str(n)) for n in range(1, 6)]
    versions = [amended(trade, "7") for trade in trades]
    facts = [*trades, *versions, *(cancelled(one) for one in versions[:3])]
    book_facts([(tenant.pk, fact) for fact in facts], partition=PARTITION)
    book_facts([(tenant.pk, fact) for fact in facts], partition=PARTITION)
    units = selectors.balance(tenant.pk, ACCOUNT, Code.SEC_UNSETTLED, "XYZ")
    assert units == 14
    assert sql("SELECT kind, count(*) FROM ledger_journalentry GROUP BY 1 ORDER BY 1") == [
        ("REVERSAL", 8), ("TRADE", 10),
    ]  # fmt: skip


def test_a_revision_of_a_trade_that_was_never_booked_parks_its_account(tenant: Tenant) -> None:
    tell(tenant, cancelled(make_trade()), make_trade())
    drain(HANDLER, "trade", PARTITION)
    assert sql("SELECT key FROM events_parkedkey") == [(str(ACCOUNT),)]
    assert sql("SELECT count(*) FROM ledger_journalentry") == [(0,)]


@pytest.mark.parametrize("seed", range(3))
def test_reversing_everything_returns_every_account_to_zero(seed: int, tenant: Tenant) -> None:
    """I9, over trades of both sides, two currencies, inverse contracts, fees and rebates."""
    dice = random.Random(seed)
    owners = [uuid7() for _ in range(3)]
    live: dict[UUID, Deal] = {}
    facts: list[Deal | TradeCancelled] = []
    for _ in range(120):
        if live and dice.random() < 0.5:
            trade = live[dice.choice(list(live))]
            if dice.random() < 0.5:
                facts.append(cancelled(live.pop(trade.trade_id)))
            else:
                live[trade.trade_id] = amended(trade, str(dice.randint(1, 500)))
                facts.append(live[trade.trade_id])
        else:
            trade = make_trade(
                account_id=dice.choice(owners),
                side=dice.choice(("buy", "sell")),
                quantity=str(dice.randint(1, 500)),
                price=f"{dice.randint(100, 9_999) / 100:.2f}",
                symbol=dice.choice(("XYZ", "ABC")),
                currency=dice.choice(("USD", "EUR")),
                fees=(make_fee("commission", dice.choice(("1.25", "-0.50"))),),
            )
            trade = msgspec.structs.replace(
                trade, fees=tuple(msgspec.structs.replace(fee, currency=trade.currency)
                                  for fee in trade.fees)
            )  # fmt: skip
            live[trade.trade_id] = trade
            facts.append(trade)
    book_facts([(tenant.pk, fact) for fact in facts], partition=PARTITION)
    assert ok_but_told() == []
    book_facts([(tenant.pk, cancelled(one)) for one in live.values()], partition=PARTITION)
    assert balances() == set()


def ok_but_told() -> list[str]:
    """Faults, but for those of facts that were booked without a log."""
    return [text for text in ok() if "(I10)" not in text]
