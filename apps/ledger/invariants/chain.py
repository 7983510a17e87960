"""I11: the journal is as it was sealed."""

from collections.abc import Iterator
from uuid import UUID

from django.db import connection

from apps.events.invariants import FAILURES_SHOWN, Check
from apps.ledger.chain import GENESIS, chained, first_difference
from apps.ledger.models import Block
from apps.ledger.selectors.chain import digests_of

TOLD = """
SELECT DISTINCT (data ->> 'number')::bigint, data ->> 'hash' FROM events_event
WHERE topic = 'ledger' AND name = 'ledger.block.sealed' AND key = 'ledger-chain'
"""


def blocks_are_as_sealed(tenant_id: int | None) -> Check:
    """Every block follows the one before, and its entries are as they were sealed."""
    faults: list[str] = []
    for fault in _faults():
        faults.append(fault)
        if len(faults) == FAILURES_SHOWN:
            break
    name = "ledger: the journal is as it was sealed (I11)"
    return Check(name, not faults, Block.objects.count(), faults)


def _faults() -> Iterator[str]:
    previous, low, told = GENESIS, UUID(int=0), _told()
    for number, block in enumerate(Block.objects.order_by("number").iterator(chunk_size=20), 1):
        sealed, kept = bytes(block.digests), bytes(block.hash)
        if (block.number, block.low) != (number, low) or bytes(block.previous) != previous:
            yield f"block {block.number} does not follow block {number - 1}: one is missing"
        elif chained(previous, sealed) != kept:
            yield f"block {block.number} is not what it was sealed as"
        elif told.get(block.number, kept.hex()) != kept.hex():
            yield f"block {block.number} has another hash than was told when it was sealed"
        found, _ = digests_of(block.low, block.high)
        if found != sealed:
            different = first_difference(sealed, found)
            where = f"entry {different[0]} {different[1]}" if different else "its digests changed"
            yield f"block {block.number}: {where}"
        previous, low = kept, block.high


def _told() -> dict[int, str]:
    """The hashes that the log was told."""
    with connection.cursor() as cursor:
        cursor.execute(TOLD)
        return dict(cursor.fetchall())
