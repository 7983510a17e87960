"""Positions whose past is revised and whose units are split: what holds whatever is done, in any order."""

from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from apps.core.money import exact
from apps.core.units import Ratio
from apps.trading.positions import (
    AVERAGE,
    FIFO,
    FLAT,
    Fill,
    PositionState,
    Split,
    Terms,
    Told,
    apply_fill,
    apply_split,
    effective_fills,
    notional,
    replay,
)

TERMS = st.builds(
    Terms,
    multiplier=st.sampled_from([Decimal(1), Decimal(50)]),
    inverse=st.booleans(),
    cost_method=st.just(AVERAGE),
    scale=st.sampled_from([2, 12]),
)
QUANTITIES = st.integers(1, 40).map(Decimal) | st.decimals("0.5", "99", places=2)
PRICES = st.decimals("0.01", "500", places=2)
FEES = st.decimals("-3", "9", places=2)
WHOLE = st.sampled_from([Ratio(Decimal(n)) for n in ("2", "3", "1.5", "0.5", "0.1", "10")])
UNEVEN = st.builds(
    Ratio,
    st.integers(1, 5).map(Decimal),
    st.integers(1, 12).map(Decimal),
    st.sampled_from([Decimal(1), Decimal("0.01")]),
)
SPLITS = WHOLE.map(Split) | st.builds(
    Split, UNEVEN, st.decimals("0.01", "900", places=2), st.just(2)
)
DEALS = st.tuples(st.booleans(), QUANTITIES, PRICES, FEES)
CALLS = (
    st.tuples(st.just("deal"), DEALS)
    | st.tuples(st.just("close"), DEALS)
    | st.tuples(st.just("cancel"), st.integers(0, 30))
    | st.tuples(st.just("amend"), st.integers(0, 30), DEALS)
    | st.tuples(st.just("split"), SPLITS)
)


@dataclass
class Story:
    """What the log tells of one position, as intake lets it come about."""

    told: list[Told]
    terms: Terms

    @property
    def fills(self) -> list[Fill | Split]:
        return effective_fills(self.told)

    def state(self, method: str = AVERAGE) -> PositionState:
        return replay(self.fills, replace(self.terms, cost_method=method))

    @property
    def traded(self) -> Fraction:
        """What was paid for what counts, less what was received, for trades and for fractions."""
        total, state = Fraction(0), FLAT
        for one in self.fills:
            if isinstance(one, Fill):
                state, _ = apply_fill(state, one, self.terms)
                total += Fraction(one.signed_notional)
            else:
                state, cash = apply_split(state, one, self.terms)
                total -= Fraction(cash)
        return total

    @property
    def revisable(self) -> list[int]:
        """Places of trades that stand and were dealt since the last split."""
        since = max((one.place for one in self.told if isinstance(one.fill, Split)), default=0)
        newest = {one.place: one.fill for one in self.told}
        return [at for at, fill in newest.items() if at > since and isinstance(fill, Fill)]

    def tell(self, fill: Fill | Split | None, place: int | None = None) -> None:
        offset = self.told[-1].offset + 1 if self.told else 1
        self.told.append(Told(offset, place or offset, fill))

    def fill(self, deal: tuple[bool, Decimal, Decimal, Decimal]) -> Fill:
        is_buy, quantity, price, fees = deal
        signed = quantity if is_buy else -quantity
        return Fill(signed, price, notional(quantity, price, self.terms), fees)


@st.composite
def stories(draw: st.DrawFn) -> Story:
    story = Story([], draw(TERMS))
    for what, *terms in draw(st.lists(CALLS, min_size=1, max_size=14)):
        match what:
            case "deal":
                story.tell(story.fill(terms[0]))
            case "close" if quantity := story.state().quantity:
                _, _, price, fees = terms[0]
                worth = notional(quantity, price, story.terms)
                story.tell(Fill(-quantity, price, worth, fees))
            case "cancel" if known := story.revisable:
                story.tell(None, known[terms[0] % len(known)])
            case "amend" if known := story.revisable:
                place = known[terms[0] % len(known)]
                story.tell(story.fill(terms[1]), place)
            case "split":
                story.tell(terms[0] if not story.terms.inverse else Split(Ratio(Decimal(3))))
    return story


@settings(max_examples=150, deadline=None)
@given(stories())
def test_the_cash_identity_holds_after_any_fills_cancels_amendments_and_splits(
    story: Story,
) -> None:
    """I6: realised + s * traded = s * cost, exactly, at every point of the log, for both methods."""
    sign = -1 if story.terms.inverse else 1
    for end in range(1, len(story.told) + 1):
        so_far = Story(story.told[:end], story.terms)
        for method in (AVERAGE, FIFO):
            state = so_far.state(method)
            assert Fraction(state.realised_pnl) + sign * so_far.traded == sign * Fraction(
                state.cost
            )


@settings(max_examples=100, deadline=None)
@given(stories())
def test_both_methods_have_earned_the_same_whenever_flat(story: Story) -> None:
    """I7, also after revisions and splits: what is closed to the unit earned what was paid."""
    quantity = story.state().quantity
    if quantity:
        story.tell(Fill(-quantity, Decimal(7), notional(quantity, Decimal(7), story.terms)))
    average, fifo = story.state(AVERAGE), story.state(FIFO)
    assert (average.quantity, average.cost, fifo.quantity, fifo.cost, fifo.lots) == (0, 0, 0, 0, ())
    assert average.realised_pnl == fifo.realised_pnl


