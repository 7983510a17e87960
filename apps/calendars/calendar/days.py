"""Steps from one settlement day to the next.

A tenant's own changes go before the lists. Nothing is said beyond `until`: holidays are decreed,
and those of the years to come are guesses.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final

from apps.calendars.calendar.holidays import Source, closed_in
from apps.calendars.calendar.markets import Calendar, early_close
from apps.calendars.exceptions import BeyondCalendar

DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class CycleFrom:
    """T+`days` for trades of this kind, from a trade date on."""

    calendar: str
    asset_class: str
    effective_from: date
    days: int


@dataclass(frozen=True, slots=True)
class CutoffFrom:
    """The cut-off of a calendar, from a settlement day on."""

    calendar: str
    effective_from: date
    cutoff: time


@dataclass(frozen=True, slots=True)
class Changes:
    """What a tenant decided beside the lists: days closed and opened, cycles, cut-offs."""

    closed: frozenset[tuple[str, date]] = frozenset()
    opened: frozenset[tuple[str, date]] = frozenset()
    cycles: tuple[CycleFrom, ...] = ()
    cutoffs: tuple[CutoffFrom, ...] = ()
    until: date = field(default=date.max)
    """The last day of which anything is said."""


NO_CHANGES: Final = Changes()


def is_settlement_day(calendar: Calendar, day: date, changes: Changes = NO_CHANGES) -> bool:
    """Whether it is settled on this day. Raises `BeyondCalendar`."""
    _check_reach(calendar, day, changes)
    if (calendar.code, day) in changes.closed:
        return False
    return (calendar.code, day) in changes.opened or _is_open(calendar, day)


def is_trading_day(calendar: Calendar, day: date) -> bool:
    """Whether a market of the trading calendars is open. Raises `BeyondCalendar`."""
    _check_reach(calendar, day, NO_CHANGES)
    return _is_open(calendar, day)


def closes_early_at(calendar: Calendar, day: date) -> time | None:
    """When a market closes on a short day, on its own clock; None on other days."""
    if (at := early_close(calendar.code)) is None:
        return None
    short = (one._replace(categories=("half_day",)) for one in calendar.sources if one.is_market)
    return at if any(day in closed_in(source, day.year) for source in short) else None


def next_settlement_day(
    calendars: Iterable[Calendar], day: date, changes: Changes = NO_CHANGES
) -> date:
    """The day itself, or the first one after it, that is good in every calendar.

    Raises `BeyondCalendar`.
    """
    wanted = tuple(calendars)
    while not all(is_settlement_day(calendar, day, changes) for calendar in wanted):
        day += DAY
    return day


def settlement_days_after(
    calendars: Iterable[Calendar], day: date, count: int, changes: Changes = NO_CHANGES
) -> date:
    """The `count`-th settlement day after a day; with 0 the day itself or the next good one.

    Raises `BeyondCalendar`.
    """
    wanted = tuple(calendars)
    if count == 0:
        return next_settlement_day(wanted, day, changes)
    for _ in range(count):
        day = next_settlement_day(wanted, day + DAY, changes)
    return day


def cutoff_at(calendar: Calendar, day: date, changes: Changes = NO_CHANGES) -> datetime:
    """The last moment (UTC) at which a settlement on this day is taken."""
    at = calendar.cutoff
    own = [one for one in changes.cutoffs if one.calendar == calendar.code]
    for one in sorted(own, key=lambda one: one.effective_from):
        if one.effective_from <= day:
            at = one.cutoff
    return datetime.combine(day, at, calendar.tzinfo).astimezone(UTC)


def _check_reach(calendar: Calendar, day: date, changes: Changes) -> None:
    if calendar.endless:
        return
    if day.year < calendar.from_year or day > changes.until:
        raise BeyondCalendar(
            f"Calendar {calendar.code} reaches from {calendar.from_year}-01-01 to"
            f" {changes.until}, not to {day}.",
            calendar=calendar.code,
            day=day.isoformat(),
        )


@lru_cache(maxsize=50_000)  # about 5 MB: eight calendars for twenty years
def _is_open(calendar: Calendar, day: date) -> bool:
    if day.weekday() in calendar.weekend:
        return False
    if day in calendar.also_closed or (day.month, day.day) in calendar.closed_on:
        return False
    if (day.month, day.day) in calendar.open_on:
        return True
    return not any(_closes(source, day) for source in calendar.sources)


def _closes(source: Source, day: date) -> bool:
    return day in closed_in(source, day.year)
