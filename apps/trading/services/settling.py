"""What settlement tells of positions: how much of them is settled."""

from collections.abc import Mapping
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


SPLIT: Final = """
UPDATE trading_settledholding AS h SET quantity = h.quantity * u.factor, version = h.version + 1,
    updated_at = %s
FROM (
    SELECT o.account_id, o.instrument_id, o.quantity AS before, n.factor
    FROM unnest(%s::uuid[], %s::uuid[], %s::numeric[]) AS n (account, instrument, factor)
    JOIN trading_settledholding o ON o.account_id = n.account AND o.instrument_id = n.instrument
    ORDER BY o.account_id, o.instrument_id FOR UPDATE OF o
) AS u
WHERE h.account_id = u.account_id AND h.instrument_id = u.instrument_id
RETURNING h.account_id, h.instrument_id, h.quantity - u.before
"""


def split_settled(factors: Mapping[tuple[UUID, UUID], Decimal]) -> dict[tuple[UUID, UUID], Decimal]:
    """Settled units of (account, instrument) become `factor` times as many; what that made of each.

    Belongs into the transaction that posts it, which says when it happens only once.
    """
    if not factors:
        return {}
    accounts, instruments = zip(*factors, strict=True)
    with unit_of_work(), connection.cursor() as cursor:
        cursor.execute(
            SPLIT, [timezone.now(), list(accounts), list(instruments), list(factors.values())]
        )
        return {(account, instrument): made for account, instrument, made in cursor.fetchall()}


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
