"""What a reconciliation looks at: the day's business, at one cut, each check a set operation.

The work is that of the day, not of the history: entries by their ids (which grow with time), events
by their offsets since the last look, balances by their marks. What was changed behind the guards in
older days is found by the chain of sealed blocks and by `manage.py verify`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import connection

from apps.ledger.exceptions import MonthArchived
from apps.ledger.invariants import cut as cuts
from apps.ledger.invariants.chain import faults_since
from apps.ledger.invariants.daily_sql import (
    BALANCES,
    CURSORS,
    EVENTS,
    EXTERNAL,
    GAPS,
    INCOMPLETE,
    LOST_TRADES,
    LOTS,
    MARKS,
    POSITIONS,
    REVERSALS,
    SETTLED,
    SNAPSHOT_FAULTS,
    UNBALANCED,
    UNEVEN,
)
from apps.ledger.invariants.journal import guards_stand
from apps.ledger.reconciliation import BreakKind, Day, Finding, Look, Result
from apps.ledger.selectors import refuse_archived
from apps.ledger.selectors.cut import DEALS
from apps.ledger.selectors.owners import HANDLER
from apps.trading import selectors as trading

FOUND_MOST: Final = 1_000  # findings of one check; more say nothing new
CACHED_MOST: Final = 500  # accounts whose cached positions are looked at


@dataclass(frozen=True, slots=True)
class Scope:
    """A day in the terms of the tables."""

    day: Day
    first: UUID
    last: UUID
    before: Mapping[int, int]
    cut: Mapping[int, int]

    @property
    def params(self) -> dict[str, Any]:
        """For the queries."""
        return {
            "tenant": self.day.tenant,
            "first": self.first,
            "last": self.last,
            "since": self.day.since,
            "date": self.day.date,
            "handler": HANDLER,
            "names": DEALS,
            "readers": cuts.readers(),
            "partitions": list(self.cut),
            "from": [self.before.get(partition, 0) for partition in self.cut],
            "to": list(self.cut.values()),
            "most": FOUND_MOST,
        }


def look(day: Day, before: Mapping[int, int]) -> Look:
    """Look at a day, from the cut of the look before on; all in one snapshot of the database."""
    with cuts.one_snapshot():
        checked, wrong, at = cuts.differing(day.tenant)
        scope = Scope(day, _id_at(day.since.timestamp()), _id_at(day.until.timestamp()), before, at)
        results = [
            _units(checked, wrong),
            _held(day.tenant),
            *(_ask(scope, *question) for question in QUESTIONS),
            _external(scope),
            _sealed(day),
            _guards(),
        ]
    # Not in the snapshot: the cache is compared with the table as it is, once more where it differs.
    return Look([*results, _cached(day)], dict(at))


def _id_at(timestamp: float) -> UUID:
    """The least id that can be made at a time: ids grow with it."""
    return UUID(int=int(timestamp * 1_000) << 80 | 0x7 << 76 | 0x2 << 62)


def _units(checked: int, wrong: Sequence[tuple[cuts.Place, Decimal, Decimal]]) -> Result:
    findings = [
        Finding(
            BreakKind.UNITS_DIFFER,
            f"{account} {asset}",
            "The position and the ledger's units differ at one cut of the log.",
            str(account),
            asset,
            position,
            ledger,
        )
        for (account, asset), position, ledger in wrong[:FOUND_MOST]
    ]
    return Result("positions equal the ledger's units (I4)", checked, findings)


def _held(tenant: int) -> Result:
    accounts = sorted(cuts.held_accounts(tenant))
    findings = [
        Finding(
            BreakKind.ACCOUNT_HELD,
            account,
            "A handler cannot get past a fact of this account.",
            account,
        )
        for account in accounts
    ]
    return Result("no account is held", len(accounts), findings)


Row = tuple[Any, ...]
Question = tuple[BreakKind, str, str]
"""Kind of break, name of the check, and a query of (subject, detail, account, asset, expected,
actual); the first row's last column is how many things were looked at."""
QUESTIONS: Final[Sequence[Question]] = (
    (BreakKind.SETTLED_UNITS_DIFFER, "settled units are the ledger's (I4)", SETTLED),
    (BreakKind.ENTRY_UNBALANCED, "entries balance per asset (I1)", UNBALANCED),
    (BreakKind.ENTRY_INCOMPLETE, "entries have all their legs", INCOMPLETE),
    (BreakKind.REVERSAL_DIFFERS, "reversals undo their entries (I9)", REVERSALS),
    (BreakKind.ASSET_NOT_ZERO, "every asset sums to zero (I2)", UNEVEN),
    (BreakKind.BALANCE_DIFFERS, "balances are marks and postings (I3)", BALANCES),
    (BreakKind.MARK_DIFFERS, "marks are the mark before and postings (I3)", MARKS),
    (BreakKind.TRADE_LOST, "every told trade is there, booked and folded (I10)", EVENTS),
    (BreakKind.ENTRY_WITHOUT_TRADE, "every trade entry has its trade (I10)", LOST_TRADES),
    (BreakKind.POSITION_DIFFERS, "positions are their newest change", POSITIONS),
    (BreakKind.LOTS_DIFFER, "lots add up to their position", LOTS),
    (BreakKind.LOG_HAS_GAP, "the log of trades has no gap", GAPS),
    (BreakKind.CURSOR_AHEAD, "no handler claims more than the log holds", CURSORS),
    (BreakKind.SNAPSHOT_DIFFERS, "snapshots prove one another (I8)", SNAPSHOT_FAULTS),
)


