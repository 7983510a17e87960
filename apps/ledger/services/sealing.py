"""Seal what was booked, block by block, behind the bookings: no booking ever waits for it."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection
from django.utils import timezone

from apps.events.services import unit_of_work
from apps.ledger.chain import GENESIS, chained
from apps.ledger.events import BlockSealed
from apps.ledger.models import Block
from apps.ledger.selectors.chain import digests_of

BLOCK: Final = 5_000  # entries
SLACK: Final = timedelta(seconds=60)
"""How far the clocks of machines that make ids may be apart."""
LOCK: Final = 0x1ED6E2

# Ids are made when a booking begins. What began before the oldest transaction that still writes is
# all there: nothing can be put in below it any more.
HORIZON: Final = """
SELECT least(min(xact_start), clock_timestamp()) FROM pg_stat_activity
WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()
"""
NEXT: Final = """
SELECT entry, count(*) OVER () FROM (
    SELECT id AS entry FROM ledger_journalentry WHERE id > %s AND id < %s ORDER BY id LIMIT %s
) AS e ORDER BY entry DESC LIMIT 1
"""


def seal_blocks(*, slack: timedelta = SLACK, most: int = 200) -> int:
    """Seal what can be sealed; how many blocks that were. Two at once: one of them does nothing."""
    sealed = 0
    while sealed < most and _seal_one(slack):
        sealed += 1
    return sealed


def _seal_one(slack: timedelta) -> bool:
    with unit_of_work() as work, connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return False
        last = Block.objects.order_by("-number").first()
        low = last.high if last else UUID(int=0)
        cursor.execute(HORIZON)
        before = _id_at(cursor.fetchone()[0] - slack)
        cursor.execute(NEXT, [low, before, BLOCK])
        found = cursor.fetchone()
        if found is None:
            return False
        high = found[0]
        digests, entries = digests_of(low, high)
        previous = bytes(last.hash) if last else GENESIS
        block = Block.objects.create(
            number=last.number + 1 if last else 1,
            low=low,
            high=high,
            entries=entries,
            digests=digests,
            previous=previous,
            hash=chained(previous, digests),
            sealed_at=timezone.now(),
        )
        for tenant in _tenants(low, high):
            fact = BlockSealed(
                number=block.number, high=high, entries=entries, hash=bytes(block.hash).hex()
            )
            work.publish(fact, tenant=tenant, key="ledger-chain")
    return True


def _tenants(low: UUID, high: UUID) -> list[int]:
    """Those whose entries are in a block: each is told its hash, and may keep it."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT DISTINCT tenant_id FROM ledger_journalentry WHERE id > %s AND id <= %s
               ORDER BY 1""",
            [low, high],
        )
        return [tenant for (tenant,) in cursor.fetchall()]


def _id_at(at: datetime) -> UUID:
    return UUID(int=int(at.timestamp() * 1_000) << 80 | 0x7 << 76 | 0x2 << 62)
