"""Periods: days and hours of a place, whatever its clocks do."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.reports.periods import Every, Terms, due, following, period_at, preceding

BERLIN = "Europe/Berlin"
ZONES = (BERLIN, "UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia",
         "America/Havana", "Africa/Cairo", "America/Sao_Paulo", "Asia/Kathmandu")  # fmt: skip
MOMENTS = st.integers(0, 37 * 365 * 24 * 60).map(
    lambda minutes: datetime(2000, 1, 1, 0, 0, 7, tzinfo=UTC) + timedelta(minutes=minutes)
)


def hours(period) -> float:
    return (period.end - period.start) / timedelta(hours=1)


@pytest.mark.parametrize(
    ("day", "length"), [("2026-03-29", 23), ("2026-06-01", 24), ("2026-10-25", 25)]
)
def test_a_day_is_as_long_as_its_clocks_make_it(day: str, length: int) -> None:
    noon = datetime.fromisoformat(f"{day}T10:00:00+00:00")
    period = period_at(Terms(Every.DAY, BERLIN), noon)
    assert hours(period) == length
    assert period.start.astimezone(ZoneInfo(BERLIN)).strftime("%Y-%m-%d %H:%M") == f"{day} 00:00"


def test_the_doubled_hour_is_two_and_the_missing_one_none() -> None:
    terms = Terms(Every.HOUR, BERLIN)
    for day, count in (("2026-03-29", 23), ("2026-10-25", 25)):
        whole = period_at(Terms(Every.DAY, BERLIN), datetime.fromisoformat(f"{day}T10:00:00+00:00"))
        found, period = 0, period_at(terms, whole.start)
        while period.start < whole.end:
            found, period = found + 1, following(terms, period)
        assert found == count


def test_a_file_is_made_by_the_clocks_of_the_place() -> None:
    terms = Terms(Every.DAY, BERLIN, time(6))
    winter = period_at(terms, datetime(2026, 1, 5, 12, tzinfo=UTC))
    summer = period_at(terms, datetime(2026, 7, 6, 12, tzinfo=UTC))
    assert winter.due_at == datetime(2026, 1, 6, 5, tzinfo=UTC)
    assert summer.due_at == datetime(2026, 7, 7, 4, tzinfo=UTC)


def test_a_time_that_the_clocks_leave_out_comes_as_much_later() -> None:
    terms = Terms(Every.DAY, BERLIN, time(2, 30))
    assert period_at(terms, datetime(2026, 3, 28, 12, tzinfo=UTC)).due_at == datetime(
        2026, 3, 29, 1, 30, tzinfo=UTC
    )


def test_never_before_the_period_settled() -> None:
    period = period_at(
        Terms(Every.DAY, "UTC", time(), timedelta(minutes=2)), datetime(2026, 1, 5, tzinfo=UTC)
    )
    assert period.due_at == period.end + timedelta(minutes=2)


def test_hours_begin_where_the_clocks_of_the_place_have_them() -> None:
    period = period_at(Terms(Every.HOUR, "Asia/Kolkata"), datetime(2026, 1, 5, 4, tzinfo=UTC))
    assert period.start == datetime(2026, 1, 5, 3, 30, tzinfo=UTC)


@settings(max_examples=150)
@given(MOMENTS, st.sampled_from(ZONES), st.sampled_from(list(Every)))
def test_every_moment_is_in_one_period_and_periods_meet(
    moment: datetime, zone: str, every: Every
) -> None:
    terms = Terms(every, zone)
    period = period_at(terms, moment)
    assert period.start <= moment < period.end
    assert period_at(terms, period.start) == period
    assert period_at(terms, period.end - timedelta(microseconds=1)) == period
    assert following(terms, period).start == period.end
    assert preceding(terms, period).end == period.start


@settings(max_examples=60)
@given(
    MOMENTS, st.sampled_from(ZONES), st.sampled_from(list(Every)),
    st.integers(0, 60 * 24 * 12), st.integers(1, 9),
)  # fmt: skip
def test_due_are_the_newest_that_are_over(
    since: datetime, zone: str, every: Every, minutes: int, most: int
) -> None:
    terms = Terms(every, zone, time(3), timedelta(minutes=2))
    now = since + timedelta(minutes=minutes)
    found = due(terms, since, now, most=most)
    assert len(found) <= most
    assert all(one.due_at <= now for one in found)
    assert [one.start for one in found] == sorted({one.start for one in found})
    first = period_at(terms, since)
    if first.due_at <= now and len(found) < most:
        assert found[0] == first
    if found:
        assert following(terms, found[-1]).due_at > now
