"""Positions in general: what holds after every fill, whatever the fills."""

from collections.abc import Callable
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.core.money import ZERO, exact, plain, round_to
from apps.trading.positions import (
    AVERAGE,
    FIFO,
    FLAT,
    Fill,
    PositionState,
    Realised,
    Terms,
    apply_fill,
    lots_from_json,
    lots_to_json,
    market_value,
    notional,
    replay,
    unrealised_pnl,
)

SMALLEST = Decimal("1e-18")
LARGEST = Decimal("99999999999999999999.999999999999999999")


def decimals(low: str, high: str, places: int) -> st.SearchStrategy[Decimal]:
    return st.decimals(low, high, places=places, allow_nan=False, allow_infinity=False)


QUANTITIES = (
    st.integers(1, 200).map(Decimal)  # round lots meet again and close each other
    | decimals("0.001", "1000000", 3)
    | st.sampled_from([SMALLEST, LARGEST])
    | decimals("1e-18", "1e19", 18)
)
PRICES = decimals("0.01", "100000", 2) | decimals("1e-9", "1e12", 9)
FEES = st.just(ZERO) | decimals("-5", "50", 4)
# How a fill's quantity comes about: as drawn, or so that it closes or flips what is open.
STEPS = st.tuples(st.sampled_from(["buy", "sell", "close", "flip"]), QUANTITIES, PRICES, FEES)
TERMS = st.builds(
    Terms,
    multiplier=st.sampled_from([Decimal(1), Decimal(100), Decimal("0.01")]),
    inverse=st.booleans(),
    cost_method=st.sampled_from([AVERAGE, FIFO]),
    scale=st.sampled_from([2, 12, 18]),
)


@st.composite
def histories(draw: st.DrawFn, terms: Terms, max_size: int = 25) -> list[Fill]:
    """Fills in which closing to the unit and flipping are as common as anything else."""
    open_quantity, fills = ZERO, []
    with exact():
        for kind, drawn, price, fees in draw(st.lists(STEPS, min_size=1, max_size=max_size)):
            quantity = -drawn if kind == "sell" else drawn
            if kind == "close" and open_quantity:
                quantity = -open_quantity
            if kind == "flip" and open_quantity:
                quantity = -open_quantity - drawn.copy_sign(open_quantity)
            open_quantity += quantity
            fills.append(Fill(quantity, price, notional(quantity, price, terms), fees))
    return fills


def steps_of(fills: list[Fill], terms: Terms) -> list[tuple[PositionState, Realised]]:
    """The state and the realised part after each fill."""
    start = (FLAT, Realised())
    return list(accumulate(fills, lambda at, fill: apply_fill(at[0], fill, terms), initial=start))[
        1:
    ]


