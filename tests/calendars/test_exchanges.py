"""Trading days and short days against the answer files of others."""

import json
from datetime import date, timedelta
from pathlib import Path

import pytest

from apps.calendars.calendar import is_settlement_day, is_trading_day, trading_calendar_named
from apps.calendars.calendar.days import closes_early_at
from apps.calendars.calendar.markets import calendar_named
from apps.calendars.exceptions import BeyondCalendar, UnknownCalendar

TOLD = json.loads(Path(__file__).with_name("oracles").joinpath("exchanges.json").read_text())
# Hong Kong's list begins in 2014; before it the calendar refuses.
EXCHANGES = {"XNYS": 2010, "XLON": 2010, "XETR": 2010, "XTKS": 2010, "XHKG": 2014}
LAST = date(2019, 12, 31)
SHORT_DAYS_FROM = {"XNYS": 2010, "XLON": 2010, "XHKG": 2014}  # the list has none of Frankfurt's


def days(first, last=LAST):
    return [first + timedelta(number) for number in range((last - first).days + 1)]


@pytest.mark.parametrize("code", EXCHANGES)
def test_sessions_are_those_of_the_exchange(code):
    calendar, first = trading_calendar_named(code), date(EXCHANGES[code], 1, 1)
    closed = [
        day.isoformat()
        for day in days(first)
        if day.weekday() < 5 and not is_trading_day(calendar, day)
    ]

    assert closed == [day for day in TOLD[code]["closed"] if day >= first.isoformat()]
    assert not any(is_trading_day(calendar, day) for day in days(first) if day.weekday() >= 5)


@pytest.mark.parametrize("code", SHORT_DAYS_FROM)
def test_short_days_are_those_of_the_exchange(code):
    calendar, first = trading_calendar_named(code), date(SHORT_DAYS_FROM[code], 1, 1)
    found = {
        day.isoformat(): closes_early_at(calendar, day).isoformat("minutes")
        for day in days(first)
        if is_trading_day(calendar, day) and closes_early_at(calendar, day)
    }
    told = dict(TOLD[code]["early"])

    assert set(found) == {day for day in told if day >= first.isoformat()}
    assert all(at == told[day] for day, at in found.items())


def test_new_york_rested_on_these_days_from_1998_to_2023():
    calendar = trading_calendar_named("XNYS")
    closed = [
        day.isoformat()
        for day in days(date(1998, 1, 1), date(2023, 12, 31))
        if day.weekday() < 5 and not is_trading_day(calendar, day)
    ]

    assert closed == sorted(TOLD["New York"]["closed"])


@pytest.mark.parametrize(
    ("exchange", "settles", "day", "trades_and_settles"),
    [
        ("XNYS", "US", "2025-10-13", (True, False)),  # Columbus Day
        ("XNYS", "US", "2025-11-11", (True, False)),  # Veterans Day
        ("XETR", "DE", "2025-12-24", (False, True)),
        ("XSWX", "CH", "2025-12-31", (False, True)),
        ("XTSE", "CA", "2025-11-11", (True, False)),  # Remembrance Day
    ],
)
def test_trading_and_settlement_are_apart(exchange, settles, day, trades_and_settles):
    on = date.fromisoformat(day)

    assert (
        is_trading_day(trading_calendar_named(exchange), on),
        is_settlement_day(calendar_named(settles), on),
    ) == trades_and_settles


def test_before_its_list_begins_an_exchange_says_nothing():
    with pytest.raises(BeyondCalendar):
        is_trading_day(trading_calendar_named("XHKG"), date(2013, 12, 31))


def test_an_unknown_exchange_is_refused():
    with pytest.raises(UnknownCalendar):
        trading_calendar_named("NOWHERE")
