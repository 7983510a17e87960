"""What settlement tells of positions: how much of them is settled."""

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db import connection
from django.utils import timezone

from apps.events.services import unit_of_work

# In one order by everyone: two settlements of one account wait, but not in a circle.
SETTLE: Final = """
INSERT INTO trading_settledholding AS h (tenant_id, account_id, instrument_id, quantity, version,
                                         updated_at)
SELECT t, a, i, q, 1, %s
FROM unnest(%s::int[], %s::uuid[], %s::uuid[], %s::numeric[]) AS u (t, a, i, q) ORDER BY a, i
ON CONFLICT (account_id, instrument_id) DO UPDATE SET
    quantity = h.quantity + excluded.quantity, version = h.version + 1,
    updated_at = excluded.updated_at
"""

# In the same order.
HELD: Final = """
SELECT h.account_id, h.instrument_id, h.quantity
FROM unnest(%s::uuid[], %s::uuid[]) AS u (account, instrument)
JOIN trading_settledholding h ON h.account_id = u.account AND h.instrument_id = u.instrument
ORDER BY h.account_id, h.instrument_id FOR UPDATE OF h
"""


def settled_units(places: Collection[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], Decimal]:
    """Settled units by (account, instrument), where there are any: locked, for whoever changes them."""
    if not places:
        return {}
    accounts, instruments = zip(*places, strict=True)
    with unit_of_work(), connection.cursor() as cursor:
        cursor.execute(HELD, [list(accounts), list(instruments)])
        return {(account, instrument): held for account, instrument, held in cursor.fetchall()}


def settle_units(moved: Mapping[tuple[int, UUID, UUID], Decimal]) -> None:
    """Add to the settled units of (tenant, account, instrument): + received, - delivered.

    Belongs into the transaction that posts the settlement, which says when it happens only once.
    """
    if not moved:
        return
    tenants, accounts, instruments = zip(*moved, strict=True)
    with unit_of_work(), connection.cursor() as cursor:
        cursor.execute(
            SETTLE,
            [
                timezone.now(),
                list(tenants),
                list(accounts),
                list(instruments),
                list(moved.values()),
            ],
        )