@settings(max_examples=100, deadline=None)
@given(stories())
def test_cancelling_everything_leaves_nothing(story: Story) -> None:
    """I9: as if it had never been; nothing was split either, then."""
    kept = Story([one for one in story.told if not isinstance(one.fill, Split)], story.terms)
    for place in kept.revisable:
        kept.tell(None, place)
    for method in (AVERAGE, FIFO):
        assert kept.state(method) == FLAT


@settings(max_examples=60, deadline=None)
@given(stories())
def test_a_revision_counts_where_its_trade_was_dealt(story: Story) -> None:
    """As if it had been dealt so at first, or never; in whatever order the facts are found."""
    standing: dict[int, Fill | Split | None] = {}
    for one in story.told:
        standing[one.place] = one.fill
    wanted = [one for one in standing.values() if one is not None]
    assert effective_fills(story.told) == effective_fills(reversed(story.told)) == wanted


@settings(max_examples=100, deadline=None)
@given(stories(), st.sampled_from([AVERAGE, FIFO]))
def test_a_split_is_as_if_all_before_had_been_dealt_in_new_units(story: Story, method: str) -> None:
    """Costs, profit and lots are those of the same money for the new number of units."""
    factor, new = Decimal(1), []
    assume(all(one.price is None for one in story.fills if isinstance(one, Split)))
    with exact():
        for one in reversed(story.fills):
            if isinstance(one, Split):
                factor *= one.ratio.new
            else:
                new.append(replace(one, quantity=one.quantity * factor))
    terms = replace(story.terms, cost_method=method)
    assert replay(reversed(new), terms) == story.state(method)


@settings(max_examples=60, deadline=None)
@given(stories(), st.integers(0, 14), st.sampled_from([AVERAGE, FIFO]))
def test_a_fold_may_stop_anywhere_and_go_on(story: Story, at: int, method: str) -> None:
    """I8: the state on the way and what came after it make what folding from nothing makes."""
    terms, fills = replace(story.terms, cost_method=method), story.fills
    assert replay(fills[at:], terms, replay(fills[:at], terms)) == replay(fills, terms)


def in_fractions(quantity: Decimal, ratio: Ratio) -> tuple[Fraction, Fraction]:
    """The whole steps that a quantity becomes, towards zero, and the fraction beside them."""
    step = Fraction(ratio.step)
    exactly = Fraction(quantity) * Fraction(ratio.new) / Fraction(ratio.old)
    steps = abs(exactly) // step * step
    units = -steps if exactly < 0 else steps
    return units, exactly - units


def cost_of_first(state: PositionState, quantity: Fraction) -> Fraction:
    """What so many units cost that were dealt first."""
    cost = Fraction(0)
    for lot in state.lots:
        part = min(quantity, Fraction(lot.quantity), key=abs)
        cost += Fraction(lot.cost) * part / Fraction(lot.quantity)
        quantity -= part
    return cost


@settings(max_examples=150, deadline=None)
@given(stories(), UNEVEN, st.decimals("0.01", "900", places=2), st.sampled_from([AVERAGE, FIFO]))
def test_a_fraction_is_sold_and_takes_its_part_of_the_cost_along(
    story: Story, ratio: Ratio, price: Decimal, method: str
) -> None:
    """Whole steps are left, whose lots add up; the rest is cash, and realises what it cost."""
    terms = replace(story.terms, cost_method=method, inverse=False)
    before = replay([one for one in story.fills if isinstance(one, Fill)], terms)
    after, cash = apply_split(before, Split(ratio, price, 2), terms)
    units, left = in_fractions(before.quantity, ratio)
    assert Fraction(after.quantity) == units
    worth = left * Fraction(price) * Fraction(terms.multiplier)
    assert abs(Fraction(cash) - worth) <= Fraction(1, 200)  # in cents; who is short pays it
    with exact():
        released = before.cost - after.cost
        assert after.realised_pnl - before.realised_pnl == cash - released
    assert after.fees == before.fees
    if method == FIFO:
        for lots, state in ((before.lots, before), (after.lots, after)):
            with exact():
                assert sum((lot.quantity for lot in lots), Decimal(0)) == state.quantity
                assert sum((lot.cost for lot in lots), Decimal(0)) == state.cost
    if not after.quantity:
        assert (after.cost, after.lots) == (0, ())
    else:
        rest = Fraction(ratio.rest(before.quantity))
        share = rest / (Fraction(before.quantity) * Fraction(ratio.new))
        if method == AVERAGE:
            unit = Fraction(1, 10**terms.scale)
            assert abs(Fraction(released) - Fraction(before.cost) * share) <= unit / 2
        else:
            sold = rest / Fraction(ratio.new)  # in old units, of the lots that were first
            unit = Fraction(1, 10**terms.scale)
            assert abs(Fraction(released) - cost_of_first(before, sold)) <= unit / 2
