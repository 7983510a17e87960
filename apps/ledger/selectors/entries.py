"""Journal entries with their legs, in pages of two queries."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from apps.ledger.exceptions import EntryNotFound
from apps.ledger.models import JournalEntry
from apps.ledger.selectors.archives import archived_months

LEGS = """
SELECT p.entry_id, a.code, a.owner, a.owner_number, p.asset, p.amount
FROM unnest(%s::uuid[], %s::timestamptz[]) AS u (entry, at)
JOIN ledger_posting p ON p.entry_id = u.entry AND p.booked_at = u.at
JOIN ledger_ledgeraccount a ON a.id = p.ledger_account_id
ORDER BY p.entry_id, p.leg
"""

# LIMIT keeps the planner from reading the whole journal: it is one look-up per source.
BOOKED = """
SELECT u.tenant, u.source FROM unnest(%s::int[], %s::text[]) AS u (tenant, source)
CROSS JOIN LATERAL (
    SELECT FROM ledger_journalentry j WHERE j.tenant_id = u.tenant AND j.source = u.source LIMIT 1
) AS found
"""


@dataclass(frozen=True, slots=True)
class LegView:
    """One leg as it is shown."""

    account: str
    owner: UUID | None
    owner_number: str
    asset: str
    amount: Decimal
    """Signed: positive is a debit."""

    @property
    def side(self) -> str:
        """`debit` or `credit`."""
        return "debit" if self.amount > 0 else "credit"


@dataclass(frozen=True, slots=True)
class Entry:
    """One journal entry as it is shown."""

    id: UUID
    kind: str
    source: str
    reverses: UUID | None
    owner: UUID | None
    trade: UUID | None
    effective_at: datetime
    booked_at: datetime
    legs: Sequence[LegView]
    archived_month: str | None = None
    """The month ("2026-03") whose file has its legs, where they are not here."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries in the order of their booking, and after which id the next page begins."""

    entries: Sequence[Entry]
    next: UUID | None


def entries(
    tenant: int,
    *,
    owner: UUID | None = None,
    trade: UUID | None = None,
    after: UUID | None = None,
    limit: int = 100,
) -> Page:
    """Entries of a tenant, of one client or of one trade, oldest first."""
    rows = JournalEntry.objects.for_tenant(tenant)
    if owner is not None:
        rows = rows.filter(owner=owner)
    if trade is not None:
        rows = rows.filter(trade_id=trade)
    if after is not None:
        rows = rows.filter(id__gt=after)
    found = list(rows.order_by("id")[: limit + 1])
    shown = _with_legs(found[:limit])
    return Page(shown, shown[-1].id if len(found) > limit else None)


def entry(tenant: int, uid: UUID) -> Entry:
    """One entry. Raises EntryNotFound."""
    return _one(JournalEntry.objects.for_tenant(tenant).filter(id=uid), str(uid))


def entry_of_source(tenant: int, source: str) -> Entry:
    """The entry of a source. Raises EntryNotFound."""
    return _one(JournalEntry.objects.for_tenant(tenant).filter(source=source), source)


def booked_trades(tenant: int, trades: Collection[UUID]) -> set[UUID]:
    """Those of the trades that the ledger has an entry of."""
    found = JournalEntry.objects.for_tenant(tenant).filter(trade_id__in=list(trades))
    return {trade for trade in found.values_list("trade_id", flat=True) if trade is not None}


def booked_sources(sources: Collection[tuple[int, str]]) -> set[tuple[int, str]]:
    """Those of the sources (tenant, source) that are booked, in one query."""
    if not sources:
        return set()
    tenants, names = zip(*sources, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(BOOKED, [list(tenants), list(names)])
        return set(cursor.fetchall())


def legs_of(found: Iterable[tuple[UUID, datetime]]) -> dict[UUID, list[LegView]]:
    """The legs of entries (id, time of booking), in one query that reads only their months."""
    pairs = list(found)
    legs: dict[UUID, list[LegView]] = defaultdict(list)
    if pairs:
        with connection.cursor() as cursor:
            cursor.execute(LEGS, [[uid for uid, _ in pairs], [at for _, at in pairs]])
            for uid, *leg in cursor.fetchall():
                legs[uid].append(LegView(*leg))
    return legs


def _one(rows: QuerySet[JournalEntry], named: str) -> Entry:
    found = _with_legs(list(rows))
    if not found:
        raise EntryNotFound(entry=named)
    return found[0]


def _with_legs(rows: Sequence[JournalEntry]) -> list[Entry]:
    legs = legs_of((row.id, row.booked_at) for row in rows)
    months = archived_months(row.booked_at for row in rows if not legs[row.id])
    return [
        Entry(
            id=row.id,
            kind=row.kind,
            source=row.source,
            reverses=row.reverses_id,
            owner=row.owner,
            trade=row.trade_id,
            effective_at=row.effective_at,
            booked_at=row.booked_at,
            legs=legs[row.id],
            archived_month=months.get(row.booked_at),
        )
        for row in rows
    ]
