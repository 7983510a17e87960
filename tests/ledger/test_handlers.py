"""The ledger hears trading: through the log, in batches, in order, once."""

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.core.ids import uuid7
from apps.events import registry
from apps.events.contracts import Event, partition_of
from apps.events.registry import Batch, Recorded
from apps.events.services import drain, unit_of_work
from apps.events.services.replaying import replay
from apps.ledger import selectors
from apps.ledger.handlers import book_trades
from apps.ledger.journal import CLIENT_CODES, Code
from apps.ledger.models import JournalEntry, LedgerAccount
from apps.ledger.selectors.owners import HANDLER
from apps.tenants.models import Tenant
from apps.trading.events import AccountOpened, TradeExecuted
from tests.ledger.cast import ACCOUNT, guards_off, make_fee, make_trade, sql

PARTITION = partition_of(str(ACCOUNT))


def tell(tenant: Tenant, *facts: Event) -> None:
    with unit_of_work() as work:
        for fact in facts:
            work.publish(fact, tenant=tenant.pk, key=str(fact.account_id))


def opened(account: UUID = ACCOUNT, number: str = "ACC-1") -> AccountOpened:
    return AccountOpened(
        account_id=account, number=number, name="A", base_currency="USD", cost_method="average"
    )


def drain_all() -> None:
    for partition in range(64):
        drain(HANDLER, "trade", partition)


def test_the_handler_is_registered_on_its_lane() -> None:
    found = registry.handler(HANDLER)
    assert (found.lane, found.topics) == ("ledger", ("trade",))


def test_an_opened_account_gets_its_four_ledger_accounts(tenant: Tenant) -> None:
    tell(tenant, opened())
    drain(HANDLER, "trade", PARTITION)
    rows = LedgerAccount.objects.values_list("code", "owner", "owner_number", "kind")
    assert set(rows) == {(code.value, ACCOUNT, "ACC-1", "client") for code in CLIENT_CODES}


def test_a_trade_is_booked_and_told(tenant: Tenant) -> None:
    trade = make_trade(fees=(make_fee("commission", "5.00"), make_fee("exchange", "0.25")))
    tell(tenant, opened(), trade)
    drain(HANDLER, "trade", PARTITION)
    page = selectors.entries(tenant.pk, trade=trade.trade_id)
    assert [entry.source for entry in page.entries] == [f"trade:{trade.trade_id}:1"]
    cash = selectors.balance(tenant.pk, ACCOUNT, Code.CASH_UNSETTLED, "USD")
    assert cash == Decimal("-5005.25")
    assert sql("SELECT name, key FROM events_event WHERE topic = 'ledger'") == [
        ("ledger.entries.posted", str(ACCOUNT))
    ]


def test_a_batch_of_two_tenants_and_many_accounts_is_one_fold(
    tenant: Tenant, other: Tenant
) -> None:
    accounts = [uuid7() for _ in range(40)]
    for number, account in enumerate(accounts):
        trades = [make_trade(account_id=account, account_number=f"N{number}") for _ in range(3)]
        tell(other if number % 2 else tenant, opened(account, f"N{number}"), *trades)
    drain_all()
    assert JournalEntry.objects.for_tenant(tenant).count() == 60
    assert JournalEntry.objects.for_tenant(other).count() == 60
    units = [
        selectors.balance((other if number % 2 else tenant).pk, account, Code.SEC_UNSETTLED, "XYZ")
        for number, account in enumerate(accounts)
    ]
    assert set(units) == {Decimal(300)}


def test_a_batch_that_is_taken_again_books_nothing_twice(tenant: Tenant) -> None:
    tell(tenant, *(make_trade() for _ in range(5)))
    drain(HANDLER, "trade", PARTITION)
    sql('UPDATE events_cursor SET "offset" = 0 WHERE handler = %s', [HANDLER])
    drain(HANDLER, "trade", PARTITION)
    assert JournalEntry.objects.count() == 5
    units = selectors.balance(tenant.pk, ACCOUNT, Code.SEC_UNSETTLED, "XYZ")
    assert units == Decimal(500)


def test_a_trade_that_cannot_be_booked_parks_its_account_and_no_other(tenant: Tenant) -> None:
    rest = next(uid for uid in map(UUID, map("{:032x}".format, range(1, 10_000)))
                if partition_of(str(uid)) == PARTITION)  # fmt: skip
    bad = make_trade(fees=(make_fee("commission", "1e-13"),))  # beyond the dollar's scale
    tell(tenant, bad, make_trade(), make_trade(account_id=rest, account_number="R"))
    drain(HANDLER, "trade", PARTITION)
    assert [row.owner for row in JournalEntry.objects.all()] == [rest]
    ((key, error),) = sql("SELECT key, error FROM events_parkedkey")
    assert key == str(ACCOUNT)
    assert "AmountRefused" in error


def test_statements_do_not_grow_with_the_batch(tenant: Tenant) -> None:
    def statements(size: int) -> int:
        trades = [make_trade() for _ in range(size)]
        with CaptureQueriesContext(connection) as caught, unit_of_work():
            book_trades(as_batch(tenant, trades))
        return len(caught)

    statements(1)  # opens the accounts
    assert statements(1) == statements(150) <= 7


def as_batch(tenant: Tenant, trades: Sequence[TradeExecuted]) -> Batch:
    recorded = [
        Recorded(
            trade, "trade", PARTITION, number, uuid7(), tenant.pk, str(ACCOUNT),
            "trading.trade.executed", 1, {}, trade.executed_at, trade.executed_at,
        )
        for number, trade in enumerate(trades, 1)
    ]  # fmt: skip
    return Batch(HANDLER, "trade", recorded)


class TestReplay:
    """The journal of trades can be proven from the log: again and again in one process."""

    def test_finds_what_is_booked(self, tenant: Tenant) -> None:
        tell(tenant, opened(), *(make_trade() for _ in range(20)))
        drain(HANDLER, "trade", PARTITION)
        for _ in range(2):
            found = replay(HANDLER)
            assert (found.ok, found.events) == (True, 21), found.differences

    def test_finds_what_was_tampered_with(self, tenant: Tenant) -> None:
        tell(tenant, *(make_trade() for _ in range(3)))
        drain(HANDLER, "trade", PARTITION)
        with guards_off("ledger_posting"):
            sql("UPDATE ledger_posting SET amount = amount + 1 WHERE leg = 3")
        found = replay(HANDLER)
        assert not found.ok
        assert len(found.differences["legs"]) == 6
        assert found.differences["entries"] == []


def test_events_of_the_ledger_say_what_their_contract_says(tenant: Tenant) -> None:
    assert set(TradeExecuted.__struct_fields__) >= {"account_number", "symbol", "fees", "inverse"}
    tell(tenant, make_trade())
    drain(HANDLER, "trade", PARTITION)
    ((data,),) = sql("SELECT data FROM events_event WHERE topic = 'ledger'")
    for field in ("account_id", "entries", "source", "trade_id", "effective_at", "booked_at"):
        assert field in str(data)
