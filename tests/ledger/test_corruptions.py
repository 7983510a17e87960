"""Reconciliation: silent while everything flows and lags, and exact about each kind of damage.

Every corruption below is done behind the guards, as a superuser would, or as a bug would. The run has
to name the check that found it and the place where it is.
"""

import json
import random
import threading
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from apps.core.ids import uuid7
from apps.events.contracts import PARTITIONS, partition_of
from apps.events.services import drain
from apps.ledger import selectors, services
from apps.ledger.journal import entry_for_trade
from apps.ledger.models import Break, JournalEntry, ReconciliationRun
from apps.ledger.selectors.owners import HANDLER
from apps.tenants.models import Tenant
from apps.trading import selectors as trading
from apps.trading.selectors import position_cache
from apps.trading.selectors.exposure import FOLDER
from tests.ledger.books import DAY, damage, drain_all, kinds, reconcile, revise
from tests.ledger.cast import make_draft, make_trade, post, sql
from tests.trading import cast

Harm = Callable[[Tenant], str]
"""Does the damage; the subject of the break that must be found."""


def one(query: str, *params: object) -> Any:
    ((value,),) = sql(query, list(params))
    return value


def account_of(tenant: Tenant, number: str) -> Any:
    return trading.find_account(tenant.pk, number).pk


def newest_trade_entry() -> Any:
    return one("SELECT id FROM ledger_journalentry WHERE kind = 'TRADE' ORDER BY id DESC LIMIT 1")


def a_lost_posting(_tenant: Tenant) -> str:
    entry = newest_trade_entry()
    damage("DELETE FROM ledger_posting WHERE entry_id = %s AND leg = 3", entry)
    return str(entry)


def an_amount_changed(_tenant: Tenant) -> str:
    entry = newest_trade_entry()
    damage("UPDATE ledger_posting SET amount = amount + 1 WHERE entry_id = %s AND leg = 3", entry)
    asset = one("SELECT asset FROM ledger_posting WHERE entry_id = %s AND leg = 3", entry)
    return f"{entry} {asset}"


def a_fill_counted_twice(tenant: Tenant) -> str:
    """With its history, as a handler would that forgot where it was: only the ledger knows better."""
    account = account_of(tenant, "ACC-1")
    position = one("SELECT min(id) FROM trading_position WHERE account_id = %s", account)
    damage(
        """INSERT INTO trading_positionchange (partition, "offset", tenant_id, account_id,
               instrument_id, trade_id, kind, place, fill_quantity, fill_price, fill_notional,
               fill_fees, version, quantity, cost, realised_pnl, fees, effective_at, booked_at,
               effective_to)
           SELECT c.partition, 1, c.tenant_id, c.account_id, c.instrument_id, c.trade_id, 'executed',
                  1, c.fill_quantity, c.fill_price, c.fill_notional, c.fill_fees, c.version + 1,
                  p.quantity + 100, p.cost, p.realised_pnl, p.fees, c.effective_at, c.booked_at,
                  c.effective_to
           FROM trading_position p JOIN trading_positionchange c ON c.account_id = p.account_id
               AND c.instrument_id = p.instrument_id AND c.version = p.version
           WHERE p.id = %s""",
        position,
    )
    damage(
        """UPDATE trading_position SET quantity = quantity + 100, version = version + 1,
               last_offset = 1 WHERE id = %s""",
        position,
    )
    symbol = one(
        """SELECT i.symbol FROM trading_position p JOIN trading_instrument i
           ON i.id = p.instrument_id WHERE p.id = %s""",
        position,
    )
    return f"{account} {symbol}"


def a_position_changed(tenant: Tenant) -> str:
    account = account_of(tenant, "ACC-1")
    damage(
        """UPDATE trading_position SET fees = fees + 1 WHERE account_id = %s AND instrument_id =
           (SELECT id FROM trading_instrument WHERE symbol = 'ABC')""",
        account,
    )
    return f"{account} ABC"


def a_wrong_quantity_in_the_cache(tenant: Tenant) -> str:
    trading.positions_of(tenant.pk, "ACC-1")
    account = account_of(tenant, "ACC-1")
    client = position_cache._client()
    key = position_cache._account_key(tenant.pk, partition_of(str(account)), account)
    field, value = next(
        (field, value)
        for field, value in client.hgetall(key).items()
        if field and json.loads(value)[0] == "XYZ"
    )
    symbol, uid, currency, _, *rest = json.loads(value)
    client.hset(key, field, json.dumps([symbol, uid, currency, "12345", *rest]))
    return f"{account} XYZ"


