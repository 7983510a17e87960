"""Positions by example: the worked examples of other engines' own tests, and the edges."""

from dataclasses import FrozenInstanceError
from decimal import Decimal, FloatOperation

import pytest

from apps.trading.positions import (
    AVERAGE,
    FIFO,
    FLAT,
    Fill,
    Lot,
    PositionState,
    Realised,
    Terms,
    apply_fill,
    average_cost,
    exposure,
    lots_from_json,
    lots_to_json,
    market_value,
    notional,
    replay,
    unrealised_pnl,
)

D = Decimal
DOLLARS = Terms(D(1), inverse=False, cost_method=AVERAGE, scale=12)
DOLLAR_LOTS = Terms(D(1), inverse=False, cost_method=FIFO, scale=12)
COIN = Terms(D(1), inverse=True, cost_method=AVERAGE, scale=18)


def fill(text: str, terms: Terms = DOLLARS) -> Fill:
    """A fill from "quantity @ price" with "fee" after it if there is one."""
    quantity, _, price, *fee = text.split()
    fees = D(fee[0]) if fee else D(0)
    return Fill(D(quantity), D(price), notional(D(quantity), D(price), terms), fees)


def fills(text: str, terms: Terms = DOLLARS) -> list[Fill]:
    return [fill(part, terms) for part in text.split(",")]


# (fills so far; quantity, average to ten decimals, gross realised, net realised). The examples come
# from the tests of nautilus_trader (1-6), Lean (7, 8) and beancount (10). In 5 the flip's fee is split
# by quantity (there, each slice is charged all of it).
ENTRIES = "12 @ 100 0.12,17 @ 99 0.1683"
SWEEP = "12 @ 10000,17 @ 9999,-9 @ 10001"
WORKED = [
    ("1", "100000 @ 1.00001 2", "100000", "1.00001", "0", "-2"),
    ("2 in", "100000 @ 1.00000 2,100000 @ 1.00001 2", "200000", "1.000005", "0", "-4"),
    ("2 out", "100000 @ 1 2,100000 @ 1.00001 2,-200000 @ 1.00010 4", "0", None, "19", "11"),
    ("3 in", ENTRIES, "29", "99.4137931034", "0", "-0.2883"),
    (
        "3 first out",
        f"{ENTRIES},-9 @ 101 0.0909",
        "20",
        "99.4137931034",
        "14.2758620690",
        "13.8966620690",
    ),
    (
        "3 second out",
        f"{ENTRIES},-9 @ 101 0.0909,-4 @ 105 0.042",
        "16",
        "99.4137931034",
        "36.6206896552",
        "36.1994896552",
    ),
    (
        "3 in again",
        f"{ENTRIES},-9 @ 101 0.0909,-4 @ 105 0.042,3 @ 103 0.0309",
        "19",
        "99.9800362976",
        "36.6206896552",
        "36.1685896552",
    ),
    ("4 out", SWEEP, "20", "9999.4137931034", "14.2758620690", "14.2758620690"),
    ("4 in", f"{SWEEP},3 @ 10003", "23", "9999.8815592204", "14.2758620690", "14.2758620690"),
    (
        "4 end",
        f"{SWEEP},3 @ 10003,-4 @ 10005",
        "19",
        "9999.8815592204",
        "34.7496251874",
        "34.7496251874",
    ),
    ("5 flip", "100000 @ 0.75 1.5,-150000 @ 0.7502 2.25", "-50000", "0.7502", "20", "16.25"),
    ("5 cover", "100000 @ 0.75,-150000 @ 0.7502,50000 @ 0.7503", "0", None, "15", "15"),
    ("6 short", "50 @ 1,-100 @ 2", "-50", "2", "50", "50"),
    ("6 long", "50 @ 1,-100 @ 2,100 @ 3", "50", "3", "0", "0"),
    ("6 part", "300 @ .80,-100 @ 1", "200", "0.8", "20", "20"),
    ("6 without end", "100 @ 1,200 @ .5", "300", "0.6666666667", "0", "0"),
    ("7 flip", "100 @ 50,-200 @ 100", "-100", "100", "5000", "5000"),
    ("7 short", "-100 @ 5,-100 @ 10", "-200", "7.5", "0", "0"),
    (
        "8 by average",
        "1000 @ 1.07,2000 @ 1.08,-1000 @ 1.09",
        "2000",
        "1.0766666667",
        "13.3333333333",
        "13.3333333333",
    ),
    (
        "8 by average, flat",
        "1000 @ 1.07,2000 @ 1.08,-1000 @ 1.09,1000 @ 1.08,-3000 @ 1.09",
        "0",
        None,
        "50",
        "50",
    ),
    ("10 crossover", "-1 @ 110,2 @ 112", "1", "112", "-2", "-2"),
    ("10 average", "60 @ 100,40 @ 110,-20 @ 104", "80", "104", "0", "0"),
]