def _ask(scope: Scope, kind: BreakKind, name: str, query: str) -> Result:
    with connection.cursor() as cursor:
        cursor.execute(query, scope.params)
        rows = cursor.fetchall()
    checked = int(rows[0][-1]) if rows else 0
    return Result(name, checked, [Finding(kind, *row[:-1]) for row in rows if row[0] is not None])


def _external(scope: Scope) -> Result:
    """I12: depositories and banks hold for us what we think."""
    name = "depot and nostro are what others say (I12)"
    if text := _archived_since(scope.day):
        return Result(name, missing=text)
    with connection.cursor() as cursor:
        cursor.execute(EXTERNAL, scope.params)
        rows = cursor.fetchall()
    missing = [f"{kind} of {source}" for kind, source, is_here, *_ in rows if not is_here]
    findings = [
        Finding(
            BreakKind.EXTERNAL_DIFFERS,
            f"{kind} {source} {asset} {scope.day.date}",
            f"{source} says that it holds another amount at the end of {scope.day.date}.",
            kind,
            asset,
            theirs,
            ours,
        )
        for kind, source, is_here, asset, theirs, ours in rows
        if is_here and theirs != ours
    ]
    if not rows:  # nobody has ever sent a statement, so nobody is expected to
        return Result(f"{name}: nobody sends statements")
    text = f"The statements of {scope.day.date} have not arrived: {', '.join(missing)}."
    return Result(name, len(rows), findings, text if missing else "")


def _archived_since(day: Day) -> str:
    """Why the house's holdings at the end of a day cannot be told, if so."""
    try:
        refuse_archived(day.tenant, None, datetime.combine(day.date, time.max, UTC))
    except MonthArchived as archived:
        return f"{archived} ({archived.facts['month']})"
    return ""


def _sealed(day: Day) -> Result:
    """I11: blocks that were sealed since the last look are as they were sealed."""
    blocks, faults = faults_since(day.since)
    findings = [
        Finding(BreakKind.BLOCK_DIFFERS, f"block {fault.block}", fault.text)
        for fault in faults[:FOUND_MOST]
    ]
    return Result("the day's blocks are as they were sealed (I11)", blocks, findings)


def _guards() -> Result:
    check = guards_stand(None)
    findings = [Finding(BreakKind.GUARD_MISSING, text, text) for text in check.failures]
    return Result("the journal's guards stand", check.checked, findings)


def _cached(day: Day) -> Result:
    """Positions in Redis, where they are served from there, are those of the table."""
    wrong = trading.differing_from_cache(day.tenant, day.since, CACHED_MOST)
    findings = [
        Finding(
            BreakKind.CACHE_DIFFERS,
            f"{account} {symbol}",
            "The cache serves another position than the table holds.",
            str(account),
            symbol,
            stored,
            cached,
        )
        for account, symbol, stored, cached in wrong.differences
    ]
    return Result("cached positions are those of the table", wrong.checked, findings)