def a_lot_lost(tenant: Tenant) -> str:
    account = account_of(tenant, "ACC-2")
    damage(
        """UPDATE trading_position SET lots = lots - 0 WHERE account_id = %s AND instrument_id =
           (SELECT id FROM trading_instrument WHERE symbol = 'XYZ')""",
        account,
    )
    return f"{account} XYZ"


def a_trade_changed(_tenant: Tenant) -> str:
    trade = one("SELECT id FROM trading_trade ORDER BY id DESC LIMIT 1")
    damage("UPDATE trading_trade SET quantity = quantity + 1 WHERE id = %s", trade)
    return f"trade {trade} version 1"


def a_price_changed(_tenant: Tenant) -> str:
    trade = one("SELECT id FROM trading_trade ORDER BY id DESC LIMIT 1")
    damage("UPDATE trading_trade SET price = price + 1 WHERE id = %s", trade)
    return f"trade {trade} version 1"


def fees_of_a_version_changed(_tenant: Tenant) -> str:
    revision, trade, version = sql(
        "SELECT id, trade_id, version_no FROM trading_traderevision ORDER BY id DESC LIMIT 1"
    )[0]
    fee = json.dumps([{"kind": "tax", "amount": "7", "currency": "USD"}])
    damage("UPDATE trading_traderevision SET fees = %s WHERE id = %s", fee, revision)
    return f"trade {trade} version {version}"


def an_event_lost(_tenant: Tenant) -> str:
    """With all that it did in place: only the log knows, and the position that counts it."""
    partition, offset = sql(
        'SELECT partition, "offset" FROM trading_positionchange ORDER BY booked_at LIMIT 1'
    )[0]
    damage(
        """DELETE FROM events_event WHERE topic = 'trade' AND partition = %s AND "offset" = %s""",
        partition,
        offset,
    )
    return f"trade/{partition}"


def a_lost_trade(_tenant: Tenant) -> str:
    trade = one("SELECT id FROM trading_trade ORDER BY id DESC LIMIT 1")
    damage("DELETE FROM trading_trade WHERE id = %s", trade)
    return f"trade {trade} version 1"


def a_fill_lost(_tenant: Tenant) -> str:
    trade = one("SELECT id FROM trading_trade ORDER BY id DESC LIMIT 1")
    damage("DELETE FROM trading_positionchange WHERE trade_id = %s", trade)
    return f"trade {trade} version 1"


def an_entry_without_its_header(_tenant: Tenant) -> str:
    entry = newest_trade_entry()
    damage("DELETE FROM ledger_journalentry WHERE id = %s", entry)
    return str(entry)


def a_trade_booked_twice(tenant: Tenant) -> str:
    """Under another source, so that no constraint sees it: both times all legs, all in balance."""
    entry = JournalEntry.objects.get(pk=newest_trade_entry())
    again = entry_for_trade(make_trade(trade_id=entry.trade_id, version_no=9), tenant=tenant.pk)
    post(again)
    return f"trade:{entry.trade_id}:9"


def a_balance_raised(_tenant: Tenant) -> str:
    damage(
        """UPDATE ledger_balance SET amount = amount + 1 WHERE asset = 'USD' AND ledger_account_id =
           (SELECT id FROM ledger_ledgeraccount
            WHERE code = 'CASH:UNSETTLED' AND owner_number = 'ACC-2')"""
    )
    return "ACC-2 CASH:UNSETTLED USD"


def money_out_of_nothing(_tenant: Tenant) -> str:
    damage(
        """UPDATE ledger_balance SET amount = amount - 1 WHERE asset = 'USD' AND ledger_account_id =
           (SELECT id FROM ledger_ledgeraccount WHERE code = 'STREET:CASH:UNSETTLED')"""
    )
    return "USD"


def a_mark_made_up(_tenant: Tenant) -> str:
    damage(
        """INSERT INTO ledger_balancemark (ledger_account_id, asset, booked_at, amount)
           SELECT b.ledger_account_id, b.asset, b.booked_at, b.amount + 1
           FROM ledger_balance b JOIN ledger_ledgeraccount a ON a.id = b.ledger_account_id
           WHERE a.code = 'CASH:UNSETTLED' AND a.owner_number = 'ACC-1' AND b.asset = 'USD'"""
    )
    return "ACC-1 CASH:UNSETTLED USD"