@pytest.mark.parametrize(
    ("text", "quantity", "average", "gross", "net"),
    [row[1:] for row in WORKED],
    ids=[row[0] for row in WORKED],
)
def test_worked_examples(
    text: str, quantity: str, average: str | None, gross: str, net: str
) -> None:
    state = replay(fills(text), DOLLARS)
    shown = average_cost(state, DOLLARS)
    assert state.quantity == D(quantity)
    assert (None if shown is None else round(shown, 10)) == (
        None if average is None else D(average)
    )
    assert round(state.realised_pnl, 10) == D(gross)
    assert round(state.net_realised_pnl, 10) == D(net)


def test_worked_example_1_at_its_mark() -> None:
    state = replay(fills("100000 @ 1.00001 2"), DOLLARS)
    mark = D("1.00050")
    assert unrealised_pnl(state, mark, DOLLARS) == 49
    assert state.net_realised_pnl + unrealised_pnl(state, mark, DOLLARS) == 47


def test_worked_example_8_by_lots_earns_the_same_in_other_steps() -> None:
    history = fills("1000 @ 1.07,2000 @ 1.08,-1000 @ 1.09,1000 @ 1.08,-3000 @ 1.09", DOLLAR_LOTS)
    assert replay(history[:3], DOLLAR_LOTS).realised_pnl == 20
    flat = replay(history, DOLLAR_LOTS)
    assert flat.realised_pnl == 50
    assert flat == PositionState(realised_pnl=D(50))


def test_worked_example_9_closes_the_oldest_lots_first() -> None:
    state = replay(fills("4 @ 100.00,5 @ 111.11,6 @ 122.22", DOLLAR_LOTS), DOLLAR_LOTS)
    after, realised = apply_fill(state, fill("-7 @ 130"), DOLLAR_LOTS)
    assert realised.lots == (Lot(D(4), D(400)), Lot(D(3), D("333.33")))
    assert after.lots == (Lot(D(2), D("222.22")), Lot(D(6), D("733.32")))
    assert realised.gross == 7 * 130 - 400 - D("333.33")


def test_worked_example_9_sells_short_what_the_lots_do_not_cover() -> None:
    state = replay(fills("4 @ 100.00,5 @ 111.11,6 @ 122.22", DOLLAR_LOTS), DOLLAR_LOTS)
    after, realised = apply_fill(state, fill("-16 @ 130"), DOLLAR_LOTS)
    assert after.lots == (Lot(D(-1), D(-130)),)
    assert (after.quantity, after.cost) == (D(-1), D(-130))
    assert realised.quantity == 15
    assert realised.gross == 15 * 130 - state.cost


def test_worked_example_10_is_one_closing_and_one_opening_slice() -> None:
    state = replay(fills("-1 @ 110"), DOLLARS)
    after, realised = apply_fill(state, fill("2 @ 112 0.5"), DOLLARS)
    assert realised == Realised(D(-1), D(-110), D(112), D(-2), D("0.25"), D("0.25"))
    assert after == PositionState(D(1), D(112), D(-2), D("0.5"))


def test_an_inverse_contract_earns_in_the_base_coin() -> None:
    bought = replay([fill("1000 @ 1000 0.001", COIN)], COIN)
    assert (bought.quantity, bought.cost) == (D(1000), D(1))
    assert unrealised_pnl(bought, D(1250), COIN) == D("0.2")
    assert market_value(bought, D(1250), COIN) == D("0.8")
    sold = replay([fill("-1000 @ 1250", COIN)], COIN, bought)
    assert sold == PositionState(realised_pnl=D("0.2"), fees=D("0.001"))


