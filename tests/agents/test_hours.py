"""Hours: lunch breaks, midnight, exceptions, and the days on which the clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.agents.hours import ALWAYS, Hours, is_open, open_seconds, window

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = Hours(
    "Europe/Berlin",
    {day: ((time(9), time(12)), (time(13), time(17))) for day in range(5)},
    {date(2026, 12, 25): (), date(2026, 12, 26): ((time(10), time(11)),)},
)
NIGHT = Hours("Europe/Berlin", {4: ((time(22), time(6)),)})


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-26T08:59:59", False),
        ("2026-11-26T09:00", True),
        ("2026-11-26T12:00", False),  # lunch
        ("2026-11-26T13:00", True),
        ("2026-11-26T17:00", False),
        ("2026-11-28T10:00", False),  # Saturday
        ("2026-12-25T10:00", False),  # closed, though a Friday
        ("2026-12-26T10:30", True),  # open, though a Saturday
    ],
)
def test_an_office_with_a_lunch_break_and_holidays(moment: str, expected: bool) -> None:
    assert is_open(OFFICE, at(moment)) is expected


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-27T21:59", False),
        ("2026-11-27T22:00", True),
        ("2026-11-28T05:59", True),  # the next morning
        ("2026-11-28T06:00", False),
        ("2026-11-26T23:00", False),
    ],
)
def test_a_shift_across_midnight(moment: str, expected: bool) -> None:
    assert is_open(NIGHT, at(moment)) is expected


def test_hours_are_local_on_both_sides_of_a_change_of_the_clocks() -> None:
    summer, winter = at("2026-10-23T09:00"), at("2026-10-26T09:00")
    assert (summer.astimezone(UTC).hour, winter.astimezone(UTC).hour) == (7, 8)
    for moment in (summer, winter):
        assert is_open(OFFICE, moment)
        assert not is_open(OFFICE, moment - timedelta(seconds=1))


def test_the_window_is_the_present_stretch_or_the_next() -> None:
    assert window(OFFICE, at("2026-11-26T10:00")) == (
        at("2026-11-26T09:00"),
        at("2026-11-26T12:00"),
    )
    assert window(OFFICE, at("2026-11-27T18:00")) == (
        at("2026-11-30T09:00"),
        at("2026-11-30T12:00"),
    )
    assert window(Hours("UTC"), at("2026-11-26T10:00")) is None


def test_around_the_clock_has_no_end_at_midnight() -> None:
    found = window(ALWAYS, at("2026-11-26T10:00"))
    assert found is not None
    assert found[1] - found[0] > timedelta(days=300)


def test_business_seconds_are_those_within_the_hours() -> None:
    assert open_seconds(OFFICE, at("2026-11-26T11:00"), at("2026-11-26T14:00")) == 2 * 3600
    assert open_seconds(OFFICE, at("2026-11-27T16:00"), at("2026-11-30T10:00")) == 2 * 3600
    assert open_seconds(OFFICE, at("2026-11-28T00:00"), at("2026-11-29T00:00")) == 0


# On a machine at full load making a date may take a second; that says nothing of hours.
CALM = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
# Hypothesis wants naive bounds, and puts the zone to them.
EARLIEST = datetime(2026, 1, 1)  # noqa: DTZ001 - see above
LATEST = datetime(2027, 12, 31)  # noqa: DTZ001 - see above
moments = st.datetimes(EARLIEST, LATEST, timezones=st.just(UTC))


@CALM
@given(moments)
def test_a_moment_is_open_if_and_only_if_it_is_in_its_window(moment: datetime) -> None:
    for hours in (OFFICE, NIGHT):
        found = window(hours, moment)
        assert found is not None
        assert is_open(hours, moment) is (found[0] <= moment < found[1])


@CALM
@given(moments, st.integers(0, 400_000), st.integers(0, 400_000))
def test_business_time_adds_up(begin: datetime, one: int, other: int) -> None:
    middle = begin + timedelta(seconds=one)
    end = middle + timedelta(seconds=other)
    whole = open_seconds(OFFICE, begin, end)
    parts = open_seconds(OFFICE, begin, middle) + open_seconds(OFFICE, middle, end)
    assert whole == pytest.approx(parts)
    assert 0 <= whole <= one + other
