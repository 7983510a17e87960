"""The handler: a batch folded in memory is what one event after the other makes."""

import json
import random
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from apps.events.contracts import decode, partition_of
from apps.events.registry import Recorded
from apps.events.services import replay
from apps.tenants.models import Tenant
from apps.trading import selectors, services
from apps.trading.events import PositionChanged
from apps.trading.models import ClientAccount, Instrument
from apps.trading.selectors.exposure import FOLDER
from tests.trading.cast import ask, book, count, fold, held, list_instrument, open_account, query

D = Decimal
COLUMNS = "account_id, instrument_id, currency, quantity, cost, realised_pnl, fees, lots, version"
CHANGES = "account_id, instrument_id, version, trade_id, quantity, cost, realised_pnl, fees"


def recorded() -> list[Recorded]:
    """The trades that were told, as the log holds them."""
    rows = query(
        """SELECT data::text, topic, partition, "offset", id, tenant_id, key, name, version,
                  occurred_at, recorded_at
           FROM events_event WHERE name = 'trading.trade.executed' ORDER BY partition, "offset" """
    )
    return [
        Recorded(decode(row[7], row[8], row[0]), *row[1:9], {}, *row[9:])  # type: ignore[arg-type] # columns
        for row in rows
    ]


def state() -> tuple[list[Any], list[Any]]:
    """Positions and history, without times."""
    return (
        query(f"SELECT {COLUMNS}, last_offset FROM trading_position ORDER BY 1, 2"),
        query(f"SELECT {CHANGES} FROM trading_positionchange ORDER BY 1, 2, 3"),
    )


def test_folds_the_worked_example(
    tenant: Tenant, account: ClientAccount, instrument: Instrument
) -> None:
    book(
        tenant.pk,
        ask(quantity="12", price="100", fees=[("commission", "0.12")]),
        ask(quantity="17", price="99", fees=[("commission", "0.1683")]),
        ask(side="sell", quantity="9", price="101", fees=[("commission", "0.0909")]),
        ask(side="sell", quantity="4", price="105", fees=[("commission", "0.042")]),
        ask(quantity="3", price="103", fees=[("commission", "0.0309")]),
    )
    fold()
    quantity, cost, realised, fees, version = held(account)["XYZ"]
    assert (quantity, fees, version) == (19, D("0.4521"), 5)
    assert round(cost, 10) == D("1899.6206896552")
    assert round(realised, 10) == D("36.6206896552")


def test_keeps_fifo_lots(tenant: Tenant, instrument: Instrument) -> None:
    account = open_account(tenant.pk, cost_method="fifo")
    book(tenant.pk, ask(quantity="4", price="100"), ask(quantity="5", price="111.11"),
         ask(quantity="6", price="122.22"))  # fmt: skip
    fold()
    book(tenant.pk, ask(side="sell", quantity="7", price="130"))
    fold()
    ((lots,),) = query("SELECT lots FROM trading_position")
    assert [lot[:2] for lot in json.loads(lots)] == [["2", "222.22"], ["6", "733.32"]]
    assert held(account)["XYZ"][:2] == (8, D("955.54"))
    book(tenant.pk, ask(side="sell", quantity="8", price="130"))
    fold()
    assert query("SELECT quantity, cost, lots FROM trading_position") == [(0, 0, None)]


def test_says_what_each_position_is_now_once_a_batch(
    tenant: Tenant, account: ClientAccount, instrument: Instrument
) -> None:
    book(tenant.pk, ask(quantity="1"), ask(quantity="2"), ask(quantity="3"))
    fold()
    (row,) = query("SELECT key, version, data::text FROM events_event WHERE topic = 'position'")
    assert row[0] == str(account.pk)
    fact = decode("trading.position.changed", row[1], row[2])
    assert fact == PositionChanged(
        account_id=account.pk,
        instrument_id=instrument.pk,
        symbol="XYZ",
        currency="USD",
        quantity=D(6),
        cost=D(300),
        realised_pnl=D(0),
        fees=D(0),
        version_no=3,
    )


def test_a_batch_is_what_one_by_one_makes(tenant: Tenant) -> None:
    dice = random.Random(7)
    numbers = [open_account(tenant.pk, f"A-{i}", cost_method=("average", "fifo")[i % 2]).number
               for i in range(6)]  # fmt: skip
    list_instrument(tenant.pk)
    list_instrument(tenant.pk, "INV", kind="future", currency="BTC", inverse=True, multiplier=D(10))
    requests = [
        ask(
            account=dice.choice(numbers),
            instrument=dice.choice(("XYZ", "INV")),
            side=dice.choice(("buy", "sell")),
            quantity=str(D(dice.randint(1, 9_999)) / 1_000),
            price=str(D(dice.randint(1, 99_999)) / 100),
            fees=[("commission", "0.01")] * dice.randint(0, 1),
        )
        for _ in range(400)
    ]
    book(tenant.pk, *requests)
    events = recorded()
    partitions = sorted({one.partition for one in events})

    for partition in partitions:
        services.fold_trades([one for one in events if one.partition == partition])
    at_once = state()
    forget_positions()
    for one in events:
        services.fold_trades([one])
    assert state() == at_once
    assert len(at_once[1]) == 400


