"""What an account holds of one instrument, and what it has earned on it: fills in, position out.

The state keeps the *total cost*, never an average, so closing a position releases all of it and
nothing is left behind. After every fill the cash identity holds exactly, not within a tolerance:

    realised + s * (sum of signed notionals) = s * cost        s = +1, inverse contracts -1

A buy's notional counts plus and a sell's minus; cost has the sign of the quantity. For an inverse
contract notional and cost are contract values in the base coin, quantity * multiplier / price, and
P&L = quantity * multiplier * (1/entry - 1/exit). Fees never touch cost or realised P&L: they are
kept beside them. Quantities are units of the instrument, everything else is in its settlement
currency, with at most `Terms.scale` decimals. Pure: no clock, no I/O, no framework.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, Literal

from apps.core.money import SCALE_MAX, ZERO, allocate, exact, plain, round_to
from apps.core.units import Ratio

AVERAGE: Final = "average"
FIFO: Final = "fifo"


@dataclass(frozen=True, slots=True)
class Terms:
    """How an instrument is valued and an account's cost is kept. Raises ValueError on bad terms."""

    multiplier: Decimal  # value of one unit at price 1; for an inverse contract of one contract
    inverse: bool
    cost_method: str  # AVERAGE or FIFO
    scale: int  # decimals of the settlement currency's bookings

    def __post_init__(self) -> None:
        if not (self.multiplier.is_finite() and self.multiplier > 0):
            raise ValueError(f"a multiplier is greater than 0, not {self.multiplier}")
        if self.cost_method not in (AVERAGE, FIFO):
            raise ValueError(f"a cost method is {AVERAGE} or {FIFO}, not {self.cost_method!r}")
        if not 0 <= self.scale <= SCALE_MAX:
            raise ValueError(f"a scale is between 0 and {SCALE_MAX}, not {self.scale}")


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution. `notional` decides the money; `price` is kept for people.

    Raises ValueError where the quantity is 0, the notional negative, or any number not finite.
    """

    quantity: Decimal  # bought > 0, sold < 0
    price: Decimal
    notional: Decimal  # >= 0, rounded already: the very number that the ledger books
    fees: Decimal = ZERO  # charged > 0, rebated < 0
    offset: int | None = None  # place in the event log, if the lot that it opens shall bear it

    def __post_init__(self) -> None:
        if not (self.quantity and self.quantity.is_finite()):
            raise ValueError(f"a fill has a quantity, not {self.quantity}")
        if not (self.notional.is_finite() and self.notional >= 0):
            raise ValueError(f"a notional is not negative, but {self.notional}")
        if not (self.price.is_finite() and self.fees.is_finite()):
            raise ValueError(f"price {self.price} and fees {self.fees} must be finite")

    @property
    def signed_notional(self) -> Decimal:
        """The notional with the sign of the quantity."""
        sold = self.quantity.is_signed() and self.notional
        return self.notional.copy_negate() if sold else self.notional


@dataclass(frozen=True, slots=True)
class Split:
    """Units become others, at a ratio; what is left beside whole steps is paid in cash."""

    ratio: Ratio
    price: Decimal | None = None  # of a new unit, at which fractions are paid
    cash_scale: int = 2  # decimals in which they are


@dataclass(frozen=True, slots=True)
class Lot:
    """What is left of one opening fill; both amounts have the sign of the position."""

    quantity: Decimal
    cost: Decimal
    offset: int | None = None  # of the fill that opened it


@dataclass(frozen=True, slots=True)
class PositionState:
    """Where a position stands. Flat means quantity 0, cost 0 and no lots; the totals stay."""

    quantity: Decimal = ZERO  # long > 0, short < 0
    cost: Decimal = ZERO  # of what is open, with the sign of the quantity
    realised_pnl: Decimal = ZERO  # gross of fees, since the first fill
    fees: Decimal = ZERO  # since the first fill
    lots: tuple[Lot, ...] = ()  # oldest first; empty under AVERAGE

    @property
    def side(self) -> Literal["long", "short", "flat"]:
        """Which way the position points."""
        if not self.quantity:
            return "flat"
        return "short" if self.quantity.is_signed() else "long"

    @property
    def net_realised_pnl(self) -> Decimal:
        """Realised P&L after all fees so far."""
        with exact():
            return self.realised_pnl - self.fees


@dataclass(frozen=True, slots=True)
class Realised:
    """What one fill closed. Everything is 0 and empty where it only opened."""

    quantity: Decimal = ZERO  # closed, with the sign of the position that it was taken from
    cost: Decimal = ZERO  # released, same sign
    proceeds: Decimal = ZERO  # notional of the closing part, >= 0
    gross: Decimal = ZERO  # P&L before fees
    closing_fees: Decimal = ZERO
    opening_fees: Decimal = ZERO
    lots: tuple[Lot, ...] = ()  # what was taken from which lot; empty under AVERAGE


FLAT: Final = PositionState()


def apply_fill(state: PositionState, fill: Fill, terms: Terms) -> tuple[PositionState, Realised]:
    """The position after `fill`, and what the fill realised.

    A fill beyond flat closes first and opens the rest. Raises ValueError where FIFO lots do not
    cover the position, which only a damaged state can bring about.
    """
    with exact():
        if not state.quantity or state.quantity.is_signed() == fill.quantity.is_signed():
            return _open(state, fill, terms), Realised(opening_fees=fill.fees)
        if abs(fill.quantity) <= abs(state.quantity):
            return _close(state, fill, terms)
        closing, opening = _split(fill, -state.quantity, terms)
        flat, realised = _close(state, closing, terms)
        return _open(flat, opening, terms), replace(realised, opening_fees=opening.fees)


def apply_split(state: PositionState, split: Split, terms: Terms) -> tuple[PositionState, Decimal]:
    """The position in the new units, and the cash in lieu of a fraction (below 0: paid by a short).

    Quantities change, and what they cost does not: but the fraction, which is sold at the price of
    the split and takes its part of the cost along; under FIFO off the oldest lots. Raises ValueError
    where there is a fraction and no price, or the instrument is inverse.
    """
    ratio = split.ratio
    with exact():
        units, rest = ratio.entitled(state.quantity), ratio.rest(state.quantity)
        lots = tuple(replace(lot, quantity=lot.quantity * ratio.new) for lot in state.lots)
        if not rest:
            return replace(state, quantity=units, lots=_in_units(lots, units)), ZERO
        if split.price is None or terms.inverse:
            raise ValueError(f"a fraction of {state.quantity} is left, and no price to pay it at")
        cash = ratio.cash(state.quantity, split.price * terms.multiplier, split.cash_scale)
        taken, kept = _take(lots, rest, terms.scale) if lots else ((), ())
        if not units:
            released = state.cost
        elif lots:
            released = sum((lot.cost for lot in taken), ZERO)
        else:
            released = _pro_rata(state.cost, rest, state.quantity * ratio.new, terms.scale)
        after = PositionState(
            units,
            state.cost - released,
            state.realised_pnl + cash - released,
            state.fees,
            _in_units(kept, units),
        )
        return after, cash


def _in_units(lots: tuple[Lot, ...], units: Decimal) -> tuple[Lot, ...]:
    """Lots in proportion to their quantities, which add up to `units`."""
    if not units:
        return ()
    shares = allocate(abs(units), [abs(lot.quantity) for lot in lots], SCALE_MAX) if lots else ()
    return tuple(
        replace(lot, quantity=share if units > 0 else -share)
        for lot, share in zip(lots, shares, strict=True)
    )


def replay(
    fills: Iterable[Fill | Split], terms: Terms, state: PositionState = FLAT
) -> PositionState:
    """The position after all `fills` and splits, in their order."""
    for one in fills:
        if isinstance(one, Split):
            state, _ = apply_split(state, one, terms)
        else:
            state, _ = apply_fill(state, one, terms)
    return state


@dataclass(frozen=True, slots=True)
class Told:
    """What the log told of a trade at one offset: the fill that it stands for from then on."""

    offset: int
    place: int  # offset at which the trade was executed; versions of one trade share it
    fill: Fill | Split | None  # None: it is cancelled


def effective_fills(told: Iterable[Told]) -> list[Fill | Split]:
    """The fills that count: the newest version of every trade, in the order of execution; and splits.

    A cancelled trade is as if it had never been; an amended one as if it had been dealt so.
    """
    newest: dict[int, Told] = {}
    for one in sorted(told, key=lambda one: one.offset):
        newest[one.place] = one
    ordered = sorted(newest.values(), key=lambda one: one.place)
    return [one.fill for one in ordered if one.fill is not None]


def settled_before(offset: int, revisions: Iterable[tuple[int, int]]) -> int:
    """The greatest offset, at most this one, before which no later revision reaches.

    `revisions` are (offset, place). What a position was just before the answer was folded from
    fills that still stand, so folding may begin there.
    """
    known = list(revisions)
    while (first := min((place for at, place in known if place < offset <= at), default=offset)) < (
        offset
    ):
        offset = first
    return offset


def notional(quantity: Decimal, price: Decimal, terms: Terms) -> Decimal:
    """The positive contract value of `quantity` (either sign) at `price`, rounded to the scale.

    Raises ValueError on a negative price, and on price 0 of an inverse contract.
    """
    if price < 0 or (terms.inverse and not price):
        raise ValueError(f"no contract value at price {price}")
    with exact():
        units = abs(quantity) * terms.multiplier
        return round_to(units / price if terms.inverse else units * price, terms.scale)


def market_value(state: PositionState, price: Decimal, terms: Terms) -> Decimal:
    """The contract value of the open position at `price`, with the sign of its quantity."""
    value = notional(state.quantity, price, terms)
    return value.copy_negate() if value and state.quantity.is_signed() else value


def exposure(state: PositionState, price: Decimal, terms: Terms) -> Decimal:
    """The contract value of the open position at `price`, whichever way it points."""
    return notional(state.quantity, price, terms)


def unrealised_pnl(state: PositionState, price: Decimal, terms: Terms) -> Decimal:
    """What closing all at `price` would realise, before fees; 0 when flat."""
    if not state.quantity:
        return ZERO
    value = market_value(state, price, terms)
    with exact():
        return state.cost - value if terms.inverse else value - state.cost


def average_cost(state: PositionState, terms: Terms) -> Decimal | None:
    """The average entry price (harmonic for inverse), for showing only; None when flat.

    None too for an inverse position whose cost rounded to 0: no price leads there.
    """
    if not state.quantity or (terms.inverse and not state.cost):
        return None
    with exact():
        units = state.quantity * terms.multiplier
        return round_to(units / state.cost if terms.inverse else state.cost / units, SCALE_MAX)


def lots_to_json(lots: Iterable[Lot]) -> list[list[str | int]]:
    """Compact form for storing: [quantity, cost], and the offset third where a lot bears one."""
    return [
        [plain(lot.quantity), plain(lot.cost), *(() if lot.offset is None else (lot.offset,))]
        for lot in lots
    ]


def lots_from_json(rows: Iterable[Sequence[str | int]] | None) -> tuple[Lot, ...]:
    """The lots that `lots_to_json` wrote; nothing stored means none.

    Raises decimal.FloatOperation where an amount was stored as a bare JSON fraction.
    """
    with exact():
        return tuple(
            Lot(Decimal(quantity), Decimal(cost), int(rest[0]) if rest else None)
            for quantity, cost, *rest in rows or ()
        )


def _open(state: PositionState, fill: Fill, terms: Terms) -> PositionState:
    """More in the direction of the position, or the first fill of a flat one."""
    lots: tuple[Lot, ...] = ()
    if terms.cost_method == FIFO:
        opened = Lot(fill.quantity, fill.signed_notional, fill.offset)
        lots = (*_lots_of(state), opened)
    return PositionState(
        state.quantity + fill.quantity,
        state.cost + fill.signed_notional,
        state.realised_pnl,
        state.fees + fill.fees,
        lots,
    )


def _close(state: PositionState, fill: Fill, terms: Terms) -> tuple[PositionState, Realised]:
    """Less of the position, at most all of it."""
    closed = -fill.quantity
    taken: tuple[Lot, ...] = ()
    lots: tuple[Lot, ...] = ()
    if terms.cost_method == FIFO:
        taken, lots = _take(_lots_of(state), closed, terms.scale)
    if closed == state.quantity:
        if lots:
            raise ValueError(f"{len(lots)} lots are more than the position")
        released = state.cost  # all of it, whatever earlier roundings left
    elif taken:
        released = sum((lot.cost for lot in taken), ZERO)
    else:
        released = _pro_rata(state.cost, closed, state.quantity, terms.scale)
    surplus = -(released + fill.signed_notional)
    gross = -surplus if terms.inverse else surplus
    after = PositionState(
        state.quantity - closed,
        state.cost - released,
        state.realised_pnl + gross,
        state.fees + fill.fees,
        lots,
    )
    return after, Realised(closed, released, fill.notional, gross, fill.fees, ZERO, taken)


def _split(fill: Fill, quantity: Decimal, terms: Terms) -> tuple[Fill, Fill]:
    """The first `quantity` of a fill, and the rest with what is left of notional and fees."""
    value = _pro_rata(fill.notional, quantity, fill.quantity, terms.scale)
    fees = _pro_rata(fill.fees, quantity, fill.quantity, terms.scale)
    return (
        replace(fill, quantity=quantity, notional=value, fees=fees),
        replace(
            fill,
            quantity=fill.quantity - quantity,
            notional=fill.notional - value,
            fees=fill.fees - fees,
        ),
    )


def _take(
    lots: tuple[Lot, ...], quantity: Decimal, scale: int
) -> tuple[tuple[Lot, ...], tuple[Lot, ...]]:
    """`quantity` (signed like the lots) off the oldest lots: what was taken, and what is left."""
    taken: list[Lot] = []
    for index, lot in enumerate(lots):
        if abs(quantity) < abs(lot.quantity):
            cost = _pro_rata(lot.cost, quantity, lot.quantity, scale)
            part = Lot(quantity, cost, lot.offset)
            rest = Lot(lot.quantity - quantity, lot.cost - cost, lot.offset)
            return (*taken, part), (rest, *lots[index + 1 :])
        taken.append(lot)
        quantity -= lot.quantity
        if not quantity:
            return tuple(taken), lots[index + 1 :]
    raise ValueError(f"the lots are {quantity} short of the position")


def _lots_of(state: PositionState) -> tuple[Lot, ...]:
    """The open lots; a position that was kept by average until now is one lot at that average."""
    if state.quantity and not state.lots:
        return (Lot(state.quantity, state.cost),)
    return state.lots


def _pro_rata(amount: Decimal, part: Decimal, whole: Decimal, scale: int) -> Decimal:
    """`amount * part / whole`, rounded once."""
    return round_to(amount * part / whole, scale)
