"""Whether what is to be delivered is there, and promised to nobody else.

Asked only for tenants that do not deliver short (`SettlementPolicy`). A prime broker does, as a rule: it
lends what its client has sold, and the client's settled units go below zero.
"""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db import connection

from apps.core.money import ZERO, exact
from apps.ledger import selectors as ledger
from apps.settlement.services.rows import Row

HOLDERS: Final = """
SELECT tenant_id FROM settlement_settlementpolicy
WHERE tenant_id = ANY(%s) AND short_deliveries = 'hold'
"""
# In one order: two drivers that look at the same accounts wait for each other, but not in a circle.
LOCK: Final = """
SELECT pg_advisory_xact_lock(hashtextextended('settlement:delivers:' || a::text, 0))
FROM (SELECT unnest(%s::uuid[]) AS a ORDER BY 1) AS accounts
"""
PROMISED: Final = """
SELECT account_id, symbol, sum(coalesce(open_units, quantity - settled)) FROM settlement_settlement
WHERE account_id = ANY(%s) AND movement = 'deliver' AND may_be_out GROUP BY 1, 2
"""
Place = tuple[UUID, str]
"""Account, and instrument."""


def lacking(found: Sequence[Row]) -> dict[UUID, Decimal]:
    """Settlements that would deliver more than is free, with what is free; the earliest due go first.

    Whoever is not named has its units, and nobody else gets them until this transaction has ended.
    """
    asked = [one for one in found if not one.is_receipt and not one.may_be_out]
    holders = _holders({one.tenant_id for one in asked})
    asked = [one for one in asked if one.tenant_id in holders]
    if not asked:
        return {}
    free = _free({(one.tenant_id, one.account_id) for one in asked})
    short: dict[UUID, Decimal] = {}
    for one in sorted(asked, key=lambda row: (row.due_on or row.trade_date, row.id)):
        place, wanted = (one.account_id, one.symbol), one.units(one.saga.open)
        if wanted > free[place]:
            short[one.id] = max(free[place], ZERO)
            continue
        with exact():
            free[place] -= wanted
    return short


def _holders(tenants: set[int]) -> set[int]:
    if not tenants:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(HOLDERS, [sorted(tenants)])
        return {tenant for (tenant,) in cursor.fetchall()}


def _free(owners: set[tuple[int, UUID]]) -> dict[Place, Decimal]:
    """Settled units, less what is on its way out."""
    accounts = [account for _, account in owners]
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [accounts])
        cursor.execute(PROMISED, [accounts])
        promised = {(account, symbol): units for account, symbol, units in cursor.fetchall()}
    free: dict[Place, Decimal] = defaultdict(lambda: ZERO)
    free.update(ledger.balances_of_owners(owners, "SEC:SETTLED"))
    with exact():
        for place, units in promised.items():
            free[place] -= units
    return free
