"""Fold a position again from where a trade of the past was revised.

The history keeps the fill of every row, so a position is folded again from its own rows, as the
handler knew them at that offset: never from the trades, which may be ahead of it. Folding begins at
the newest row that no later revision reaches; under FIFO, whose lots the history does not keep, at
the newest of those where the position was flat.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec
from django.db import connection

from apps.trading.positions import (
    FIFO,
    FLAT,
    Fill,
    PositionState,
    Terms,
    Told,
    effective_fills,
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
WHERE account_id = %s AND instrument_id = %s AND kind <> 'executed'
"""
BASE: Final = """
SELECT "offset", quantity, cost, realised_pnl, fees FROM trading_positionchange
WHERE account_id = %s AND instrument_id = %s AND "offset" < %s AND (NOT %s OR quantity = 0)
ORDER BY version DESC LIMIT 1
"""
SINCE: Final = """
SELECT "offset", place, fill_quantity, fill_price, fill_notional, fill_fees
FROM trading_positionchange
WHERE account_id = %s AND instrument_id = %s AND "offset" > %s ORDER BY version
"""


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
    version: int
    quantity: Decimal
    cost: Decimal
    realised_pnl: Decimal
    fees: Decimal
    effective_at: datetime
    booked_at: datetime

    @property
    def told(self) -> Told:
        """The fill that the trade stands for."""
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
        offset, state = self._base(revised, is_fifo=terms.cost_method == FIFO)
        known = [told(*row) for row in self._rows(SINCE, offset)]
        known += [one.told for one in self.changes if one.offset > offset]
        return replay(effective_fills([*known, revised]), terms, state)

    def _base(self, revised: Told, *, is_fifo: bool) -> tuple[int, PositionState]:
        """The newest row to begin from: its offset (0: before all) and its state."""
        revisions = [(revised.offset, revised.place), *self._rows(REVISIONS)]
        revisions += [(one.offset, one.place) for one in self.changes if one.kind != "executed"]
        bound = settled_before(revised.place, revisions)
        while True:
            offset, state = self._newest_before(bound, is_fifo=is_fifo)
            # Going back to where it was flat may have passed a revision of what is before that.
            bound = settled_before(offset + 1, revisions)
            if bound == offset + 1:
                return offset, state

    def _newest_before(self, bound: int, *, is_fifo: bool) -> tuple[int, PositionState]:
        for one in reversed(self.changes):
            if one.offset < bound and not (is_fifo and one.quantity):
                state = PositionState(one.quantity, one.cost, one.realised_pnl, one.fees)
                return one.offset, state
        for offset, *amounts in self._rows(BASE, bound, is_fifo):
            return offset, PositionState(*amounts)
        return 0, FLAT

    def _rows(self, query: str, *params: UUID | int | bool) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(query, [self.account, self.instrument, *params])
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def told(
    offset: int, place: int, quantity: Decimal, price: Decimal, notional: Decimal, fees: Decimal
) -> Told:
    """What a row of the history says of its trade."""
    fill = Fill(quantity, price, notional, fees, place) if quantity else None
    return Told(offset, place, fill)
