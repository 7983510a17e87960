"""Amounts: one rounding, refused spellings, canonical text, and shares that add up."""

from decimal import Context, Decimal, DivisionByZero, FloatOperation, InvalidOperation, localcontext
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.core.money import (
    AMOUNT_LIMIT,
    COINS,
    CURRENCIES,
    FIAT,
    SCALE_MAX,
    allocate,
    exact,
    minor_units,
    parse_amount,
    plain,
    round_to,
    scale_of,
)

LARGEST = "99999999999999999999.999999999999999999"
AMOUNTS = st.decimals("-" + LARGEST, LARGEST, allow_nan=False, places=SCALE_MAX)
SCALES = st.integers(0, SCALE_MAX)
unhurried = settings(deadline=None)  # a busy machine is no fault of the arithmetic


def half_even(value: Fraction, scale: int) -> Decimal:
    """The same rounding by another road: whole numbers (Python rounds a Fraction half to even)."""
    units = round(value * 10**scale)
    return Decimal((int(units < 0), tuple(map(int, str(abs(units)))), -scale))


@pytest.mark.parametrize(
    ("value", "scale", "rounded"),
    [
        ("2.5", 0, "2"),
        ("3.5", 0, "4"),
        ("0.125", 2, "0.12"),
        ("-0.125", 2, "-0.12"),
        ("0.1250000000000000001", 2, "0.13"),
        ("-0.004", 2, "0.00"),
        ("-0.00", 2, "0.00"),
        ("1E+3", 2, "1000.00"),
        (LARGEST, 18, LARGEST),
    ],
)
def test_rounds_half_to_even_and_never_to_minus_zero(value: str, scale: int, rounded: str) -> None:
    assert str(round_to(Decimal(value), scale)) == rounded


@pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_what_is_not_finite_is_neither_rounded_nor_written_nor_read(value: str) -> None:
    for refuse in (lambda v: round_to(v, 2), plain, parse_amount):
        with pytest.raises(ValueError, match="amount"):
            refuse(Decimal(value))


@pytest.mark.parametrize("scale", [-1, 19])
def test_a_scale_beyond_the_columns_is_refused(scale: int) -> None:
    with pytest.raises(ValueError, match="between 0 and 18"):
        round_to(Decimal(1), scale)


@unhurried
@given(AMOUNTS, AMOUNTS, AMOUNTS.filter(bool), SCALES)
def test_a_quotient_is_rounded_once_as_if_every_digit_was_seen(
    a: Decimal, b: Decimal, c: Decimal, scale: int
) -> None:
    with exact():
        ours = round_to(a * b / c, scale)
    assert ours == half_even(Fraction(a) * Fraction(b) / Fraction(c), scale)


def test_a_tie_broken_beyond_the_last_kept_digit_is_seen() -> None:
    """1/8 and a trace far behind the comma is no tie; rounding twice would lose the trace."""
    with exact():
        trace = Decimal("0.125") + Decimal("1e-200")
    assert len(trace.as_tuple().digits) == 120
    assert round_to(trace, 2) == Decimal("0.13")


@unhurried
@given(AMOUNTS, AMOUNTS, AMOUNTS)
def test_sums_and_products_are_exact_whatever_the_surrounding_context(
    a: Decimal, b: Decimal, c: Decimal
) -> None:
    with localcontext(prec=6), exact():
        assert Fraction(a * b * c) == Fraction(a) * Fraction(b) * Fraction(c)
        assert Fraction(a + b - c) == Fraction(a) + Fraction(b) - Fraction(c)


def test_an_exact_block_refuses_floats_and_nonsense_and_ends() -> None:
    with exact():
        with pytest.raises(FloatOperation):
            Decimal(1) + Decimal(float("0.1"))
        with pytest.raises(InvalidOperation):
            Decimal("Infinity") - Decimal("Infinity")
        with pytest.raises(DivisionByZero):
            Decimal(1) / Decimal(0)
    assert Decimal(float("0.5")) == Decimal("0.5")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("5.00", "5"),
        ("100", "100"),
        ("1E+3", "1000"),
        ("1E-18", "0.000000000000000001"),
        ("-0.50", "-0.5"),
        ("-0.00", "0"),
        ("0E+5", "0"),
        (LARGEST, LARGEST),
    ],
)
def test_canonical_text(value: str, text: str) -> None:
    assert plain(Decimal(value)) == text


@unhurried
@given(AMOUNTS)
def test_canonical_text_reads_back_and_is_one_per_value(value: Decimal) -> None:
    assert parse_amount(plain(value)) == value
    assert plain(parse_amount(plain(value))) == plain(value.normalize(Context(prec=38)))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12.50", "12.50"),
        ("+1", "1"),
        ("-.5", "-0.5"),
        ("7.", "7"),
        ("1e3", "1000"),
        ("1E-7", "0.0000001"),
        ("-0.00", "0"),
        ("0e99", "0"),
        ("1.0000000000000000000000", "1"),
        (LARGEST, LARGEST),
        (42, "42"),
        (Decimal("1E+3"), "1000"),
    ],
)
def test_reads_an_amount(text: object, value: str) -> None:
    assert parse_amount(text) == Decimal(value)