def with_histories(*, examples: int = 150) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Hypothesis over terms and a history made under them."""

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        cases = TERMS.flatmap(lambda terms: st.tuples(st.just(terms), histories(terms)))
        return settings(max_examples=examples, deadline=None)(given(cases)(test))

    return decorate


@with_histories(examples=400)
def test_the_cash_identity_holds_exactly_after_every_fill(case: tuple[Terms, list[Fill]]) -> None:
    """realised + s * traded = s * cost, and therefore at flat: realised = -s * traded."""
    terms, fills = case
    sign, traded = (-1 if terms.inverse else 1), Fraction(0)
    for fill, (state, _) in zip(fills, steps_of(fills, terms), strict=True):
        traded += Fraction(fill.signed_notional)
        assert Fraction(state.realised_pnl) + sign * traded == sign * Fraction(state.cost)


@with_histories()
def test_states_are_well_formed(case: tuple[Terms, list[Fill]]) -> None:
    terms, fills = case
    quantity = fees = Fraction(0)
    opened = 0
    for fill, (state, _) in zip(fills, steps_of(fills, terms), strict=True):
        quantity += Fraction(fill.quantity)
        fees += Fraction(fill.fees)
        opened = opened + 1 if state.quantity else 0
        assert (Fraction(state.quantity), Fraction(state.fees)) == (quantity, fees)
        assert not state.cost or state.cost.is_signed() == state.quantity.is_signed()
        assert state.quantity or (state.cost == 0 and state.lots == () and state.side == "flat")
        for amount in (state.quantity, state.cost, state.realised_pnl, state.fees):
            assert amount or not amount.is_signed()
        for money in (state.cost, state.realised_pnl):
            assert round_to(money, terms.scale) == money
        assert len(state.lots) <= opened


@with_histories()
def test_lots_are_the_position(case: tuple[Terms, list[Fill]]) -> None:
    terms, fills = case
    for state, realised in steps_of(fills, terms):
        if terms.cost_method == AVERAGE:
            assert state.lots == realised.lots == ()
            continue
        for lots, quantity, cost in (
            (state.lots, state.quantity, state.cost),
            (realised.lots, realised.quantity, realised.cost),
        ):
            assert sum(Fraction(lot.quantity) for lot in lots) == Fraction(quantity)
            assert sum(Fraction(lot.cost) for lot in lots) == Fraction(cost)
            assert all(lot.quantity.is_signed() == quantity.is_signed() for lot in lots)
            assert all(lot.quantity for lot in lots)


@pytest.mark.parametrize("cents", range(1, 9))
def test_half_a_lot_of_an_odd_cost_leaves_what_was_not_taken(cents: int) -> None:
    """A tie of rounding, which histories seldom meet: halves that are rounded each do not add up."""
    terms, cost = Terms(Decimal(1), False, FIFO, 2), Decimal(cents) / 100
    held, _ = apply_fill(FLAT, Fill(Decimal(2), Decimal(1), cost), terms)
    left, realised = apply_fill(held, Fill(Decimal(-1), Decimal(1), Decimal(1)), terms)
    assert left.lots[0].cost == left.cost == cost - realised.cost


@with_histories()
def test_what_a_fill_realised_adds_up(case: tuple[Terms, list[Fill]]) -> None:
    terms, fills = case
    before = FLAT
    for fill, (state, realised) in zip(fills, steps_of(fills, terms), strict=True):
        with exact():
            assert state.realised_pnl - before.realised_pnl == realised.gross
            assert realised.closing_fees + realised.opening_fees == fill.fees
            assert ZERO <= realised.proceeds <= fill.notional
            gain = realised.proceeds.copy_sign(realised.quantity) - realised.cost
            assert realised.gross == (-gain if terms.inverse else gain)
        before = state


@with_histories()
def test_both_methods_have_earned_the_same_whenever_flat(case: tuple[Terms, list[Fill]]) -> None:
    """I7, exactly: what is realised in between differs, the sum cannot."""
    terms, fills = case
    by_average, by_lots = (
        [
            state
            for state, _ in steps_of(
                fills, Terms(terms.multiplier, terms.inverse, method, terms.scale)
            )
        ]
        for method in (AVERAGE, FIFO)
    )
    for one, other in zip(by_average, by_lots, strict=True):
        assert (one.quantity, one.fees) == (other.quantity, other.fees)
        assert one.quantity or one == other


def naive_average(fills: list[Fill], terms: Terms) -> list[tuple[Fraction, Fraction, Fraction]]:
    """Quantity, cost and realised P&L by the textbook, in fractions: slow, plain and separate."""

    def rounded(value: Fraction) -> Fraction:
        return Fraction(round(value * 10**terms.scale), 10**terms.scale)

    quantity = cost = realised = Fraction(0)
    states = []
    for fill in fills:
        left, value = Fraction(fill.quantity), Fraction(fill.signed_notional)
        if quantity * left < 0:
            closing = max(-quantity, left) if left < 0 else min(-quantity, left)
            paid = value if closing == left else rounded(value * closing / left)
            released = cost if closing == -quantity else rounded(cost * -closing / quantity)
            gain = -paid - released
            realised += -gain if terms.inverse else gain
            quantity, cost = quantity + closing, cost - released
            left, value = left - closing, value - paid
        quantity, cost = quantity + left, cost + value
        states.append((quantity, cost, realised))
    return states


@with_histories(examples=300)
def test_average_cost_agrees_with_a_model_in_fractions(case: tuple[Terms, list[Fill]]) -> None:
    given_terms, fills = case
    terms = Terms(given_terms.multiplier, given_terms.inverse, AVERAGE, given_terms.scale)
    ours = [
        (Fraction(state.quantity), Fraction(state.cost), Fraction(state.realised_pnl))
        for state, _ in steps_of(fills, terms)
    ]
    assert ours == naive_average(fills, terms)


def naive_fifo(fills: list[Fill], terms: Terms) -> list[tuple[Fraction, Fraction, Fraction]]:
    """The same for lots that are closed in the order in which they were opened."""

    def rounded(value: Fraction) -> Fraction:
        return Fraction(round(value * 10**terms.scale), 10**terms.scale)

    lots: list[list[Fraction]] = []
    realised = Fraction(0)
    states = []
    for fill in fills:
        left, value = Fraction(fill.quantity), Fraction(fill.signed_notional)
        held = sum((lot[0] for lot in lots), Fraction(0))
        if held * left < 0:
            closing = min(-held, left, key=abs)
            paid = value if closing == left else rounded(value * closing / left)
            left, value, released = left - closing, value - paid, Fraction(0)
            while closing:
                first = lots[0]
                part = min(-closing, first[0], key=abs)
                cost = first[1] if part == first[0] else rounded(first[1] * part / first[0])
                first[0], first[1] = first[0] - part, first[1] - cost
                released, closing = released + cost, closing + part
                if not first[0]:
                    del lots[0]
            gain = -paid - released
            realised += -gain if terms.inverse else gain
        if left:
            lots.append([left, value])
        columns = list(zip(*lots, strict=True)) or [(), ()]
        states.append((sum(columns[0], Fraction(0)), sum(columns[1], Fraction(0)), realised))
    return states


@with_histories(examples=150)
def test_first_in_first_out_agrees_with_a_model_in_fractions(
    case: tuple[Terms, list[Fill]],
) -> None:
    given_terms, fills = case
    terms = Terms(given_terms.multiplier, given_terms.inverse, FIFO, given_terms.scale)
    ours = [
        (Fraction(state.quantity), Fraction(state.cost), Fraction(state.realised_pnl))
        for state, _ in steps_of(fills, terms)
    ]
    assert ours == naive_fifo(fills, terms)


@with_histories()
def test_the_average_stays_between_the_prices_that_opened_it(
    case: tuple[Terms, list[Fill]],
) -> None:
    """In cost rather than price: each release may leave half a unit of rounding behind, no more."""
    terms, fills = case
    unit = Fraction(1, 10**terms.scale)
    low = high = slack = Fraction(0)
    before = FLAT
    for fill, (state, realised) in zip(fills, steps_of(fills, terms), strict=True):
        fresh = not before.quantity or (state.quantity * before.quantity < 0)
        paid = Fraction(fill.notional) / abs(Fraction(fill.quantity))
        if fresh:
            # A flip's opening slice is rounded itself, so it may stand half a unit off its price.
            low, high, slack = paid, paid, unit / 2 if realised.quantity else Fraction(0)
        elif realised.quantity:
            slack += unit / 2 * max(1, len(realised.lots))
        else:
            low, high = min(low, paid), max(high, paid)
        held, cost = abs(Fraction(state.quantity)), abs(Fraction(state.cost))
        if held:
            assert low * held - slack <= cost <= high * held + slack
        before = state


@with_histories()
def test_closing_at_a_price_realises_what_was_unrealised_at_it(
    case: tuple[Terms, list[Fill]],
) -> None:
    terms, fills = case
    state, price = replay(fills, terms), fills[-1].price
    if not state.quantity:
        assert unrealised_pnl(state, price, terms) == market_value(state, price, terms) == 0
        return
    value = notional(state.quantity, price, terms)
    flat, realised = apply_fill(state, Fill(state.quantity.copy_negate(), price, value), terms)
    assert realised.gross == unrealised_pnl(state, price, terms)
    assert flat.quantity == flat.cost == 0


@with_histories()
def test_the_other_side_of_every_fill_earns_the_opposite(case: tuple[Terms, list[Fill]]) -> None:
    terms, fills = case
    mirrored = [Fill(f.quantity.copy_negate(), f.price, f.notional, f.fees) for f in fills]
    for (ours, _), (theirs, _) in zip(
        steps_of(fills, terms), steps_of(mirrored, terms), strict=True
    ):
        with exact():
            assert ours.quantity + theirs.quantity == ours.cost + theirs.cost == 0
            assert ours.realised_pnl + theirs.realised_pnl == 0


@with_histories()
def test_a_fill_in_two_parts_moves_the_same_cash(case: tuple[Terms, list[Fill]]) -> None:
    """Where the parts' notionals add up: same quantity, fees and identity; same P&L when flat."""
    terms, fills = case
    parts = []
    with exact():
        for fill in fills:
            first = round_to(fill.quantity / 3, 18)
            if not first:
                parts.append(fill)
                continue
            value, fees = round_to(fill.notional / 3, terms.scale), round_to(fill.fees / 3, 4)
            parts.append(Fill(first, fill.price, value, fees))
            rest = fill.quantity - first, fill.price, fill.notional - value, fill.fees - fees
            parts.append(Fill(*rest))
        whole, split = replay(fills, terms), replay(parts, terms)
        sign = -1 if terms.inverse else 1
        assert (split.quantity, split.fees) == (whole.quantity, whole.fees)
        assert split.realised_pnl - sign * split.cost == whole.realised_pnl - sign * whole.cost
        assert whole.quantity or split == whole


