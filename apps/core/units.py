"""What a split makes of a number of units: the entitlement, and the fraction that is left beside it.

A ratio is two numbers, new for old, never their quotient: 1 for 3 is no decimal number. Whoever held
`quantity` old units is entitled to as many whole steps of the instrument (its lot size) as are in
`quantity * new / old`; towards zero, so that a short position owes no more than its share. The rest is
the fraction. Everything is exact; only `shared` rounds, and its parts add up.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Self

from apps.core.money import SCALE_MAX, ZERO, exact, round_to

ONE: Final = Decimal(1)
SMALLEST: Final = ONE.scaleb(-SCALE_MAX)


@dataclass(frozen=True, slots=True)
class Ratio:
    """`new` units for `old`, in steps. Raises ValueError unless all are finite and above 0."""

    new: Decimal
    old: Decimal = ONE
    step: Decimal = SMALLEST

    @classmethod
    def of(cls, new: Decimal, old: Decimal, lot_size: Decimal | None) -> Self:
        """In lots of a size; none: any."""
        return cls(new, old, lot_size or SMALLEST)

    @property
    def lot_size(self) -> Decimal | None:
        """The step, where it is one that was asked for."""
        return None if self.step == SMALLEST else self.step

    def __post_init__(self) -> None:
        for one in (self.new, self.old, self.step):
            if not (one.is_finite() and one > 0):
                raise ValueError(f"units become more than 0 units, in steps above 0, not {one}")

    @property
    def rounded(self) -> Decimal:
        """New units for one old unit, as near as a decimal comes: to show, never to count with."""
        with exact():
            return round_to(self.new / self.old, SCALE_MAX)

    @property
    def is_whole(self) -> bool:
        """Whether every old unit is a number of whole new ones: no fraction comes of that."""
        return not self.new % self.old

    def entitled(self, quantity: Decimal) -> Decimal:
        """The new units, in whole steps, that old ones are; signed like them, or 0."""
        with exact():
            steps = abs(quantity) * self.new // (self.old * self.step)
            units = steps * self.step
            return -units if units and quantity < 0 else units

    def rest(self, quantity: Decimal) -> Decimal:
        """The fraction beside the entitlement, times `old` (so it is exact); signed like them, or 0."""
        with exact():
            return quantity * self.new - self.entitled(quantity) * self.old

    def cash(self, quantity: Decimal, value: Decimal, scale: int) -> Decimal:
        """What the fraction comes to at `value` for a new unit, rounded once; below 0: owed."""
        with exact():
            return round_to(self.rest(quantity) * value / self.old, scale)

    def shared(self, parts: Iterable[Decimal]) -> list[Decimal]:
        """What each part of a holding becomes: whole steps that add up to the entitlement of all.

        Running sums are cut, not the parts: none is a step or more from its share, and none turns.
        """
        found, reached, before = [], ZERO, ZERO
        for one in parts:
            with exact():
                reached += one
                after = self.entitled(reached)
                found.append(after - before)
            before = after
        return found
