"""A client's statement: every posting of a period, with the balance that it left."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from apps.core.money import ZERO, exact
from apps.ledger.selectors.archives import OF_OWNER, refuse
from apps.ledger.selectors.balances import Balance, Moment, balances

# From the balances, so that each account and asset is one range of the index.
# First of all: a month of the period that is archived, in a row without an entry.
LINES = f"""
(SELECT z.starts_at, NULL::uuid, NULL::smallint, NULL::timestamptz, NULL::text, NULL::text,
        NULL::text, NULL::text, NULL::numeric
 FROM {OF_OWNER.format(since="%(at)s", until="%(until)s - interval '1 microsecond'")} LIMIT 1)
UNION ALL
(SELECT p.booked_at, p.entry_id, p.leg, e.effective_at, e.kind, e.source, a.code, p.asset, p.amount
FROM ledger_ledgeraccount a
JOIN ledger_balance b ON b.ledger_account_id = a.id
JOIN ledger_posting p ON p.ledger_account_id = a.id AND p.asset = b.asset
JOIN ledger_journalentry e ON e.id = p.entry_id
WHERE a.tenant_id = %(tenant)s AND a.owner = %(owner)s
  AND p.booked_at >= %(at)s AND p.booked_at < %(until)s
  AND (p.booked_at, p.entry_id, p.leg) > (%(at)s, %(entry)s, %(leg)s::smallint)
ORDER BY p.booked_at, p.entry_id, p.leg
LIMIT %(limit)s)
"""
CHUNK = 1_000  # lines read at a time


@dataclass(frozen=True, slots=True)
class Line:
    """One posting, and the balance of its account and asset after it."""

    booked_at: datetime
    entry: UUID
    leg: int
    effective_at: datetime
    kind: str
    source: str
    account: str
    asset: str
    amount: Decimal
    """Signed: positive is a debit."""
    balance: Decimal

    @property
    def side(self) -> str:
        """`debit` or `credit`."""
        return "debit" if self.amount > 0 else "credit"

    @property
    def moment(self) -> Moment:
        """Where this line stands."""
        return Moment(self.booked_at, self.entry, self.leg)


@dataclass(frozen=True, slots=True)
class Statement:
    """A page of a statement: balances before its first line, its lines, and where the next begins."""

    opening: Sequence[Balance]
    lines: Sequence[Line]
    next: Moment | None


def statement(
    tenant: int, owner: UUID, *, after: Moment, until: datetime, limit: int = CHUNK
) -> Statement:
    """Postings after a moment and before a time (of booking), oldest first; three index ranges.

    Raises `MonthArchived` where postings of the period are in a file.
    For a period's first page start with `Moment.just_before(its start)`, then go on with `next`.
    """
    opening = balances(tenant, owner, as_of=after)
    found = _read(tenant, owner, after, until, limit + 1)
    running = {(one.account, one.asset): one.amount for one in opening}
    lines = []
    with exact():
        for row in found[:limit]:
            place = (row[6], row[7])
            running[place] = running.get(place, ZERO) + row[8]
            lines.append(Line(*(*row, running[place])))
    return Statement(opening, lines, lines[-1].moment if len(found) > limit else None)


def statement_lines(
    tenant: int, owner: UUID, *, since: datetime, until: datetime
) -> Iterator[Line]:
    """All lines of a period, read in chunks; memory does not grow with the period."""
    after: Moment | None = Moment.just_before(since)
    while after is not None:
        page = statement(tenant, owner, after=after, until=until)
        yield from page.lines
        after = page.next


def _read(
    tenant: int, owner: UUID, after: Moment, until: datetime, limit: int
) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            LINES,
            {
                "tenant": tenant,
                "owner": owner,
                "at": after.at,
                "entry": after.entry,
                "leg": after.leg,
                "until": until,
                "limit": limit,
            },
        )
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    if rows and rows[0][1] is None:
        refuse(rows[0][0])
    return rows
