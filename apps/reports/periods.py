"""The periods of a schedule: days and hours of a place, whatever its clocks do. Pure; no clock.

A day is from midnight to midnight where the schedule lives: 23, 24 or 25 hours. An hour is one that
passes: the hour that the clocks show twice in autumn is two, the one that they leave out is none. Every moment is in exactly one period, and periods follow one another.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
EPOCH: Final = datetime(2020, 1, 1, tzinfo=UTC)


class Every(StrEnum):
    """How long a period is."""

    DAY = "day"
    HOUR = "hour"


@dataclass(frozen=True, slots=True)
class Terms:
    """Which periods there are, and when the file of one is made."""

    every: Every
    zone: str
    """An IANA zone, such as Europe/Berlin."""
    at: time = time()
    """Of days: when, on the day after, by the clocks there."""
    delay: timedelta = timedelta()
    """At least this long after the period's end, so that what was under way is there."""


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` (inclusive) to `end` (exclusive), UTC; its file is due at `due_at`."""

    start: datetime
    end: datetime
    due_at: datetime


def period_at(terms: Terms, moment: datetime) -> Period:
    """The period that a moment lies in."""
    if terms.every is Every.DAY:
        day = moment.astimezone(ZoneInfo(terms.zone)).date()
        return _day(terms, day)
    return _hour(terms, moment)


def following(terms: Terms, period: Period) -> Period:
    """The period after one."""
    return period_at(terms, period.end)


def preceding(terms: Terms, period: Period) -> Period:
    """The period before one."""
    return period_at(terms, period.start - timedelta(microseconds=1))


def due(terms: Terms, since: datetime, now: datetime, *, most: int) -> list[Period]:
    """The newest `most` periods that are due by `now` and did not begin before `since`'s; oldest
    first.
    """
    first = period_at(terms, since).start
    found: list[Period] = []
    for period in _backwards(terms, now):
        if period.start < first or len(found) == most:
            break
        if period.due_at <= now:
            found.append(period)
    return found[::-1]


def _backwards(terms: Terms, moment: datetime) -> Iterator[Period]:
    period = period_at(terms, moment)
    while True:
        yield period
        period = preceding(terms, period)


def _day(terms: Terms, day: date) -> Period:
    start, end = _midnight(terms.zone, day), _midnight(terms.zone, day + DAY)
    made = _instant(terms.zone, datetime.combine(day + DAY, terms.at))
    return Period(start, end, max(made, end + terms.delay))


def _hour(terms: Terms, moment: datetime) -> Period:
    shift = _minutes(terms.zone)
    start = EPOCH + (moment + shift - EPOCH) // HOUR * HOUR - shift
    return Period(start, start + HOUR, start + HOUR + terms.delay)


def _minutes(zone: str) -> timedelta:
    """How far hours begin off the full hour of UTC: half an hour in India.

    Of one day for all times: where the clocks are changed by half an hour, hours go on evenly.
    """
    offset = ZoneInfo(zone).utcoffset(datetime(2020, 1, 1))  # noqa: DTZ001 - the zone reads it as local
    return (offset or timedelta()) % HOUR


def _midnight(zone: str, day: date) -> datetime:
    return _instant(zone, datetime.combine(day, time()))


def _instant(zone: str, local: datetime) -> datetime:
    """When the clocks of a place show this: the first time where they do twice; where they leave it
    out, counted on from before (as RFC 5545 has it): half past two becomes half past three.
    """
    return local.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC)
