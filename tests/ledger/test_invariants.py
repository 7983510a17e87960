"""Every invariant holds over real business, and each one sees the damage that it is there for."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from apps.core.ids import uuid7
from apps.events.contracts import PARTITIONS, partition_of
from apps.events.invariants import Check
from apps.events.services import drain, unit_of_work
from apps.ledger import services
from apps.ledger.invariants import INVARIANTS, journal, trading
from apps.ledger.invariants.chain import archived_months_are_as_archived
from apps.ledger.journal import BookedEntry, reversal_of
from apps.ledger.selectors.owners import HANDLER
from apps.tenants.models import Tenant
from apps.trading.events import TradeCancelled, TradeExecuted
from apps.trading.models import Instrument
from tests.ledger.books import damage
from tests.ledger.cast import (
    ACCOUNT,
    cancelled,
    guards_off,
    make_draft,
    make_fee,
    make_trade,
    post,
    sql,
)

POSITIONS = "trading.apply_trades"
PARTITION = partition_of(str(ACCOUNT))


@pytest.fixture
def instruments(tenant: Tenant) -> dict[str, Instrument]:
    """One of each kind: plain, with a multiplier, inverse."""
    terms: dict[str, dict[str, Any]] = {
        "XYZ": {"kind": "equity", "currency": "USD"},
        "ESZ6": {"kind": "future", "currency": "USD", "multiplier": 50},
        "XBTUSD": {"kind": "future", "currency": "BTC", "inverse": True},
    }
    shared = {"tenant": tenant, "multiplier": 1, "inverse": False, "settlement_days": 1}
    return {
        symbol: Instrument.objects.create(symbol=symbol, name=symbol, **shared | one)
        for symbol, one in terms.items()
    }


def trade_of(instrument: Instrument, side: str, quantity: str, price: str) -> TradeExecuted:
    return make_trade(
        instrument_id=instrument.pk,
        symbol=instrument.symbol,
        currency=instrument.currency,
        multiplier=str(instrument.multiplier),
        inverse=instrument.inverse,
        side=side,
        quantity=quantity,
        price=price,
        fees=(make_fee("commission", "0.7", instrument.currency),),
    )


def tell(tenant: Tenant, *trades: TradeExecuted | TradeCancelled) -> None:
    with unit_of_work() as work:
        for trade in trades:
            work.publish(trade, tenant=tenant.pk, key=str(trade.account_id))


@pytest.fixture
def business(tenant: Tenant, instruments: dict[str, Instrument]) -> None:
    """Trades up, down, through zero and in thirds, seen by ledger and positions; cash; a reversal."""
    for instrument in instruments.values():
        tell(
            tenant,
            trade_of(instrument, "buy", "12", "100.1"),
            trade_of(instrument, "buy", "17", "99.3"),
            trade_of(instrument, "sell", "9", "101.7"),
            trade_of(instrument, "sell", "40", "105.11"),
            trade_of(instrument, "buy", "3", "103.9"),
        )
        wrong = trade_of(instrument, "buy", "5", "104.2")
        tell(tenant, wrong, cancelled(wrong))
    for handler in (HANDLER, POSITIONS):
        drain(handler, "trade", PARTITION)
    services.transfer_cash(
        tenant.pk, account=str(ACCOUNT), currency="USD", amount=Decimal(1000), reference="r"
    )
    draft = make_draft(tenant.pk)
    one = post(draft)[0]
    post(reversal_of(BookedEntry(one.id, one.booked_at, draft)))
    services.seal_blocks(slack=-timedelta(seconds=5))


@pytest.mark.parametrize("invariant", INVARIANTS, ids=lambda one: one.__name__)
def test_holds_over_real_business(business: None, tenant: Tenant, invariant: Any) -> None:
    for tenant_id in (None, tenant.pk):
        check = invariant(tenant_id)
        assert check.ok, check.failures
        # Marks come with a thousand postings on one account, archives with time: other tests.
        assert check.checked > 0 or invariant in {
            journal.marks_are_what_balances_were,
            archived_months_are_as_archived,
        }


def test_all_hold_over_nothing(tenant: Tenant) -> None:
    assert [check.name for one in INVARIANTS if not (check := one(None)).ok] == []


DAMAGE = {
    "an amount raised": (
        "ledger_posting",
        "UPDATE ledger_posting SET amount = amount + 1 WHERE leg = 1",
        [journal.entries_balance, journal.balances_are_the_sum_of_their_postings],
    ),
    "a leg removed": (
        "ledger_posting",
        "DELETE FROM ledger_posting WHERE leg = 2",
        [journal.entries_have_all_their_legs, journal.entries_balance],
    ),
    "an entry removed": (
        "ledger_journalentry",
        "DELETE FROM ledger_journalentry WHERE kind = 'TRADE'",
        [journal.postings_have_an_entry, trading.trades_have_their_entry],
    ),
    "a reversal removed": (
        "ledger_journalentry",
        "DELETE FROM ledger_journalentry WHERE kind = 'REVERSAL' AND trade_id IS NOT NULL",
        [journal.postings_have_an_entry, trading.revised_trades_are_reversed],
    ),
    "a trade made up": (
        "ledger_journalentry",
        (
            "UPDATE ledger_journalentry SET source = 'trade:x:1' WHERE id IN "
            "(SELECT id FROM ledger_journalentry WHERE kind = 'TRADE' LIMIT 1)"
        ),
        [trading.entries_of_trades_have_a_trade, trading.trades_have_their_entry],
    ),
    "a balance raised": (
        "ledger_balance",
        "UPDATE ledger_balance SET amount = amount + 1 WHERE asset = 'USD'",
        [journal.every_asset_sums_to_zero, journal.balances_are_the_sum_of_their_postings],
    ),
    "a balance removed": (
        "ledger_balance",
        "DELETE FROM ledger_balance WHERE asset = 'XYZ'",
        [journal.balances_are_the_sum_of_their_postings, trading.positions_equal_ledger_units],
    ),
    "a mark made up": (
        "ledger_balancemark",
        (
            "INSERT INTO ledger_balancemark (ledger_account_id, asset, booked_at, amount) "
            "SELECT ledger_account_id, asset, booked_at, amount + 1 FROM ledger_balance "
            "WHERE marked_at IS NOT NULL"
        ),
        [journal.marks_are_what_balances_were],
    ),
    "a reversal weakened": (
        "ledger_posting",
        (
            "UPDATE ledger_posting SET amount = amount / 2 WHERE entry_id IN "
            "(SELECT id FROM ledger_journalentry WHERE kind = 'REVERSAL')"
        ),
        [journal.reversals_negate],
    ),
    "a position moved": (
        "trading_position",
        "UPDATE trading_position SET quantity = quantity * 2, cost = cost * 2",
        [trading.positions_equal_ledger_units, trading.cash_is_what_positions_earned],
    ),
}


@pytest.mark.parametrize(("table", "statement", "seen_by"), DAMAGE.values(), ids=DAMAGE)
def test_is_seen(business: None, table: str, statement: str, seen_by: list[Any]) -> None:
    with guards_off(table):
        sql(statement)
    for invariant in seen_by:
        check = invariant(None)
        assert not check.ok, invariant.__name__
        assert check.failures


class TestAHandlerThatIsBehind:
    def compared(self) -> tuple[Check, Check]:
        return (
            trading.positions_equal_ledger_units(None),
            trading.cash_is_what_positions_earned(None),
        )

    def test_is_not_a_break(self, tenant: Tenant, instruments: dict[str, Instrument]) -> None:
        tell(tenant, trade_of(instruments["XYZ"], "buy", "1", "10"))
        drain(HANDLER, "trade", PARTITION)
        units, cash = self.compared()
        # Units are compared at the offset that both have reached: before the trade, where both are 0.
        assert (units.ok, units.checked) == (True, 1)
        assert (cash.ok, cash.checked) == (True, 0)
        assert "1 not compared" in cash.name
        drain(POSITIONS, "trade", PARTITION)
        for check in self.compared():
            assert (check.ok, check.checked) == (True, 1)

    def test_hides_no_other_account(
        self, tenant: Tenant, instruments: dict[str, Instrument]
    ) -> None:
        ours = next(uid for uid in iter(uuid7, None) if partition_of(str(uid)) != PARTITION)
        late = trade_of(instruments["XYZ"], "buy", "1", "10")
        done = make_trade(account_id=ours, instrument_id=instruments["XYZ"].pk)
        tell(tenant, late, done)
        for handler in (HANDLER, POSITIONS):
            drain(handler, "trade", partition_of(str(ours)))
        for check in self.compared():
            assert (check.ok, check.checked) == (True, 1)

    def test_because_its_key_is_parked_is_not_a_break(
        self, tenant: Tenant, instruments: dict[str, Instrument]
    ) -> None:
        bad = make_trade(
            instrument_id=instruments["XYZ"].pk, fees=(make_fee("commission", "1e-13"),)
        )
        tell(tenant, bad)
        for handler in (HANDLER, POSITIONS):
            drain(handler, "trade", PARTITION)
        assert sql("SELECT handler FROM events_parkedkey") == [(HANDLER,)]
        for check in self.compared():
            assert (check.ok, check.checked) == (True, 0)
        assert trading.trades_have_their_entry(None).ok


def test_where_the_log_was_archived_its_silence_says_nothing(
    tenant: Tenant, instruments: dict[str, Instrument]
) -> None:
    """In the partition of the account's facts: the one in the entry is that of the drain."""
    tell(tenant, trade_of(instruments["XYZ"], "buy", "1", "10"))
    drain(HANDLER, "trade", PARTITION)
    of_the_drain = (PARTITION + 1) % PARTITIONS
    with guards_off("ledger_journalentry"):
        sql("UPDATE ledger_journalentry SET partition = %s", [of_the_drain])
    damage("DELETE FROM events_event WHERE topic = 'trade' AND partition = %s", PARTITION)
    assert not trading.entries_of_trades_have_a_trade(None).ok
    for number, is_excused in ((of_the_drain, False), (PARTITION, True)):
        sql("UPDATE events_partition SET floor = 9 WHERE topic = 'trade' AND number = %s", [number])
        assert trading.entries_of_trades_have_a_trade(None).ok is is_excused


def test_at_most_twenty_failures_are_listed(tenant: Tenant) -> None:
    post(*(make_draft(tenant.pk) for _ in range(30)))
    with guards_off("ledger_posting"):
        sql("UPDATE ledger_posting SET amount = amount * 2 WHERE leg = 1")
    check = journal.entries_balance(None)
    assert len(check.failures) == 20


def test_of_one_tenant_says_nothing_of_another(tenant: Tenant, other: Tenant) -> None:
    post(make_draft(tenant.pk))
    post(make_draft(other.pk))
    with guards_off("ledger_posting"):
        sql("UPDATE ledger_posting SET amount = amount * 2 WHERE leg = 1 AND tenant_id = %s",
            [other.pk])  # fmt: skip
    assert journal.entries_balance(tenant.pk).ok
    assert not journal.entries_balance(other.pk).ok
