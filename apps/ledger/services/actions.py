"""Book what corporate actions do, from the books' own units at that place of the log.

At the place of an action the ledger has booked every trade of before the ex-date and none of after, so
what its accounts hold is what is entitled. Settlement may move units from unsettled to settled at the
same time; their sum stays.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db import connection

from apps.core.money import ZERO
from apps.ledger import selectors
from apps.ledger.journal import (
    Code,
    EntryDraft,
    Paid,
    entry_for_cash_in_lieu,
    entry_for_dividend,
    entry_for_payment,
    entry_for_split,
    entry_for_split_settled,
    source_of_debt,
)
from apps.ledger.services.posting import Booked, post_entries
from apps.trading.events import DividendApplied, SplitApplied

UNITS: Final = """
SELECT a.tenant_id, a.owner, b.asset, sum(b.amount)
FROM unnest(%s::int[], %s::uuid[], %s::text[]) AS u (tenant, owner, asset)
JOIN ledger_ledgeraccount a ON a.tenant_id = u.tenant AND a.owner = u.owner AND a.code = ANY(%s)
JOIN ledger_balance b ON b.ledger_account_id = a.id AND b.asset = u.asset
GROUP BY a.tenant_id, a.owner, b.asset
"""
# The same, from the postings: a replay fills its own beside the journal, and no balances.
POSTED: Final = """
SELECT a.tenant_id, a.owner, p.asset, sum(p.amount)
FROM unnest(%s::int[], %s::uuid[], %s::text[]) AS u (tenant, owner, asset)
JOIN ledger_ledgeraccount a ON a.tenant_id = u.tenant AND a.owner = u.owner AND a.code = ANY(%s)
JOIN ledger_posting p ON p.ledger_account_id = a.id AND p.asset = u.asset
GROUP BY a.tenant_id, a.owner, p.asset
"""
# What an account was credited (or debited) at the ex-date.
OWED: Final = """
SELECT e.tenant_id, e.source, p.amount
FROM unnest(%s::int[], %s::text[]) AS u (tenant, source)
CROSS JOIN LATERAL (
    SELECT * FROM ledger_journalentry j
    WHERE j.tenant_id = u.tenant AND j.source = u.source LIMIT 1
) AS e
JOIN ledger_posting p ON p.entry_id = e.id AND p.booked_at = e.booked_at
JOIN ledger_ledgeraccount a ON a.id = p.ledger_account_id AND a.code = %s AND a.owner = e.owner
"""
HELD: Final = [Code.SEC_UNSETTLED.value, Code.SEC_SETTLED.value]

Action = SplitApplied | DividendApplied | Paid
Place = tuple[int, UUID, str]
"""Tenant, owner, asset."""


def book_actions(
    facts: Sequence[tuple[int, Action]], *, partition: int, replaying: bool = False
) -> None:
    """Book actions (tenant, fact), of which no two are about one account and instrument."""
    entitled = [(tenant, one) for tenant, one in facts if not isinstance(one, Paid)]
    units = _units(entitled, POSTED if replaying else UNITS)
    owed = _owed([(tenant, one) for tenant, one in facts if isinstance(one, Paid)])
    drafts: list[EntryDraft | None] = []
    for tenant, one in facts:
        if isinstance(one, Paid):
            amount = owed.get((tenant, source_of_debt(one)))
            if amount is not None:  # nothing is owed for no units
                drafts.append(entry_for_payment(one, amount, tenant=tenant))
            continue
        held = units.get((tenant, one.account_id, one.symbol), ZERO)
        if isinstance(one, SplitApplied):
            drafts.append(entry_for_split(one, held, tenant=tenant))
            drafts.append(entry_for_cash_in_lieu(one, held, tenant=tenant))
        else:
            drafts.append(entry_for_dividend(one, held, tenant=tenant))
    post_entries([one for one in drafts if one is not None], partition=partition)


def post_splits(
    settled: Sequence[tuple[int, SplitApplied, Decimal]], *, partition: int
) -> list[Booked]:
    """Book the units (tenant, split, units) that splits made of what the depot holds."""
    drafts = [entry_for_split_settled(one, units, tenant=tenant) for tenant, one, units in settled]
    return post_entries([one for one in drafts if one is not None], partition=partition)


def _units(
    facts: Sequence[tuple[int, SplitApplied | DividendApplied]], query: str
) -> dict[Place, Decimal]:
    if not facts:
        return {}
    columns = zip(*((tenant, one.account_id, one.symbol) for tenant, one in facts), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(query, [*map(list, columns), HELD])
        return {(tenant, owner, asset): held for tenant, owner, asset, held in cursor.fetchall()}


def _owed(facts: Sequence[tuple[int, Paid]]) -> dict[tuple[int, str], Decimal]:
    if not facts:
        return {}
    sources = [source_of_debt(one) for _, one in facts]
    with connection.cursor() as cursor:
        tenants = [tenant for tenant, _ in facts]
        cursor.execute(OWED, [tenants, sources, Code.CASH_UNSETTLED.value])
        found = {(tenant, source): amount for tenant, source, amount in cursor.fetchall()}
    silent = {(tenant, source_of_debt(one)) for tenant, one in facts} - found.keys()
    for tenant, source in sorted(selectors.booked_sources(silent)):
        selectors.refuse_archived_entry(tenant, source)  # booked, and its legs are in a file
    return found