def a_wrong_settled_quantity(tenant: Tenant) -> str:
    account = account_of(tenant, "ACC-1")
    damage(
        """INSERT INTO trading_settledholding
               (tenant_id, account_id, instrument_id, quantity, version, updated_at)
           SELECT tenant_id, account_id, instrument_id, 7, 1, now() FROM trading_position
           WHERE account_id = %s AND instrument_id =
               (SELECT id FROM trading_instrument WHERE symbol = 'XYZ')""",
        account,
    )
    return f"{account} XYZ"


def a_reversal_weakened(_tenant: Tenant) -> str:
    entry, account = sql(
        """SELECT p.entry_id, p.ledger_account_id FROM ledger_posting p JOIN ledger_journalentry e
           ON e.id = p.entry_id WHERE e.kind = 'REVERSAL' AND p.asset = 'USD' ORDER BY 1, 2 LIMIT 1"""
    )[0]
    damage(
        """UPDATE ledger_posting SET amount = amount * 2
           WHERE entry_id = %s AND ledger_account_id = %s""",
        entry,
        account,
    )
    return f"{entry} {account} USD"


def a_cursor_that_jumped(tenant: Tenant) -> str:
    """Over a trade that the ledger has not booked."""
    (outcome,) = cast.book(tenant.pk, cast.ask())
    assert outcome.trade is not None
    drain_all(FOLDER)
    damage(
        """UPDATE events_cursor c SET "offset" = o."offset" FROM events_cursor o
           WHERE c.handler = %s AND o.handler = %s AND c.topic = 'trade' AND o.topic = 'trade'
             AND c.partition = o.partition AND c."offset" < o."offset" """,
        HANDLER,
        FOLDER,
    )
    return f"trade {outcome.trade.id} version 1"


def a_cursor_beyond_the_log(_tenant: Tenant) -> str:
    damage(
        """UPDATE events_cursor SET "offset" = 99 WHERE handler = %s AND topic = 'trade'
           AND partition = 5""",
        HANDLER,
    )
    return f"{HANDLER} trade/5"


def a_sealed_entry_dated_anew(_tenant: Tenant) -> str:
    """Everything still adds up; only the chain knows."""
    services.seal_blocks(slack=-timedelta(seconds=5))
    damage(
        """UPDATE ledger_journalentry SET effective_at = effective_at - interval '1 day'
           WHERE id = (SELECT id FROM ledger_journalentry ORDER BY id LIMIT 1)"""
    )
    return "block 1"


def a_block_rewritten(_tenant: Tenant) -> str:
    services.seal_blocks(slack=-timedelta(seconds=5))
    damage("UPDATE ledger_block SET hash = sha256(hash) WHERE number = 1")
    return "block 1"


def a_statement_that_differs(tenant: Tenant) -> str:
    services.transfer_cash(
        tenant.pk, account="ACC-1", currency="USD", amount=Decimal(500), reference="r"
    )
    today = timezone.now().date()
    services.receive_statement(
        tenant.pk, day=today, kind="nostro", source="BANK", by="t", balances={"USD": Decimal(499)}
    )
    return f"nostro BANK USD {today}"


def a_guard_switched_off(_tenant: Tenant) -> str:
    sql("ALTER TABLE ledger_journalentry DISABLE TRIGGER entry_is_append_only")
    return "ledger_journalentry has no working entry_is_append_only"


CORRUPTIONS: dict[Harm, tuple[str, str]] = {
    a_lost_posting: ("entry_incomplete", "entries have all their legs"),
    an_amount_changed: ("entry_unbalanced", "entries balance per asset (I1)"),
    a_fill_counted_twice: ("units_differ", "positions equal the ledger's units (I4)"),
    a_position_changed: ("position_differs", "positions are their newest change"),
    a_wrong_quantity_in_the_cache: ("cache_differs", "cached positions are those of the table"),
    a_lot_lost: ("lots_differ", "lots add up to their position"),
    a_trade_changed: ("trade_lost", "every told trade is there, booked and folded (I10)"),
    a_price_changed: ("trade_lost", "every told trade is there, booked and folded (I10)"),
    fees_of_a_version_changed: (
        "trade_lost",
        "every told trade is there, booked and folded (I10)",
    ),
    an_event_lost: ("log_has_gap", "the log of trades has no gap"),
    a_lost_trade: ("trade_lost", "every told trade is there, booked and folded (I10)"),
    a_fill_lost: ("trade_lost", "every told trade is there, booked and folded (I10)"),
    an_entry_without_its_header: ("entry_incomplete", "entries have all their legs"),
    a_trade_booked_twice: ("entry_without_trade", "every trade entry has its trade (I10)"),
    a_balance_raised: ("balance_differs", "balances are marks and postings (I3)"),
    money_out_of_nothing: ("asset_not_zero", "every asset sums to zero (I2)"),
    a_mark_made_up: ("mark_differs", "marks are the mark before and postings (I3)"),
    a_wrong_settled_quantity: ("settled_units_differ", "settled units are the ledger's (I4)"),
    a_reversal_weakened: ("reversal_differs", "reversals undo their entries (I9)"),
    a_cursor_that_jumped: ("trade_lost", "every told trade is there, booked and folded (I10)"),
    a_cursor_beyond_the_log: ("cursor_ahead", "no handler claims more than the log holds"),
    a_sealed_entry_dated_anew: ("block_differs", "the day's blocks are as they were sealed (I11)"),
    a_block_rewritten: ("block_differs", "the day's blocks are as they were sealed (I11)"),
    a_statement_that_differs: ("external_differs", "depot and nostro are what others say (I12)"),
    a_guard_switched_off: ("guard_missing", "the journal's guards stand"),
}


