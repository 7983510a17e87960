"""I11: the journal is as it was sealed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection

from apps.events.invariants import FAILURES_SHOWN, Check
from apps.ledger.chain import GENESIS, chained, first_difference
from apps.ledger.models import Archive, Block
from apps.ledger.selectors.chain import archived_in, digests_of

TOLD: Final = """
SELECT DISTINCT (data ->> 'number')::bigint, data ->> 'hash' FROM events_event
WHERE topic = 'ledger' AND name = 'ledger.block.sealed' AND key = 'ledger-chain'
  AND (data ->> 'number')::bigint >= %s
"""

TOLD_OF_MONTH: Final = """
SELECT data ->> 'sha256' FROM events_event
WHERE topic = 'ledger' AND name = 'ledger.month.archived' AND key = 'ledger-chain'
  AND data ->> 'month' = %s ORDER BY recorded_at DESC LIMIT 1
"""
CARRIED: Final = (
    "SELECT coalesce(sum(postings), 0)::bigint FROM ledger_archivedbalance WHERE month = %s"
)
HEADERS: Final = "SELECT block, hash FROM ledger_header_hashes(%s, %s, %s, %s)"


@dataclass(frozen=True, slots=True)
class Fault:
    """A block that is not as it was sealed, and what is wrong with it."""

    block: int
    text: str


def blocks_are_as_sealed(tenant_id: int | None) -> Check:
    """Every block follows the one before, and its entries are as they were sealed."""
    texts: list[str] = []
    for fault in _faults(None):
        texts.append(fault.text)
        if len(texts) == FAILURES_SHOWN:
            break
    name = "ledger: the journal is as it was sealed (I11)"
    return Check(name, not texts, Block.objects.count(), texts)


def faults_since(sealed: datetime) -> tuple[int, list[Fault]]:
    """How many blocks were sealed from a time on, and what is wrong with them."""
    before = Block.objects.filter(sealed_at__lt=sealed).order_by("-number").first()
    blocks = Block.objects.filter(number__gt=before.number if before else 0).count()
    return blocks, list(_faults(before))


def _faults(before: Block | None) -> Iterator[Fault]:
    """Of all blocks, or of those after one."""
    start, low, previous = (
        (before.number + 1, before.high, bytes(before.hash))
        if before
        else (1, UUID(int=0), GENESIS)
    )
    told = _told(start)
    blocks = Block.objects.filter(number__gte=start).order_by("number")
    for number, block in enumerate(blocks.iterator(chunk_size=20), start):
        sealed, kept = bytes(block.digests), bytes(block.hash)
        if (block.number, block.low) != (number, low) or bytes(block.previous) != previous:
            yield Fault(
                block.number,
                f"block {block.number} does not follow block {number - 1}: one is missing",
            )
        elif chained(previous, sealed) != kept:
            yield Fault(block.number, f"block {block.number} is not what it was sealed as")
        elif told.get(block.number, kept.hex()) != kept.hex():
            yield Fault(
                block.number,
                f"block {block.number} has another hash than was told when it was sealed",
            )
        found, _ = digests_of(block.low, block.high)
        if found != sealed:
            different = first_difference(sealed, found, archived_in(block.low, block.high))
            if different:
                where = f"block {block.number}: entry {different[0]} {different[1]}"
                yield Fault(block.number, where)
        previous, low = kept, block.high


def archived_months_are_as_archived(tenant_id: int | None) -> Check:
    """R19: the headers of archived months are as they were; their legs are proven by their files."""
    faults: list[str] = []
    months = list(Archive.objects.filter(state=Archive.State.ARCHIVED).order_by("month"))
    for month in months:
        faults += _faults_of(month)
    name = "ledger: archived months are as they were archived (R19)"
    return Check(name, not faults, len(months), faults[:FAILURES_SHOWN])


def _faults_of(month: Archive) -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute(TOLD_OF_MONTH, [month.month.isoformat()])
        told = cursor.fetchone()
        if told is not None and told[0] != month.sha256:
            yield f"month {month.month:%Y-%m}: the log was told of another file"
        cursor.execute(CARRIED, [month.month])
        if cursor.fetchone() != (month.postings,):
            yield f"month {month.month:%Y-%m}: its carried balances are not of all its postings"
        cursor.execute(
            HEADERS, [month.first_block, month.last_block, month.starts_at, month.ends_at]
        )
        kept = bytes(month.headers)
        for place, (block, found) in enumerate(cursor.fetchall()):
            if bytes(found) != kept[place * 32 : place * 32 + 32]:
                yield f"month {month.month:%Y-%m}: a header in block {block} is not as it was"


def _told(start: int) -> dict[int, str]:
    """The hashes that the log was told, of blocks from a number on."""
    with connection.cursor() as cursor:
        cursor.execute(TOLD, [start])
        return dict(cursor.fetchall())
