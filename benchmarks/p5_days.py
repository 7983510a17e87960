"""P5: what is done to a day once it is over, and whether that grows with the days before it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from io import StringIO
from pathlib import Path

import psycopg
from django.core.management import call_command
from django.db import connection

from apps.ledger import invariants
from apps.ledger import services as ledger
from apps.ledger.management.commands.verify_ledger import CHECKS
from apps.tenants.services import create_tenant
from apps.trading.services import (
    AccountTerms,
    FeeRequest,
    InstrumentTerms,
    TradeRequest,
    execute_trades,
    list_instrument,
    open_accounts,
    take_snapshot,
)
from benchmarks.lab import Lab
from benchmarks.measure import Chapter, Series
from benchmarks.options import Options
from benchmarks.p3_positions import within

Say = Callable[[str], None]
SQL = Path(__file__).parent / "sql" / "days.sql"
TENANT = "bench-days"
LEGS = 6
DAYS = (1, 2, 4)
"""Lengths of the history, in days of equal business, at which everything is measured."""
FEES = (FeeRequest(kind="commission", amount="1.25"), FeeRequest(kind="exchange", amount="0.75"))
PLAIN_DAY = """
SELECT count(*) FROM (
    SELECT p.entry_id, p.asset FROM ledger_posting p
    WHERE p.tenant_id = %s AND p.booked_at >= %s AND p.booked_at < %s
    GROUP BY p.entry_id, p.asset HAVING sum(p.amount) = 0) AS balanced