def test_an_inverse_short_earns_when_the_price_falls_and_shows_its_harmonic_average() -> None:
    short = replay(fills("-100 @ 100,-100 @ 50", COIN), COIN)
    assert (short.quantity, short.cost) == (D(-200), D(-3))
    assert average_cost(short, COIN) == D("66.666666666666666667")
    assert unrealised_pnl(short, D(40), COIN) == 2
    assert replay([fill("200 @ 40", COIN)], COIN, short).realised_pnl == 2


def test_the_multiplier_values_contracts() -> None:
    terms = Terms(D(100), inverse=False, cost_method=AVERAGE, scale=12)
    state = replay([fill("-3 @ 7.68", terms)], terms)
    assert state.cost == -2304
    assert average_cost(state, terms) == D("7.68")
    assert exposure(state, D(8), terms) == 2400
    assert market_value(state, D(8), terms) == -2400
    assert unrealised_pnl(state, D(8), terms) == -96


def test_the_given_notional_decides_and_not_the_price() -> None:
    state = replay([Fill(D(3), D("33.33"), D(100))], DOLLARS)
    assert state.cost == 100
    assert replay([Fill(D(-3), D(0), D(100))], DOLLARS, state) == FLAT


def test_a_flip_loses_no_unit_of_notional_or_fees() -> None:
    """A third of 100 and of 1 does not end; the last slice takes what is left."""
    state = replay(fills("1 @ 33"), DOLLARS)
    after, realised = apply_fill(state, Fill(D(-3), D("33.33"), D(100), D(1)), DOLLARS)
    assert realised.proceeds == D("33.333333333333")
    assert after.cost == D("-66.666666666667")
    assert (realised.closing_fees, realised.opening_fees) == (
        D("0.333333333333"),
        D("0.666666666667"),
    )
    assert after.fees == 1


def test_closing_releases_what_earlier_roundings_left() -> None:
    state = replay([Fill(D(3), D(1), D("0.000000000001"))], DOLLARS)
    sold = Fill(D(-1), D(1), D(0))
    steps = [state := apply_fill(state, sold, DOLLARS)[0] for _ in range(3)]
    assert [step.cost for step in steps] == [D("1e-12"), D("1e-12"), D(0)]
    assert state.realised_pnl == D("-1e-12")
    assert state.side == "flat"


@pytest.mark.parametrize("terms", [DOLLARS, DOLLAR_LOTS, COIN])
def test_flat_is_clean(terms: Terms) -> None:
    state = replay(fills("-2 @ 7 -0.1,5 @ 9,-3 @ 8", terms), terms)
    assert state == PositionState(D(0), D(0), state.realised_pnl, state.fees, ())
    assert state.side == "flat"
    assert average_cost(state, terms) is None
    assert unrealised_pnl(state, D(9), terms) == market_value(state, D(9), terms) == 0
    zeros = (state.quantity, state.cost, FLAT.quantity, fill("-1 @ 0").signed_notional)
    assert not any(zero.is_signed() for zero in zeros)


def test_sides() -> None:
    assert [replay(fills(text), DOLLARS).side for text in ("1 @ 1", "-1 @ 1", "1 @ 1,-1 @ 2")] == [
        "long",
        "short",
        "flat",
    ]


def test_a_rebate_is_a_fee_below_zero() -> None:
    state = replay(fills("10 @ 5 -0.02,-10 @ 5 0.01"), DOLLARS)
    assert state.fees == D("-0.01")
    assert state.net_realised_pnl == D("0.01")


def test_lots_carry_the_place_of_the_fill_that_opened_them() -> None:
    opened = [Fill(D(2), D(5), D(10), offset=7), Fill(D(3), D(6), D(18), offset=9)]
    state = replay([*opened, Fill(D(-1), D(7), D(7), offset=11)], DOLLAR_LOTS)
    assert state.lots == (Lot(D(1), D(5), 7), Lot(D(3), D(18), 9))
    flipped = replay([Fill(D(-6), D(7), D(42), offset=12)], DOLLAR_LOTS, state)
    assert flipped.lots == (Lot(D(-2), D(-14), 12),)


