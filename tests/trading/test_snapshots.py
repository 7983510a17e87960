"""Snapshots: once a period, at one cut, proven by the one before."""

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.core.ids import uuid7
from apps.events import registry
from apps.events.contracts import partition_of
from apps.tenants.models import Tenant
from apps.trading import selectors, services
from apps.trading.models import ClientAccount, Instrument, PositionSnapshot, Snapshot
from apps.trading.services import Revision, snapshots
from tests.trading.cast import CLIENT, ask, book, fold, in_threads, open_account, query

HOUR = datetime(2026, 3, 2, 12, tzinfo=UTC)


def rows() -> list[tuple[object, ...]]:
    return query(
        """SELECT s.period, p.quantity, p.cost, p.version, p.lots::text
           FROM trading_positionsnapshot p JOIN trading_snapshot s ON s.id = p.snapshot_id
           ORDER BY 1, 2"""
    )


def test_is_a_clock_job_of_its_queue() -> None:
    (job,) = [job for job in registry.jobs() if job.name == "trading.take_snapshot"]
    assert (job.every, job.queue, job.catch_up) == (timedelta(hours=1), "snapshots", 24)


def test_keeps_positions_at_one_cut(
    tenant: Tenant, account: ClientAccount, instrument: Instrument
) -> None:
    fifo = open_account(tenant.pk, "ACC-2", cost_method="fifo")
    book(tenant.pk, ask(quantity="10"), ask(account="ACC-2", quantity="20"))
    fold()
    book(tenant.pk, ask(quantity="5"))  # not folded yet: not in it
    snapshot = services.take_snapshot(HOUR)
    assert (snapshot.positions, snapshot.checked, snapshot.faults) == (2, 0, [])
    assert snapshot.offsets[str(partition_of(str(account.pk)))] == 2  # opened, traded
    assert [row[1:4] for row in rows()] == [(10, 500, 1), (20, 1000, 1)]
    lots = json.loads(str(rows()[1][4]))
    assert [lot[:2] for lot in lots] == [["20", "1000"]]
    assert snapshot.offsets[str(partition_of(str(fifo.pk)))] == 2


def test_a_period_is_taken_once_by_however_many(
    tenant: Tenant, account: ClientAccount, instrument: Instrument
) -> None:
    book(tenant.pk, ask())
    fold()
    found = in_threads([lambda: services.take_snapshot(HOUR) for _ in range(3)])
    assert len({one.pk for one in found}) == 1
    assert (Snapshot.objects.count(), PositionSnapshot.objects.for_tenant(tenant).count()) == (1, 1)


def test_what_did_not_move_is_not_written_again(
    tenant: Tenant, account: ClientAccount, instrument: Instrument
) -> None:
    open_account(tenant.pk, "ACC-2")
    book(tenant.pk, ask(), ask(account="ACC-2"))
    fold()
    services.take_snapshot(HOUR)
    query("UPDATE trading_position SET updated_at = updated_at - interval '2 hours'")
    book(tenant.pk, ask(side="sell", quantity="40", price="60"))
    fold()
    second = services.take_snapshot(HOUR + timedelta(hours=1))
    assert (second.positions, second.checked, second.faults) == (1, 1, [])


@pytest.mark.parametrize("method", ["average", "fifo"])
def test_proves_what_moved_with_revisions_too(
    method: str, tenant: Tenant, instrument: Instrument
) -> None:
    open_account(tenant.pk, cost_method=method)
    book(tenant.pk, ask(quantity="10"), ask(quantity="20", price="52"))
    fold()
    services.take_snapshot(HOUR)
    trades = selectors.trades(tenant.pk, after=None, limit=9)
    book(tenant.pk, ask(side="sell", quantity="12", price="55"))
    for trade in trades:  # of before the snapshot
        asked = Revision(trade=str(trade.id), reason="x", key=str(uuid7()), quantity=Decimal(15))
        services.amend_trade(tenant.pk, CLIENT, asked, now=timezone.now())
    fold()
    second = services.take_snapshot(HOUR + timedelta(hours=1))
    assert (second.checked, second.faults) == (1, [])


def test_a_wrong_position_is_named(
    tenant: Tenant, account: ClientAccount, instrument: Instrument
) -> None:
    book(tenant.pk, ask())
    fold()
    services.take_snapshot(HOUR)
    book(tenant.pk, ask(quantity="1"))
    fold()
    query("UPDATE trading_position SET quantity = quantity + 1, updated_at = now()")
    with pytest.raises(CommandError, match="XYZ: version 2 is 102 / 5050"):
        call_command("take_snapshot", at=HOUR + timedelta(hours=1))
    assert Snapshot.objects.first().faults != []  # type: ignore[union-attr] # there is one


