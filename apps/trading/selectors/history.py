"""A position folded again from its own history: where the past was revised, and as of a time.

The history keeps the fill of every row, so a position is folded again from its own rows, as the
handler knew them: never from the trades, which may be ahead of it. Folding begins at the newest row
that no later revision reaches; under FIFO, whose lots the history does not keep, at the newest of
those where the position was flat, or where a snapshot kept the lots.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec
from django.db import connection

from apps.core.money import minor_units
from apps.core.units import Ratio
from apps.trading.positions import (
    FIFO,
    FLAT,
    Fill,
    PositionState,
    Split,
    Terms,
    Told,
    effective_fills,
    lots_from_json,
    replay,
    settled_before,
)

# By versions, backwards: what is revised is mostly recent.
PLACE: Final = """
SELECT place FROM trading_positionchange
WHERE account_id = %s AND instrument_id = %s AND trade_id = %s ORDER BY version DESC LIMIT 1
"""
REVISIONS: Final = """
SELECT "offset", place FROM trading_positionchange
WHERE account_id = %s AND instrument_id = %s AND kind <> 'executed' AND version <= %s
  AND effective_at <= %s
"""
# The newest version before an offset is found by halves, like one before a time.
BASE: Final = """
SELECT "offset", quantity, cost, realised_pnl, fees FROM trading_positionchange
WHERE account_id = %s AND instrument_id = %s AND "offset" < %s
ORDER BY version DESC LIMIT 1
"""
FLAT_BASE: Final = """
SELECT "offset", quantity, cost, realised_pnl, fees FROM trading_positionchange
WHERE account_id = %s AND instrument_id = %s AND "offset" < %s AND "offset" > %s AND quantity = 0
ORDER BY version DESC LIMIT 1
"""
SNAPSHOT: Final = """
SELECT last_offset, quantity, cost, realised_pnl, fees, lots FROM trading_positionsnapshot
WHERE account_id = %s AND instrument_id = %s AND last_offset < %s
ORDER BY snapshot_id DESC LIMIT 1
"""
# What a row of the history (`c`) says, with the terms of the split (`s`), where it is one.
TOLD: Final = """c."offset", c.place, c.fill_quantity, c.fill_price, c.fill_notional, c.fill_fees,
       s.new_units, s.old_units, s.lot_size, s.cash_in_lieu_price, s.currency"""
SPLITS: Final = "LEFT JOIN trading_corporateaction s ON s.id = c.trade_id AND c.kind = 'split'"
SINCE: Final = f"""
SELECT {TOLD}
FROM trading_positionchange c {SPLITS}
WHERE c.account_id = %s AND c.instrument_id = %s AND c."offset" > %s AND c.version <= %s
  AND c.effective_at <= %s