def test_lots_are_stored_as_text_and_come_back() -> None:
    lots = (Lot(D("1.50"), D("1E+2")), Lot(D("-2"), D("-0.000000000000000001"), 42))
    stored = lots_to_json(lots)
    assert stored == [["1.5", "100"], ["-2", "-0.000000000000000001", 42]]
    assert lots_from_json(stored) == lots
    assert lots_from_json(None) == lots_from_json([]) == ()


def test_a_lot_that_somebody_stored_as_a_float_is_refused() -> None:
    with pytest.raises(FloatOperation):
        lots_from_json([[1.5, "100"]])  # type: ignore[list-item] # what a foreign hand may store


def test_a_position_may_change_its_cost_method_and_keeps_its_cost() -> None:
    averaged = replay(fills("1 @ 10,1 @ 20"), DOLLARS)
    after, realised = apply_fill(averaged, fill("-1 @ 30"), DOLLAR_LOTS)
    assert realised.lots == after.lots == (Lot(D(1), D(15)),)
    added = replay(fills("1 @ 40"), DOLLAR_LOTS, averaged)
    assert added.lots == (Lot(D(2), D(30)), Lot(D(1), D(40)))
    back = replay(fills("-1 @ 40"), DOLLARS, added)
    assert (back.cost, back.lots) == (D("46.666666666667"), ())


@pytest.mark.parametrize(
    ("lots", "says"), [(((1, 5),), "short of"), (((1, 5), (1, 5), (1, 5)), "more than")]
)
def test_damaged_lots_stop_a_close(lots: tuple[tuple[int, int], ...], says: str) -> None:
    state = PositionState(D(2), D(10), lots=tuple(Lot(D(q), D(c)) for q, c in lots))
    with pytest.raises(ValueError, match=says):
        apply_fill(state, fill("-2 @ 5"), DOLLAR_LOTS)


@pytest.mark.parametrize(
    "values",
    [
        ("0", "1", "1", "0"),
        ("-0", "1", "1", "0"),
        ("1", "1", "-1", "0"),
        ("NaN", "1", "1", "0"),
        ("Infinity", "1", "1", "0"),
        ("1", "NaN", "1", "0"),
        ("1", "1", "Infinity", "0"),
        ("1", "1", "NaN", "0"),
        ("1", "1", "1", "-Infinity"),
    ],
)
def test_fills_that_cannot_be(values: tuple[str, ...]) -> None:
    quantity, price, value, fees = map(D, values)
    with pytest.raises(ValueError, match=r"quantity|notional|finite"):
        Fill(quantity, price, value, fees)


@pytest.mark.parametrize(
    "change",
    [
        {"multiplier": D(0)},
        {"multiplier": D(-1)},
        {"multiplier": D("NaN")},
        {"cost_method": "lifo"},
        {"scale": 19},
        {"scale": -1},
    ],
)
def test_terms_that_cannot_be(change: dict[str, object]) -> None:
    good: dict[str, object] = {
        "multiplier": D(1),
        "inverse": False,
        "cost_method": AVERAGE,
        "scale": 2,
    }
    with pytest.raises(ValueError, match=r"multiplier|cost method|scale"):
        Terms(**{**good, **change})  # type: ignore[arg-type] # wrong on purpose


def test_prices_without_a_contract_value() -> None:
    with pytest.raises(ValueError, match="price 0"):
        notional(D(1), D(0), COIN)
    with pytest.raises(ValueError, match="price -1"):
        notional(D(1), D(-1), DOLLARS)
    assert notional(D(-1), D(0), DOLLARS) == 0  # an option that expires is closed at 0


def test_an_inverse_position_too_small_to_cost_anything_has_no_average() -> None:
    terms = Terms(D(1), inverse=True, cost_method=AVERAGE, scale=2)
    state = replay([fill("1 @ 1000", terms)], terms)
    assert state.cost == 0
    assert average_cost(state, terms) is None


def test_states_cannot_be_changed_in_place() -> None:
    with pytest.raises(FrozenInstanceError):
        FLAT.quantity = D(1)  # type: ignore[misc] # the very thing that must fail