def test_a_position_that_is_new_is_proven_from_nothing(
    tenant: Tenant, account: ClientAccount, instrument: Instrument
) -> None:
    services.take_snapshot(HOUR)
    book(tenant.pk, ask(), ask(side="sell", quantity="40", price="60"))
    fold()
    second = services.take_snapshot(HOUR + timedelta(hours=1))
    assert (second.positions, second.checked, second.faults) == (1, 1, [])


@pytest.mark.parametrize("lots", ['[["1", "50"]]', '[["x", "50"]]', '[["1"]]', "[7]"])
def test_what_cannot_be_folded_keeps_nobody_from_the_snapshot(
    lots: str, tenant: Tenant, instrument: Instrument
) -> None:
    accounts = [open_account(tenant.pk, n, cost_method="fifo") for n in ("ACC-1", "ACC-2")]
    book(tenant.pk, ask(), ask(account="ACC-2"))
    fold()
    damaged = """UPDATE trading_position SET lots = %s WHERE account_id = %s"""
    query(damaged, lots, accounts[0].pk)
    services.take_snapshot(HOUR)
    query(damaged, '[["100", "5000"]]', accounts[0].pk)
    sale = {"side": "sell", "quantity": "40", "price": "60"}
    book(tenant.pk, ask(**sale), ask(account="ACC-2", **sale))
    fold()
    second = services.take_snapshot(HOUR + timedelta(hours=1))
    assert (second.positions, second.checked, len(second.faults)) == (2, 2, 1)
    assert "version 2 cannot be folded" in second.faults[0]


def test_a_proof_that_was_cut_short_is_made_with_the_next(
    tenant: Tenant, account: ClientAccount, instrument: Instrument
) -> None:
    for hour in range(2):
        book(tenant.pk, ask())
        fold()
        services.take_snapshot(HOUR + timedelta(hours=hour))
    query("UPDATE trading_snapshot SET checked = 0, proven_at = NULL")
    services.take_snapshot(HOUR + timedelta(hours=2))
    found = Snapshot.objects.order_by("period").values_list("checked", "proven_at")
    assert [checked for checked, _ in found] == [0, 1, 1]
    assert all(proven_at for _, proven_at in found)


def test_reads_only_what_was_told_since_the_snapshot_before(
    tenant: Tenant, account: ClientAccount, instrument: Instrument
) -> None:
    book(tenant.pk, *[ask(quantity="1") for _ in range(40)])
    fold()
    services.take_snapshot(HOUR)
    book(tenant.pk, ask(quantity="1"))
    fold()
    second = services.take_snapshot(HOUR + timedelta(hours=1))
    question = snapshots.MOVED.split("FOR\n", 1)[1] % {"snapshot": second.pk}
    with transaction.atomic():  # as among millions, where no other plan is worth it
        query("SET LOCAL enable_seqscan = off")
        query("SET LOCAL enable_bitmapscan = off")
        plan = str(query(f"EXPLAIN (ANALYZE, FORMAT JSON) {question}")[0][0])
    (scan,) = re.findall(r"\{[^{}]*'trading_positionchange'[^{}]*\}", plan)
    assert "'Actual Rows': 1.0" in scan
    assert "'Rows Removed by Filter'" not in scan


def test_takes_few_queries_however_many_positions(tenant: Tenant, instrument: Instrument) -> None:
    counts = []
    for size in (1, 2, 8):
        for number in range(size):
            open_account(tenant.pk, f"N-{size}-{number}")
            book(tenant.pk, ask(account=f"N-{size}-{number}"))
        fold()
        with CaptureQueriesContext(connection) as queries:
            services.take_snapshot(HOUR + timedelta(hours=size))
        counts.append(len(queries))
    assert counts[1] == counts[2]


def test_stays_as_it_was_taken(
    tenant: Tenant, account: ClientAccount, instrument: Instrument
) -> None:
    book(tenant.pk, ask())
    fold()
    services.take_snapshot(HOUR)
    for change in ("UPDATE trading_positionsnapshot SET quantity = 1",
                   "DELETE FROM trading_positionsnapshot"):  # fmt: skip
        with pytest.raises(Exception, match="append-only"):
            query(change)
