"""What a split means for settlements: settled units change, and so does what is still to be delivered.

A settlement keeps the terms of its trade, which is what was instructed and what clearing confirms.
What one of its units is today stands beside them, and is what is posted (decision 0050).
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db import connection
from django.utils import timezone

from apps.core.money import ZERO
from apps.events.services import unit_of_work
from apps.ledger import services as books
from apps.settlement.models import UnitSplit
from apps.trading import services as trading
from apps.trading.events import SplitApplied

# Open ones, and what open returns give back: both are counted in open units. Locked by id, as
# everywhere.
OPEN: Final = """
UPDATE settlement_settlement AS s
SET unit_factor = s.unit_factor * f.factor, version = s.version + 1, changed_at = %s
FROM (
    SELECT o.id, u.factor FROM settlement_settlement o
    JOIN unnest(%s::uuid[], %s::uuid[], %s::numeric[]) AS u (account, instrument, factor)
      ON u.account = o.account_id AND u.instrument = o.instrument_id
    WHERE o.tenant_id = ANY(%s) AND (
        o.state NOT IN ('settled', 'cancelled', 'compensated')
        OR o.id IN (SELECT r.original_id FROM settlement_settlement r
                    WHERE r.tenant_id = ANY(%s) AND r.kind = 'return'
                      AND r.state NOT IN ('settled', 'cancelled', 'compensated')))
    ORDER BY o.id FOR UPDATE OF o
) AS f
WHERE s.id = f.id
RETURNING s.account_id, s.instrument_id
"""
Place = tuple[UUID, UUID]
"""Account, and instrument."""


def split_units(splits: Sequence[tuple[int, SplitApplied]], *, partition: int) -> None:
    """Apply splits (tenant, fact), of which no two are about one account and instrument."""
    now = timezone.now()
    factors: dict[Place, Decimal] = {
        (one.account_id, one.instrument_id): one.factor for _, one in splits
    }
    with unit_of_work():
        changed = _split_open(factors, {tenant for tenant, _ in splits}, now)
        made = trading.split_settled(factors)
        books.post_splits(
            [
                (tenant, one, made.get((one.account_id, one.instrument_id), ZERO))
                for tenant, one in splits
            ],
            partition=partition,
        )
        UnitSplit.objects.bulk_create(
            UnitSplit(
                action_id=one.action_id,
                account_id=one.account_id,
                tenant_id=tenant,
                instrument_id=one.instrument_id,
                symbol=one.symbol,
                factor=one.factor,
                settled=made.get((one.account_id, one.instrument_id), ZERO),
                open_settlements=changed[one.account_id, one.instrument_id],
                at=now,
            )
            for tenant, one in splits
        )


def _split_open(factors: dict[Place, Decimal], tenants: set[int], now: datetime) -> Counter[Place]:
    accounts, instruments = zip(*factors, strict=True)
    wanted = sorted(tenants)
    with connection.cursor() as cursor:
        cursor.execute(
            OPEN,
            [now, list(accounts), list(instruments), list(factors.values()), wanted, wanted],
        )
        return Counter((account, instrument) for account, instrument in cursor.fetchall())