def stored(state: PositionState) -> PositionState:
    """The state after a trip through text, as the database keeps it."""
    amounts = (state.quantity, state.cost, state.realised_pnl, state.fees)
    quantity, cost, realised_pnl, fees = (Decimal(plain(amount)) for amount in amounts)
    lots = lots_from_json(lots_to_json(state.lots))
    return PositionState(quantity, cost, realised_pnl, fees, lots)


@with_histories()
def test_a_replay_may_stop_anywhere_be_stored_and_go_on(case: tuple[Terms, list[Fill]]) -> None:
    terms, fills = case
    whole = replay(fills, terms)
    for cut in range(len(fills) + 1):
        assert replay(fills[cut:], terms, stored(replay(fills[:cut], terms))) == whole


@pytest.mark.parametrize("precision", [3, 28, 200])
@with_histories(examples=40)
def test_the_surrounding_context_changes_nothing(
    precision: int, case: tuple[Terms, list[Fill]]
) -> None:
    terms, fills = case
    price = fills[0].price
    expected = replay(fills, terms)
    with localcontext(prec=precision):
        state = replay(fills, terms)
        assert state == expected
        net, open_pnl = state.net_realised_pnl, unrealised_pnl(state, price, terms)
    assert net == expected.net_realised_pnl
    assert open_pnl == unrealised_pnl(expected, price, terms)