def forget_positions() -> None:
    """As a rebuild begins."""
    with connection.cursor() as cursor:
        cursor.execute("SET lockstep.rebuilding = 'on'")
        for table in ("trading_position", "trading_positionchange", "trading_positionmark"):
            cursor.execute(f"DELETE FROM {table}")
        cursor.execute("RESET lockstep.rebuilding")


def test_takes_a_constant_number_of_queries(tenant: Tenant, instrument: Instrument) -> None:
    for index in range(50):
        open_account(tenant.pk, f"A-{index}")
    book(tenant.pk, *[ask(account=f"A-{index % 50}") for index in range(500)])
    events = recorded()
    few = [one for one in events if one.partition == events[0].partition][:1]
    many = [replace(one, offset=one.offset + 1_000) for one in events]

    def queries(batch: list[Recorded]) -> int:
        with CaptureQueriesContext(connection) as captured:
            services.fold_trades(batch)
        return len(captured)

    assert queries(few) == queries(many) == 6  # begin, load, marks, write, tell, commit


def test_a_trade_that_was_folded_is_refused_the_second_time(
    tenant: Tenant, account: ClientAccount, instrument: Instrument
) -> None:
    book(tenant.pk, ask(), ask())
    events = recorded()
    services.fold_trades(events)
    before = state()
    for batch in (events, events[:1]):
        with pytest.raises(IntegrityError):
            services.fold_trades(batch)
    assert state() == before


def test_two_places_for_one_version_are_refused(
    tenant: Tenant, account: ClientAccount, instrument: Instrument
) -> None:
    book(tenant.pk, ask())
    fold()
    with pytest.raises(IntegrityError, match="position_version_is_made_once"):
        query(
            """
            INSERT INTO trading_positionchange (partition, "offset", tenant_id, account_id,
                instrument_id, trade_id, kind, place, fill_quantity, fill_price, fill_notional,
                fill_fees, version, quantity, cost, realised_pnl, fees, effective_at, booked_at,
                effective_to)
            SELECT partition, "offset" + 1, tenant_id, account_id, instrument_id, trade_id, kind,
                place + 1, fill_quantity, fill_price, fill_notional, fill_fees, version, quantity,
                cost, realised_pnl, fees, effective_at, booked_at, effective_to
            FROM trading_positionchange"""
        )


def test_a_poisoned_position_parks_its_own_key_only(tenant: Tenant, instrument: Instrument) -> None:
    good, bad = keys_of_one_partition(tenant)
    book(tenant.pk, ask(account=good.number), ask(account=bad.number))
    fold()
    # a quantity at the edge of what the database holds: the next trade takes it over
    query(
        "UPDATE trading_position SET quantity = 99999999999999999999 WHERE account_id = %s", bad.pk
    )
    book(tenant.pk, ask(account=bad.number), ask(account=good.number), ask(account=bad.number))
    fold()
    assert held(good)["XYZ"][0] == 200
    assert query("SELECT key FROM events_parkedkey") == [(str(bad.pk),)]
    assert count("events_parkedevent") == 2


def keys_of_one_partition(tenant: Tenant) -> list[ClientAccount]:
    """Two accounts that share a partition of the log."""
    found: dict[int, ClientAccount] = {}
    for index in range(200):
        row = open_account(tenant.pk, f"N-{index}")
        here = partition_of(str(row.pk))
        if here in found:
            return [found[here], row]
        found[here] = row
    raise AssertionError("two of 200 keys share one of 64 partitions")


class TestReplay:
    def test_finds_that_positions_are_what_the_log_says(
        self, tenant: Tenant, account: ClientAccount, instrument: Instrument
    ) -> None:
        book(tenant.pk, ask(), ask(side="sell", quantity="30"))
        fold()
        result = replay(FOLDER)
        assert (result.ok, result.events) == (True, 2)

    def test_finds_and_mends_damage_and_the_cache_follows(
        self, tenant: Tenant, account: ClientAccount, instrument: Instrument
    ) -> None:
        book(tenant.pk, ask(), ask(side="sell", quantity="30"))
        fold()
        query("UPDATE trading_position SET quantity = 7")
        for _ in range(2):
            assert selectors.position_of(tenant.pk, "ACC-1", "XYZ").stored.quantity == 7
        found = replay(FOLDER)
        assert [bool(rows) for rows in found.differences.values()] == [True, False]
        assert replay(FOLDER, swap=True).swapped
        assert replay(FOLDER).ok
        selectors.forget()
        assert selectors.position_of(tenant.pk, "ACC-1", "XYZ").stored.quantity == 70
