"""Trades per second: only unsettled seconds are asked for; dear values are made seldom."""

from collections import Counter
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from apps.web.flow import SETTLING, WINDOW, Flow, Kept

START = 1_800_000_000


class Book:
    """Trades by second, as a database would answer."""

    def __init__(self):
        self.trades = Counter()
        self.asked = []

    def count(self, since):
        self.asked.append(int(since.timestamp()))
        return {second: n for second, n in self.trades.items() if second >= since.timestamp()}


def test_whole_seconds_oldest_first_without_the_running_one():
    book = Book()
    book.trades.update({START - 1: 5, START - WINDOW: 2, START - WINDOW - 1: 9, START: 7})
    seconds = Flow(book.count).seconds(START + 0.9)
    assert len(seconds) == WINDOW
    assert (seconds[0], seconds[-1], sum(seconds)) == (2, 5, 7)


def test_only_seconds_that_may_still_change_are_asked_for_again():
    book = Book()
    flow = Flow(book.count)
    flow.seconds(START)
    flow.seconds(START + 1)
    flow.seconds(START + 300)  # nobody looked for a while
    assert book.asked == [START - WINDOW, START - SETTLING, START + 300 - WINDOW]


def test_a_transaction_that_commits_late_is_still_counted():
    book = Book()
    flow = Flow(book.count)
    flow.seconds(START)
    book.trades[START - SETTLING] += 3
    assert sum(flow.seconds(START + 1)) == 3


@given(
    trades=st.lists(st.integers(-200, 200), max_size=60),
    looks=st.lists(st.integers(0, 40), min_size=1, max_size=20),
)
def test_what_is_remembered_equals_what_would_be_counted(trades, looks):
    """With every trade committed in its own second, memory changes nothing."""
    book, flow, now = Book(), None, START
    flow = Flow(book.count)
    for pause in looks:
        now += pause
        book.trades = Counter(START + at for at in trades if START + at < now)
        seen = flow.seconds(now)
        expected = [book.trades.get(second, 0) for second in range(now - WINDOW, now)]
        assert seen == expected


def test_times_are_asked_for_in_utc():
    asked = []
    Flow(lambda since: asked.append(since) or {}).seconds(START)
    assert asked == [datetime.fromtimestamp(START - WINDOW, UTC)]


def test_a_value_is_made_anew_so_seldom_that_it_takes_a_twentieth_of_the_time():
    times = iter([0.0, 0.5, 10.4, 10.6, 10.7, 14.0])
    made = []
    kept = Kept(lambda: made.append(None) or len(made), lambda: next(times))
    assert kept.value() == 1  # from 0.0 to 0.5: kept until 10.5
    assert kept.value() == 1  # at 10.4
    assert kept.value() == 2  # from 10.6 to 10.7: kept until 12.7
    times = iter([12.6, 12.8, 12.8])
    assert kept.value() == 2
    assert kept.value() == 3


def test_a_value_is_kept_for_a_while_even_if_it_costs_nothing():
    times = iter([0.0, 0.0, 0.9, 1.1, 1.1])
    made = []
    kept = Kept(lambda: made.append(None) or len(made), lambda: next(times), at_least=1.0)
    assert [kept.value(), kept.value(), kept.value()] == [1, 1, 2]