def test_digits_stay_as_they_were_typed() -> None:
    assert str(parse_amount("5.00")) == "5.00"
    assert str(parse_amount("1e3")) == "1000"
    assert not parse_amount("-0").is_signed()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (0.1, "never as a float"),
        (True, "never as a float"),
        (None, "sent as text"),
        ([], "sent as text"),
        (b"1", "sent as text"),
        ("NaN", "a decimal number"),
        ("Infinity", "a decimal number"),
        ("-inf", "a decimal number"),
        ("", "a decimal number"),
        (".", "a decimal number"),
        (" 1", "a decimal number"),
        ("1\n", "a decimal number"),
        ("1_000", "a decimal number"),
        ("1,000", "a decimal number"),
        ("0x10", "a decimal number"),
        ("١٢", "a decimal number"),
        ("1e999", "a decimal number"),
        ("1e-999999999", "a decimal number"),
        ("1" * 65, "at most 64 characters"),
        ("1e20", "below 100000000000000000000"),
        ("-100000000000000000000", "below 100000000000000000000"),
        ("9e99", "below 100000000000000000000"),
        (10**20, "below 100000000000000000000"),
        pytest.param(10**5000, "below 100000000000000000000", id="too long for an id"),
        (Decimal("1E+999999"), "below 100000000000000000000"),
        ("0.0000000000000000001", "at most 18 decimals"),
        ("1e-99", "at most 18 decimals"),
        (Decimal("1E-999999"), "at most 18 decimals"),
    ],
)
def test_refuses_with_a_sentence(text: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_amount(text)


def test_a_narrower_scale_may_be_asked_for() -> None:
    assert parse_amount("1.50", scale=2) == Decimal("1.5")
    assert parse_amount("1.500", scale=2) == Decimal("1.5")
    with pytest.raises(ValueError, match="at most 2 decimals"):
        parse_amount("1.505", scale=2)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=70) | st.text("0123456789+-.eE", max_size=30))
def test_any_text_is_an_amount_within_bounds_or_a_value_error(text: str) -> None:
    try:
        value = parse_amount(text)
    except ValueError:
        return
    assert value.is_finite()
    assert abs(value) < AMOUNT_LIMIT
    assert round_to(value, SCALE_MAX) == value
    assert value or not value.is_signed()


@pytest.mark.parametrize(
    ("currency", "units", "scale"),
    [
        ("USD", 2, 12),
        ("EUR", 2, 12),
        ("JPY", 0, 12),
        ("KWD", 3, 12),
        ("CLF", 4, 12),
        ("BTC", 8, 18),
        ("XBT", 8, 18),
        ("ETH", 18, 18),
        ("USDT", 6, 18),
        ("XAU", 18, 18),
        ("no such thing", 18, 18),
    ],
)
def test_scales_of_currencies(currency: str, units: int, scale: int) -> None:
    assert minor_units(currency) == units
    assert scale_of(currency) == scale


def test_the_currency_table_is_sound() -> None:
    assert len(FIAT) == 171  # 165 codes with minor units in ISO 4217, 6 withdrawn ones
    assert not FIAT.keys() & COINS.keys()
    assert {len(code) for code in FIAT} == {3}
    assert all(0 <= units <= SCALE_MAX for units in CURRENCIES.values())
    assert all(minor_units(code) <= scale_of(code) for code in CURRENCIES)


@pytest.mark.parametrize(
    ("total", "weights", "scale", "shares"),
    [
        ("2.25", "2 1", 2, "1.50 0.75"),
        ("5005.25", "60 40", 2, "3003.15 2002.10"),
        ("100", "1 1 1", 2, "33.33 33.34 33.33"),
        ("-100", "1 1 1", 2, "-33.33 -33.34 -33.33"),
        ("0.05", "1 1", 2, "0.02 0.03"),
        ("7", "0 1 0", 0, "0 7 0"),
        ("0.15", "1 1 1 1 1 1 1 1 1 1", 2, "0.02 0.01 0.01 0.02 0.02 0.01 0.01 0.02 0.02 0.01"),
        ("1.005", "1 1", 2, "0.50 0.505"),
        ("0", "1 2", 2, "0 0"),
        ("9", "5", 2, "9"),
    ],
)
def test_allocates_a_total(total: str, weights: str, scale: int, shares: str) -> None:
    parts = allocate(Decimal(total), [Decimal(w) for w in weights.split()], scale)
    assert parts == [Decimal(share) for share in shares.split()]


@pytest.mark.parametrize("weights", ["", "0 0", "1 -1", "3 -1"])
def test_weights_that_allocate_nothing_are_refused(weights: str) -> None:
    with pytest.raises(ValueError, match="weights"):
        allocate(Decimal(1), [Decimal(w) for w in weights.split()], 2)


WEIGHTS = st.lists(
    st.decimals(min_value=0, max_value=10**12, allow_nan=False, places=6), min_size=1, max_size=40
).filter(any)


@unhurried
@given(AMOUNTS, WEIGHTS, SCALES)
def test_shares_add_up_stay_near_and_keep_their_sign(
    amount: Decimal, weights: list[Decimal], scale: int
) -> None:
    total = round_to(amount, scale)
    shares = allocate(total, weights, scale)
    whole = sum(map(Fraction, weights))
    assert sum(map(Fraction, shares)) == Fraction(total)
    for share, weight in zip(shares, weights, strict=True):
        assert abs(Fraction(share) - Fraction(total) * Fraction(weight) / whole) <= Fraction(
            1, 10**scale
        )
        assert share * total >= 0
        assert weight or not share