ORDER BY c.version
"""


ALL: Final = (2**63 - 1, datetime(9999, 12, 31, tzinfo=UTC))
"""Every version, whenever it was dealt."""


class Change(msgspec.Struct, frozen=True, gc=False):
    """What one fact made of a position: a row of the history."""

    partition: int
    offset: int
    tenant_id: int
    account_id: UUID
    instrument_id: UUID
    trade_id: UUID
    kind: str
    place: int
    fill_quantity: Decimal
    fill_price: Decimal
    fill_notional: Decimal
    fill_fees: Decimal
    split_factor: Decimal | None
    version: int
    quantity: Decimal
    cost: Decimal
    realised_pnl: Decimal
    fees: Decimal
    effective_at: datetime
    booked_at: datetime
    effective_to: datetime
    split: Split | None = None

    @property
    def state(self) -> PositionState:
        """The position after it, without its lots."""
        return PositionState(self.quantity, self.cost, self.realised_pnl, self.fees)

    @property
    def told(self) -> Told:
        """The fill that the trade stands for, or the split."""
        if self.split is not None:
            return Told(self.offset, self.place, self.split)
        terms = (self.fill_quantity, self.fill_price, self.fill_notional, self.fill_fees)
        return told(self.offset, self.place, *terms)


@dataclass(frozen=True, slots=True)
class History:
    """The rows of one position: those in the table, and those that a batch has yet to write."""

    account: UUID
    instrument: UUID
    changes: Sequence[Change]
    """Of this position, not written yet, oldest first."""

    def place_of(self, trade: UUID) -> int:
        """Where a trade was executed. Raises `ValueError` for one that was never folded."""
        for one in reversed(self.changes):
            if one.trade_id == trade:
                return one.place
        found = self._rows(PLACE, trade)
        if not found:
            raise ValueError(f"trade {trade} is revised, but was never folded into a position")
        return int(found[0][0])

    def refold(self, revised: Told, terms: Terms) -> PositionState:
        """The position with a trade in its new version (no fill: cancelled)."""
        revisions = [(revised.offset, revised.place), *self._rows(REVISIONS, *ALL)]
        revisions += [(one.offset, one.place) for one in self.changes if one.kind != "executed"]
        bound = settled_before(revised.place, revisions)
        offset, state = self._base(bound, revisions, terms)
        known = [told(*row) for row in self._rows(SINCE, offset, *ALL)]
        known += [one.told for one in self.changes if one.offset > offset]
        return replay(effective_fills([*known, revised]), terms, state)

    def at(self, bound: int, version: int, effective: datetime, terms: Terms) -> PositionState:
        """The position as of a time: of what was dealt up to `effective`, as known at `version`.

        `bound`: an offset before which everything was dealt by then.
        """
        revisions: list[tuple[int, int]] = [*self._rows(REVISIONS, version, effective)]
        offset, state = self._base(settled_before(bound, revisions), revisions, terms)
        known = [told(*row) for row in self._rows(SINCE, offset, version, effective)]
        return replay(effective_fills(known), terms, state)

    def from_nothing(self, version: int, effective: datetime, terms: Terms) -> PositionState:
        """The same, folded from the very first trade."""
        known = [told(*row) for row in self._rows(SINCE, 0, version, effective)]
        return replay(effective_fills(known), terms)

    def _base(
        self, bound: int, revisions: Sequence[tuple[int, int]], terms: Terms
    ) -> tuple[int, PositionState]:
        """The newest row before `bound` to begin from: its offset (0: before all) and its state."""
        while True:
            newest = self._newest_with_lots if terms.cost_method == FIFO else self._newest
            offset, state = newest(bound)
            # Going back to where the lots are known may have passed a revision of what is before.
            bound = settled_before(offset + 1, revisions)
            if bound == offset + 1:
                return offset, state

    def _newest(self, bound: int) -> tuple[int, PositionState]:
        for one in reversed(self.changes):
            if one.offset < bound:
                return one.offset, one.state
        for offset, *amounts in self._rows(BASE, bound):
            return offset, PositionState(*amounts)
        return 0, FLAT

    def _newest_with_lots(self, bound: int) -> tuple[int, PositionState]:
        for one in reversed(self.changes):
            if one.offset < bound and not one.quantity:
                return one.offset, one.state
        found = 0, FLAT
        for offset, *amounts, lots in self._rows(SNAPSHOT, bound):
            kept = lots_from_json(json.loads(lots)) if lots else ()
            found = offset, PositionState(*(*amounts, kept))
        for offset, *amounts in self._rows(FLAT_BASE, bound, found[0]):
            found = offset, PositionState(*amounts)
        return found

    def _rows(self, query: str, *params: UUID | int | datetime) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(query, [self.account, self.instrument, *params])
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def told(
    offset: int,
    place: int,
    quantity: Decimal,
    price: Decimal,
    notional: Decimal,
    fees: Decimal,
    *split: Any,
) -> Told:
    """What a row of the history says of its trade, or of a split (the arguments of `split_of`)."""
    if split and split[0] is not None:
        return Told(offset, place, split_of(*split))
    fill = Fill(quantity, price, notional, fees, place) if quantity else None
    return Told(offset, place, fill)


def split_of(
    new: Decimal, old: Decimal, lot_size: Decimal | None, price: Decimal | None, currency: str
) -> Split:
    """The split of these terms; its cash, if there is any, in the minor units of a currency."""
    return Split(Ratio.of(new, old, lot_size), price, minor_units(currency))
