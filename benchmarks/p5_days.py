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
)
from apps.trading.services.snapshots import keep_positions, prove_snapshots
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
    positions: int
    first: datetime

    def day(self, number: int) -> tuple[datetime, datetime]:
        """Beginning and end of a day, from 1."""
        begins = self.first + timedelta(days=number - 1)
        return begins, begins + timedelta(days=1)


def run(lab: Lab, options: Options, say: Say) -> list[Chapter]:
    postings = options.size(1_000_000, 6_000)
    say("opening accounts")
    business = _open(lab, say, postings // LEGS, *options.size_pair((1_000, 100), (50, 10)))
    looks, snapshots, proofs = _chapters(postings, business)
    for number in range(1, DAYS[-1] + 1):
        say(f"day {number}: writing {postings:,} postings")
        _write(lab, business, number, business.trades)
        if number in DAYS:
            _measure(business, number, options.rounds, say, (looks, snapshots, proofs))
        else:
            _reconcile(business, number)
            _snapshot(business.day(number)[1])
    for chapter in (looks, snapshots, proofs):
        _hold(chapter)
    return [looks, snapshots, proofs]


def _chapters(postings: int, business: Business) -> tuple[Chapter, Chapter, Chapter]:
    plain = "The limit: one aggregate over the same rows, written by hand."
    return (
        Chapter("P5.1", f"Reconciliation of a day of {postings:,} postings",
                f"All checks of the day, after one, two and four such days. {plain}"),
        Chapter("P5.2", f"Snapshot of {business.positions:,} positions",
                f"Every position was moved since the one before, by {business.trades:,} trades: far more than "
                f"in an hour. Proving folds each trade again. {plain} A bare copy of the rows is beside it."),
        Chapter("P5.3", f"Verification of the whole ledger, {postings:,} postings a day",
                f"manage.py verify_ledger: the chain and every invariant. {plain}"),
    )  # fmt: skip


def _open(lab: Lab, say: Say, trades: int, accounts: int, instruments: int) -> Business:
    tenant = create_tenant(TENANT)[0].pk
    names = [f"DAY-{number:04}" for number in range(accounts)]
    open_accounts(tenant, [AccountTerms(name, name, "USD") for name in names])
    for number in range(instruments):
        symbol = f"DAY{number:03}"
        list_instrument(tenant, InstrumentTerms(symbol, symbol, "equity", "USD"))
    requests = [
        TradeRequest(account=name, instrument=f"DAY{number % instruments:03}", side="buy",
                     quantity="1", price="100", fees=FEES)
        for number, name in enumerate(names)
    ]  # fmt: skip
    for start in range(0, len(requests), 500):
        execute_trades(
            requests[start : start + 500], tenant=tenant, client="bench", now=datetime.now(UTC)
        )
    call_command("settle_down", timeout=600, stdout=StringIO())
    with psycopg.connect(lab.urls.database_url, autocommit=True) as db:
        db.execute(SQL.read_text())
    # The days follow what was just opened: times only grow. On the day before them every account
    # deals once in every instrument, and what stands then is what the first day is proven by.
    first = datetime.now(UTC) + timedelta(days=1)
    business = Business(tenant, trades, accounts * instruments, first)
    say("the day before: opening positions")
    _write(lab, business, 0, business.positions)
    _snapshot(business.day(0)[1])
    return business


def _write(lab: Lab, business: Business, number: int, trades: int) -> None:
    begins, _ = business.day(number)
    with psycopg.connect(lab.urls.database_url, autocommit=True) as db:
        db.execute("SELECT ledger_make_partition(%s)", [begins.date()])
        places = db.execute(
            "SELECT partition, count(*) FROM bench_place GROUP BY 1 ORDER BY 1"
        ).fetchall()
        everyone = sum(count for _, count in places)
        for partition, count in places:
            share = round(trades * count / everyone)
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
    # Once: a second one would find that nothing had moved.
    kept, proven = _snapshot(ends)
    snapshots.new(f"kept, {number} days", "ours", "s").add(kept)
    snapshots.new(f"proven, {number} days", "also", "s").add(proven)


def _snapshot(ends: datetime) -> tuple[float, float]:
    """Seconds that keeping the positions took, and proving them."""
    return _seconds(partial(keep_positions, ends)), _seconds(prove_snapshots)


def _hold(chapter: Chapter) -> None:
    ours, limits = _by_days(chapter, "ours"), _by_days(chapter, "limit")
    for days in DAYS:
        within(chapter, f"÷ the plain aggregate, {days} days", ours[days], limits[days], 3)
    if chapter.key == "P5.3":
        return
    within(chapter, f"{DAYS[-1]} days ÷ 1 day", ours[DAYS[-1]], ours[1], 1.2)
    if chapter.key == "P5.2":
        proven = dict(
            zip(DAYS, [one for one in chapter.series if "proven" in one.name], strict=True)
        )
        within(chapter, f"proven, {DAYS[-1]} days ÷ 1 day", proven[DAYS[-1]], proven[1], 1.2)


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
