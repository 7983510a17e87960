"""Adding up: every grouping of the same holdings has the same sums, each currency by itself."""

from collections import defaultdict
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from apps.reports.figures import BY, EXPOSED_BY, Holding, exposure, profit

AMOUNTS = st.decimals(-(10**9), 10**9, places=6, allow_nan=False)
HOLDINGS = st.lists(
    st.builds(
        Holding,
        account=st.sampled_from(["A", "B"]),
        instrument=st.sampled_from(["X", "Y", "Z"]),
        kind=st.sampled_from(["equity", "fx"]),
        currency=st.sampled_from(["USD", "EUR"]),
        quantity=AMOUNTS,
        realised=AMOUNTS,
        fees=AMOUNTS,
        cost=AMOUNTS,
        value=AMOUNTS | st.none(),
        unrealised=AMOUNTS | st.none(),
    ),
    max_size=12,
)


def totals(rows, places: range, currency: int) -> dict[str, list[Decimal]]:
    found: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0)] * len(places))
    for row in rows:
        found[row[currency]] = [
            sum_ + row[place] for sum_, place in zip(found[row[currency]], places, strict=True)
        ]
    return dict(found)


@settings(max_examples=40)
@given(HOLDINGS)
def test_profit_adds_up_the_same_however_it_is_grouped(holdings: list[Holding]) -> None:
    found = [totals(profit(holdings, by), range(3, 9), 2) for by in BY]
    assert all(one == found[0] for one in found)
    for currency, (realised, fees, net, *_) in found[0].items():
        own = [one for one in holdings if one.currency == currency]
        assert realised == sum(one.realised for one in own)
        assert net == realised - fees


@settings(max_examples=40)
@given(HOLDINGS)
def test_exposure_adds_up_the_same_however_it_is_grouped(holdings: list[Holding]) -> None:
    found = [totals(exposure(holdings, by), range(2, 8), 1) for by in EXPOSED_BY]
    assert all(one == found[0] for one in found)
    for row in exposure(holdings, "instrument"):
        _, _, long, short, gross, net, positions, at_cost = row
        assert min(long, short) >= 0
        assert (gross, net) == (long + short, long - short)
        assert at_cost <= positions


@settings(max_examples=40)
@given(HOLDINGS)
def test_rows_are_sorted_and_each_once(holdings: list[Holding]) -> None:
    keys = [row[:3] for row in profit(holdings, "position")]
    assert keys == sorted(set(keys))
