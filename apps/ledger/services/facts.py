"""Book what trading told: accounts are opened, trades become entries, revisions undo them.

A cancelled trade gets the reversal of its newest entry; an amended one that reversal and an entry of
its new terms, in one transaction. Nothing that was booked is touched. Legs that have settled stay
settled: what the reversal leaves unsettled is owed back, and settlement sees to its return.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db import connection

from apps.events.contracts import Event
from apps.ledger import selectors
from apps.ledger.exceptions import EntryNotFound
from apps.ledger.journal import (
    BookedEntry,
    EntryDraft,
    Leg,
    entry_for_trade,
    replaced_by,
    reversal_of,
)
from apps.ledger.services.accounts import close_client_accounts, open_client_accounts
from apps.ledger.services.actions import Action, book_actions
from apps.ledger.services.posting import post_entries
from apps.trading.events import (
    AccountChanged,
    AccountOpened,
    CashInLieuPaid,
    DividendApplied,
    DividendPaid,
    SplitApplied,
    TradeAmended,
    TradeCancelled,
    TradeExecuted,
)

# LIMIT keeps the planner from reading the whole journal: it is one look-up per source.
ENTRIES: Final = """
SELECT e.tenant_id, e.source, e.id, e.kind, e.effective_at, e.booked_at, e.owner, e.trade_id,
       array_agg(a.code), array_agg(a.owner), array_agg(p.asset), array_agg(p.amount)
FROM unnest(%s::int[], %s::text[]) AS u (tenant, source)
CROSS JOIN LATERAL (
    SELECT * FROM ledger_journalentry j
    WHERE j.tenant_id = u.tenant AND j.source = u.source LIMIT 1
) AS e
JOIN ledger_posting p ON p.entry_id = e.id AND p.booked_at = e.booked_at
JOIN ledger_ledgeraccount a ON a.id = p.ledger_account_id
GROUP BY e.tenant_id, e.source, e.id, e.kind, e.effective_at, e.booked_at, e.owner, e.trade_id
"""

Revised = TradeCancelled | TradeAmended


@dataclass(slots=True)
class _Chunk:
    """Facts of which none revises another, then actions: their entries are booked together."""

    facts: list[tuple[int, TradeExecuted | Revised]] = field(default_factory=list)
    trades: set[UUID] = field(default_factory=set)
    actions: list[tuple[int, Action]] = field(default_factory=list)
    """Of what the facts before them left; one for each account and instrument."""
    places: set[tuple[UUID, UUID]] = field(default_factory=set)

    def book(self, partition: int, *, replaying: bool) -> None:
        """Book what is here, in its order."""
        revised = [(tenant, one) for tenant, one in self.facts if isinstance(one, Revised)]
        undone = _entries(revised)
        drafts: list[EntryDraft] = []
        for tenant, one in self.facts:
            if isinstance(one, Revised):
                drafts.append(reversal_of(undone[tenant, replaced_by(one)]))
            if not isinstance(one, TradeCancelled):
                drafts.append(entry_for_trade(one, tenant=tenant))
        post_entries(drafts, partition=partition)
        if self.actions:
            book_actions(self.actions, partition=partition, replaying=replaying)


def book_facts(
    facts: Iterable[tuple[int, Event]], *, partition: int, replaying: bool = False
) -> None:
    """Book what trading told (tenant, fact), in its order.

    Raises `EntryNotFound` where a trade is revised that was never booked, `MonthArchived` where it was
    booked in a month that is archived.
    """
    told = list(facts)
    opened = [
        (tenant, one.account_id, one.number)
        for tenant, one in told
        if isinstance(one, AccountOpened)
    ]
    closed = [
        (tenant, one.account_id)
        for tenant, one in told
        if isinstance(one, AccountChanged) and one.status == "closed"
    ]
    if opened:
        open_client_accounts(opened)
    if closed:
        close_client_accounts(closed)
    for chunk in _chunks(told):
        chunk.book(partition, replaying=replaying)


def _chunks(facts: Sequence[tuple[int, Event]]) -> list[_Chunk]:
    """What is booked together, in order: what a fact rests on is in the journal before it."""
    chunks = [_Chunk()]
    for tenant, fact in facts:
        if isinstance(fact, TradeExecuted | Revised):
            if fact.trade_id in chunks[-1].trades or chunks[-1].actions:
                chunks.append(_Chunk())
            chunks[-1].facts.append((tenant, fact))
            chunks[-1].trades.add(fact.trade_id)
        elif isinstance(fact, SplitApplied | DividendApplied | DividendPaid | CashInLieuPaid):
            place = fact.account_id, fact.instrument_id
            if place in chunks[-1].places:
                chunks.append(_Chunk())
            chunks[-1].actions.append((tenant, fact))
            chunks[-1].places.add(place)
    return chunks


def _entries(revised: Sequence[tuple[int, Revised]]) -> dict[tuple[int, str], BookedEntry]:
    """The entries that revisions undo, by tenant and source."""
    if not revised:
        return {}
    sources = {(tenant, replaced_by(one)): one.account_number for tenant, one in revised}
    with connection.cursor() as cursor:
        cursor.execute(ENTRIES, [[tenant for tenant, _ in sources], [name for _, name in sources]])
        rows = cursor.fetchall()
    found = {(row[0], row[1]): _entry(row, sources[row[0], row[1]]) for row in rows}
    for tenant, source in sources:
        if (tenant, source) not in found:
            selectors.refuse_archived_entry(tenant, source)
            raise EntryNotFound(source=source)
    return found


_Row = tuple[
    int, str, UUID, str, datetime, datetime, UUID | None, UUID | None,
    list[str], list[UUID | None], list[str], list[Decimal],
]  # fmt: skip


def _entry(row: _Row, owner_number: str) -> BookedEntry:
    tenant, source, uid, kind, effective_at, booked_at, owner, trade, *columns = row
    draft = EntryDraft(
        kind=kind,
        source=source,
        tenant=tenant,
        effective_at=effective_at,
        legs=tuple(Leg(*leg) for leg in zip(*columns, strict=True)),
        owner=owner,
        owner_number=owner_number,
        trade_id=trade,
    )
    return BookedEntry(uid, booked_at, draft)