@pytest.fixture
def guards_come_back(books: Tenant) -> Any:
    yield
    sql("ALTER TABLE ledger_journalentry ENABLE ALWAYS TRIGGER entry_is_append_only")


@pytest.mark.usefixtures("guards_come_back")
@pytest.mark.parametrize("harm", CORRUPTIONS, ids=lambda harm: harm.__name__)
def test_a_corruption_is_found_and_named(books: Tenant, harm: Harm) -> None:
    assert reconcile(books).status == "clean"
    kind, check = CORRUPTIONS[harm]
    place = harm(books)
    day = timezone.now().date() if harm is a_statement_that_differs else DAY
    run = reconcile(books, day)
    assert run.status == "breaks"
    assert check in {found["name"] for found in run.checks if found["status"] == "breaks"}
    found = Break.objects.for_tenant(books).filter(kind=kind, subject=place, last_run=run)
    assert found.count() == 1, list(selectors.breaks(books.pk, limit=99))


ROUNDS = 12
ACCOUNTS = [f"ACC-{number}" for number in range(1, 7)]


def lag(handler: str, seed: int, flowing: threading.Event) -> None:
    """Let a handler take some partitions now, others later: never where the other one is."""
    rng = random.Random(seed)
    partitions = sorted({number for (number,) in sql("SELECT number FROM events_partition "
                                                     "WHERE topic = 'trade'")})  # fmt: skip
    while flowing.is_set():
        for partition in rng.sample(partitions, len(partitions) // 3):
            drain(handler, "trade", partition)
    for partition in range(PARTITIONS):
        drain(handler, "trade", partition)


def trade(tenant: Tenant, flowing: threading.Event) -> None:
    """Trades of all accounts, some amended or cancelled soon after; then the flow ends."""
    rng = random.Random(7)
    try:
        for number in range(ROUNDS):
            outcomes = cast.book(
                tenant.pk,
                *(
                    cast.ask(
                        account=account,
                        instrument=rng.choice(["XYZ", "ABC"]),
                        side=rng.choice(["buy", "sell"]),
                        quantity=str(rng.randrange(1, 90)),
                    )
                    for account in ACCOUNTS
                ),
            )
            first = outcomes[0].trade
            assert first is not None
            revise(tenant, first.id, quantity=Decimal(5) if number % 2 else None)
            post(make_draft(tenant.pk, source=f"flow:{uuid7()}"))
    finally:
        flowing.clear()


def test_trades_that_flow_and_handlers_that_lag_make_no_false_break(books: Tenant) -> None:
    for number in ACCOUNTS[2:]:
        cast.open_account(books.pk, number, cost_method="fifo")
    flowing = threading.Event()
    flowing.set()
    runs: list[ReconciliationRun] = []

    def look() -> None:
        while flowing.is_set() or len(runs) < 3:
            runs.append(reconcile(books))

    done = cast.in_threads(
        [
            lambda: trade(books, flowing),
            lambda: lag(FOLDER, 1, flowing),
            lambda: lag(HANDLER, 2, flowing),
            look,
        ]
    )
    assert done == [None] * 4
    assert [(run.status, run.found) for run in runs] == [("clean", 0)] * len(runs)
    assert kinds(books) == set()
    last = reconcile(books)
    told = next(found for found in last.checks if found["name"].startswith("every told trade"))
    assert (last.status, told["checked"]) == ("clean", 14 + ROUNDS * (len(ACCOUNTS) + 1))
