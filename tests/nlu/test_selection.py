"""Whom to ask first and when a second one: properties."""

import math

from hypothesis import given
from hypothesis import strategies as st

from apps.nlu.selection import (
    HEDGE_LEAST,
    HEDGE_MOST,
    KNOWN_FROM,
    Budget,
    Choice,
    Sketch,
    Standing,
    hedge_after,
    ranked,
)

SECONDS = st.floats(0.001, 5)


@given(st.lists(SECONDS, min_size=KNOWN_FROM, max_size=200), st.floats(0.05, 1))
def test_a_percentile_is_right_to_eight_percent(times: list[float], part: float) -> None:
    sketch = Sketch(begun=100.0)
    for one in times:
        sketch.add(100.0, one, ok=True)

    found = sketch.percentile(100.0, part)

    exact = sorted(times)[math.ceil(part * len(times)) - 1]
    assert found is not None
    assert exact / 1.081 <= found <= exact * 1.081


def test_what_is_older_than_a_minute_is_forgotten() -> None:
    sketch = Sketch(begun=0.0)
    for _ in range(KNOWN_FROM):
        sketch.add(1.0, 0.1, ok=False)

    assert sketch.percentile(20.0, 0.5) is not None
    assert sketch.error_share(40.0) == 1
    assert sketch.percentile(200.0, 0.5) is None
    assert sketch.error_share(200.0) == 0


def test_too_few_calls_say_nothing() -> None:
    sketch = Sketch(begun=0.0)
    sketch.add(1.0, 0.1, ok=True)

    assert sketch.percentile(1.0, 0.5) is None


STANDINGS = st.lists(
    st.builds(Standing, st.text(min_size=1, max_size=3), st.floats(0, 9), st.none() | SECONDS,
              st.floats(0, 1)),
    unique_by=lambda one: one.name, max_size=6,
)  # fmt: skip


@given(STANDINGS, st.sampled_from(Choice))
def test_everybody_is_ranked_once(found: list[Standing], choice: Choice) -> None:
    assert sorted(ranked(found, choice)) == sorted(one.name for one in found)


def test_each_choice_prefers_what_it_says() -> None:
    cheap = Standing("cheap", 0.1, 0.9, 0.0)
    quick = Standing("quick", 1.0, 0.1, 0.0)
    broken = Standing("broken", 0.1, 0.1, 0.95)
    unseen = Standing("unseen", 1.0, None, 0.0)

    assert ranked([quick, cheap], Choice.ORDER)[0] == "quick"
    assert ranked([quick, cheap], Choice.COST)[0] == "cheap"
    assert ranked([cheap, quick], Choice.LATENCY)[0] == "quick"
    assert ranked([broken, cheap], Choice.COST)[0] == "cheap"
    assert ranked([unseen, quick], Choice.LATENCY)[0] == "quick"


@given(st.none() | st.floats(0, 60))
def test_a_hedge_waits_neither_too_short_nor_too_long(p95: float | None) -> None:
    assert HEDGE_LEAST <= hedge_after(p95) <= HEDGE_MOST


@given(st.lists(st.booleans(), max_size=300))
def test_second_calls_are_a_part_of_first_ones(asks: list[bool]) -> None:
    budget, first, second = Budget(share=0.1), 0, 0
    for wants_second in asks:
        budget.earn()
        first += 1
        second += wants_second and budget.spend()

    assert second <= 1 + 0.1 * first


@given(st.integers(0, 2_000), st.floats(0, 1))
def test_an_outage_after_a_long_calm_cannot_spend_what_was_saved_in_weeks(
    calm: int, share: float
) -> None:
    budget = Budget(share=share)
    for _ in range(calm):
        budget.earn()

    spent = sum(budget.spend() for _ in range(1_000))

    assert spent <= min(budget.most, 1 + calm * share)


@given(st.lists(st.tuples(st.floats(0, 300), SECONDS, st.booleans()), max_size=60))
def test_what_is_known_of_a_provider_is_always_of_the_last_minute(
    calls: list[tuple[float, float, bool]],
) -> None:
    sketch = Sketch(begun=0.0)
    for at, seconds, ok in sorted(calls):
        sketch.add(at, seconds, ok=ok)
        assert 0 <= sketch.error_share(at) <= 1

    now = max((at for at, _, _ in calls), default=0.0)
    kept = sum(sketch.counts) + sum(sketch.before)
    within = [seconds for at, seconds, _ in calls if now - at < 30]
    assert len(within) <= kept <= len(calls)
    p95 = sketch.percentile(now, 0.95)
    assert p95 is None or p95 <= max(seconds for _, seconds, _ in calls) * 1.081
