"""What a split means for settlements: settled units change, and so does what is still to be delivered.

A settlement keeps the terms of its trade, which is what was instructed and what clearing confirms.
How many units of today are still to move stands beside them, and is what is posted (decision 0050).

All that an account has of an instrument is cut to whole units at once, as the books and the position
cut it: what is settled first, then what is open, one after the other. So each moves whole units, and
they add up to what the account is entitled to (decision 0057).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from uuid import UUID

import msgspec
from django.db import connection
from django.utils import timezone

from apps.core.money import ZERO, exact
from apps.core.units import Ratio
from apps.events.services import unit_of_work
from apps.ledger import services as books
from apps.settlement.models import UnitSplit
from apps.trading import services as trading
from apps.trading.events import SplitApplied

# What has units that are still to move: open ones, and those that an open return takes back, which
# the two have together. Locked by id, as everywhere.
OPEN: Final = """
SELECT o.id, o.account_id, o.instrument_id, o.original_id,
       CASE WHEN o.movement = 'receive' THEN 1 ELSE -1 END,
       o.kind = 'settlement' AND NOT o.is_gone,
       coalesce(o.open_units, o.quantity - o.settled), coalesce(o.done_units, o.settled)
FROM unnest(%s::uuid[], %s::uuid[]) AS u (account, instrument)
JOIN settlement_settlement o ON o.account_id = u.account AND o.instrument_id = u.instrument
WHERE o.tenant_id = ANY(%s) AND (
    o.state NOT IN ('settled', 'cancelled', 'compensated')
    OR o.id IN (SELECT r.original_id FROM settlement_settlement r
                WHERE r.tenant_id = ANY(%s) AND r.kind = 'return'
                  AND r.state NOT IN ('settled', 'cancelled', 'compensated')))
ORDER BY o.id FOR UPDATE OF o
"""
WRITE: Final = """
UPDATE settlement_settlement AS s
SET open_units = n.to_move, done_units = n.moved, version = s.version + 1, changed_at = %s
FROM json_to_recordset(%s::json) AS n (id uuid, to_move numeric, moved numeric)
WHERE s.id = n.id
"""
Place = tuple[UUID, UUID]
"""Account, and instrument."""


@dataclass(slots=True)
class Open:
    """A settlement whose units are split."""

    id: UUID
    account: UUID
    instrument: UUID
    original: UUID | None
    sign: int
    """1 where the client receives."""
    counts: bool
    """Its trade stands: what is open comes. Else what has settled goes back."""
    to_move: Decimal
    moved: Decimal


def split_units(splits: Sequence[tuple[int, SplitApplied]], *, partition: int) -> None:
    """Apply splits (tenant, fact), of which no two are about one account and instrument."""
    now = timezone.now()
    wanted = {(one.account_id, one.instrument_id): (tenant, one) for tenant, one in splits}
    with unit_of_work():
        open_ones = _open_ones(list(wanted), sorted({tenant for tenant, _ in splits}))
        settled = trading.settled_units(wanted.keys())
        made: dict[Place, Decimal] = {}
        for place, (_, one) in wanted.items():
            ratio = Ratio.of(one.new_units, one.old_units, one.lot_size)
            made[place] = _split(settled.get(place, ZERO), open_ones.get(place, []), ratio)
        changed = [one for found in open_ones.values() for one in found]
        with connection.cursor() as cursor:
            cursor.execute(WRITE, [now, _encode(changed).decode()])
        trading.settle_units(
            {(wanted[place][0], *place): units for place, units in made.items() if units}
        )
        books.post_splits(
            [(tenant, one, made[place]) for place, (tenant, one) in wanted.items()],
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
                settled=made[place],
                open_settlements=len(open_ones.get(place, [])),
                at=now,
            )
            for place, (tenant, one) in wanted.items()
        )


_encode = msgspec.json.Encoder(decimal_format="string").encode


def _open_ones(places: Sequence[Place], tenants: list[int]) -> Mapping[Place, list[Open]]:
    accounts, instruments = zip(*places, strict=True)
    found: dict[Place, list[Open]] = {}
    with connection.cursor() as cursor:
        # Twice: what is posted while the locks are waited for may open a return, which only a second
        # look sees. After that nothing moves: returns are opened by whoever has locked the original.
        for _ in range(2):
            cursor.execute(OPEN, [list(accounts), list(instruments), tenants, tenants])
        for row in cursor.fetchall():
            one = Open(*row)
            found.setdefault((one.account, one.instrument), []).append(one)
    return found


def _split(settled: Decimal, rows: Sequence[Open], ratio: Ratio) -> Decimal:
    """Give every row its new units; the settled units that the split made (below 0: took)."""
    back = {one.original: one for one in rows if one.original is not None}
    firsts = [one for one in rows if one.original is None]
    with exact():
        parts = [settled, *(one.sign * _due(one, back.get(one.id)) for one in firsts)]
        new, *shares = ratio.shared(parts)
        for one, share in zip(firsts, shares, strict=True):
            _become(one, back.get(one.id), abs(share), ratio)
        return new - settled


def _due(one: Open, back: Open | None) -> Decimal:
    """What is to come of a settlement; below 0: what is to go back of it, less what has."""
    if one.counts:
        return one.to_move
    return -(one.moved - (back.moved if back else ZERO))


def _become(one: Open, back: Open | None, share: Decimal, ratio: Ratio) -> None:
    if one.counts:
        one.to_move, one.moved = share, ratio.entitled(one.moved)
        return
    one.to_move, one.moved = ratio.entitled(one.to_move), share
    if back is not None:
        back.to_move, back.moved = share, ratio.entitled(back.moved)
        one.moved += back.moved
