"""What splits make of units: whole steps, the rest in cash, nothing lost between the parts."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core.units import SMALLEST, Ratio

D = Decimal
NUMBERS = st.integers(1, 1_000).map(Decimal)
STEPS = st.sampled_from([D("0.0001"), D("0.01"), D(1), D(10), SMALLEST])
RATIOS = st.builds(Ratio, NUMBERS, NUMBERS, STEPS)
QUANTITIES = st.decimals(-1_000_000, 1_000_000, places=4, allow_nan=False)


@given(RATIOS, QUANTITIES)
def test_the_entitlement_is_whole_steps_and_less_than_a_step_is_left(
    ratio: Ratio, quantity: Decimal
) -> None:
    units, rest = ratio.entitled(quantity), ratio.rest(quantity)
    assert units % ratio.step == 0
    exactly = Fraction(quantity) * Fraction(ratio.new) / Fraction(ratio.old)
    assert Fraction(units) + Fraction(rest) / Fraction(ratio.old) == exactly
    assert abs(Fraction(rest)) < Fraction(ratio.old) * Fraction(ratio.step)
    assert (quantity < 0) == (units < 0 or rest < 0)
    assert not (units.is_signed() and not units)
    assert ratio.entitled(-quantity) == -units  # who is short owes what who is long gets


@given(RATIOS, st.lists(QUANTITIES, max_size=8))
def test_parts_add_up_to_the_entitlement_of_all(ratio: Ratio, parts: list[Decimal]) -> None:
    shares = ratio.shared(parts)
    assert sum(shares, D(0)) == ratio.entitled(sum(parts, D(0)))
    for part, share in zip(parts, shares, strict=True):
        assert share == 0 or (share < 0) == (part < 0)
        exactly = Fraction(part) * Fraction(ratio.new) / Fraction(ratio.old)
        assert abs(Fraction(share) - exactly) < 2 * Fraction(ratio.step)


def test_cash_is_the_fraction_at_the_price_rounded_once() -> None:
    third = Ratio(D(1), D(3), D(1))
    assert third.entitled(D(100)) == 33
    assert third.cash(D(100), D("12.50"), 2) == D("4.17")
    assert third.cash(D(-100), D("12.50"), 2) == D("-4.17")
    assert third.cash(D(99), D("12.50"), 2) == 0
    assert (third.rounded, third.is_whole) == (D("0.333333333333333333"), False)
    assert Ratio(D(10), D(5)).is_whole


@pytest.mark.parametrize("wrong", ["0", "-1", "NaN", "Infinity"])
def test_what_is_no_ratio_is_refused(wrong: str) -> None:
    for terms in ((D(wrong),), (D(1), D(wrong)), (D(1), D(1), D(wrong))):
        with pytest.raises(ValueError, match="more than 0"):
            Ratio(*terms)