"""
PLAIN_POSITIONS = (
    "SELECT count(*), sum(quantity), sum(cost), sum(realised_pnl), sum(fees) FROM trading_position"
)
PLAIN_COPY = """
CREATE TEMPORARY TABLE bench_copy ON COMMIT DROP AS
SELECT tenant_id, account_id, instrument_id, quantity, cost, realised_pnl, fees, lots, version, last_offset
FROM trading_position
"""


@dataclass
class Business:
    """A tenant and its days."""

    tenant: int
    trades: int
    """In a day."""
    first: datetime

    def day(self, number: int) -> tuple[datetime, datetime]:
        """Beginning and end of a day, from 1."""
        begins = self.first + timedelta(days=number - 1)
        return begins, begins + timedelta(days=1)


def run(lab: Lab, options: Options, say: Say) -> list[Chapter]:
    postings = options.size(1_000_000, 6_000)
    say("opening accounts")
    business = _open(lab, postings // LEGS, *options.size_pair((1_000, 100), (50, 10)))
    looks, snapshots, proofs = _chapters(postings)
    for number in range(1, DAYS[-1] + 1):
        say(f"day {number}: writing {postings:,} postings")
        _write(lab, business, number)
        if number in DAYS:
            _measure(business, number, options.rounds, say, (looks, snapshots, proofs))
        else:
            _reconcile(business, number)
    for chapter in (looks, snapshots, proofs):
        _hold(chapter)
    return [looks, snapshots, proofs]


def _chapters(postings: int) -> tuple[Chapter, Chapter, Chapter]:
    plain = "The limit: one aggregate over the same rows, written by hand."
    return (
        Chapter("P5.1", f"Reconciliation of a day of {postings:,} postings",
                f"All checks of the day, after one, two and four such days. {plain}"),
        Chapter("P5.2", "Hourly snapshot of all positions",
                "Every position was moved since the one before; each is folded from there and "
                f"compared. {plain} A bare copy of the rows is beside it."),
        Chapter("P5.3", f"Verification of the whole ledger, {postings:,} postings a day",
                f"manage.py verify_ledger: the chain and every invariant. {plain}"),
    )  # fmt: skip


def _open(lab: Lab, trades: int, accounts: int, instruments: int) -> Business:
    tenant = create_tenant(TENANT)[0].pk
    names = [f"DAY-{number:04}" for number in range(accounts)]
    open_accounts(tenant, [AccountTerms(name, name, "USD") for name in names])
    for number in range(instruments):
        symbol = f"DAY{number:03}"
        list_instrument(tenant, InstrumentTerms(symbol, symbol, "equity", "USD"))
    first = [
        TradeRequest(account=name, instrument=f"DAY{number % instruments:03}", side="buy",
                     quantity="1", price="100", fees=FEES)
        for number, name in enumerate(names)
    ]  # fmt: skip
    for start in range(0, len(first), 500):
        execute_trades(
            first[start : start + 500], tenant=tenant, client="bench", now=datetime.now(UTC)
        )
    call_command("settle_down", timeout=600, stdout=StringIO())
    with psycopg.connect(lab.urls.database_url, autocommit=True) as db:
        db.execute(SQL.read_text())
    take_snapshot(datetime.now(UTC))  # what the first day's is proven by
    # The days follow what was just opened: times only grow.
    return Business(tenant, trades, datetime.now(UTC) + timedelta(hours=1))


def _write(lab: Lab, business: Business, number: int) -> None:
    begins, _ = business.day(number)
    with psycopg.connect(lab.urls.database_url, autocommit=True) as db:
        db.execute("SELECT ledger_make_partition(%s)", [begins.date()])
        places = db.execute(
            "SELECT partition, count(*) FROM bench_place GROUP BY 1 ORDER BY 1"
        ).fetchall()
        everyone = sum(count for _, count in places)
        for partition, count in places:
            share = round(business.trades * count / everyone)
            db.execute("SELECT bench_trades(%s, %s, %s)", [partition, share, begins])
        db.execute("VACUUM ANALYZE")


def _measure(
    business: Business, number: int, rounds: int, say: Say, chapters: tuple[Chapter, ...]
) -> None:
    begins, ends = business.day(number)
    ledger.seal_blocks(slack=-timedelta(days=3_650))
    looks, snapshots, proofs = chapters
    everything = [business.tenant, datetime(1970, 1, 1, tzinfo=UTC), ends]
    work: list[tuple[Chapter, str, str, Callable[[], object]]] = [
        (looks, "plain aggregate of the day", "limit",
         partial(_ask, PLAIN_DAY, [business.tenant, begins, ends])),
        (looks, "reconciliation of the day", "ours", partial(_reconcile, business, number)),
        (snapshots, "plain aggregate", "limit", partial(_ask, PLAIN_POSITIONS, [])),
        (snapshots, "a bare copy", "also", partial(_ask, PLAIN_COPY, [])),
        (proofs, "plain aggregate of everything", "limit", partial(_ask, PLAIN_DAY, everything)),
        (proofs, "verify_ledger", "ours", partial(_verify, business)),
    ]  # fmt: skip
    series = [chapter.new(f"{name}, {number} days", role, "s")  # type: ignore[arg-type] # a role
              for chapter, name, role, _ in work]  # fmt: skip
    for turn in range(rounds):
        for figure, (_, name, _, call) in zip(series, work, strict=True):
            say(f"after {number} days, round {turn + 1} of {rounds}: {name}")
            figure.add(_seconds(call))
    _snapshot(snapshots, ends, number)


def _snapshot(chapter: Chapter, ends: datetime, number: int) -> None:
    """Once: a second one would find that nothing had moved."""
    figure = chapter.new(f"snapshot, {number} days", "ours", "s")
    figure.add(_seconds(partial(take_snapshot, ends)))


def _hold(chapter: Chapter) -> None:
    ours = _by_days(chapter, "ours")
    limits = _by_days(chapter, "limit")
    for days in DAYS:
        within(chapter, f"÷ the plain aggregate, {days} days", ours[days], limits[days], 3)
    if chapter.key != "P5.3":
        within(chapter, f"{DAYS[-1]} days ÷ 1 day", ours[DAYS[-1]], ours[1], 1.2)


def _by_days(chapter: Chapter, role: str) -> dict[int, Series]:
    found = [one for one in chapter.series if one.role == role]
    return dict(zip(DAYS, found, strict=True))


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _ask(query: str, params: list[object]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        if cursor.description:
            cursor.fetchall()


def _reconcile(business: Business, number: int) -> None:
    _, ends = business.day(number)
    run = ledger.reconcile(business.tenant, ends.date(), invariants.look, by="bench", now=ends)
    wrong = [(one["name"], one["found"]) for one in run.checks if one["found"]]
    if wrong:
        raise AssertionError(f"day {number}: {wrong}")


def _verify(business: Business) -> None:
    faults = [failure for check in CHECKS for failure in check(business.tenant).failures]
    if faults:
        raise AssertionError(str(faults[:5]))
