"""When it is open: weekly hours with exceptions, in a zone of their own. Pure; the clock is given.

Hours are local: an interval from 9:00 to 17:00 stays that on both sides of a change of the clocks.
One whose end is not after its beginning ends on the next day. A day with exceptions has only those.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

Interval = tuple[time, time]
Span = tuple[datetime, datetime]
HORIZON: Final = 400
"""Days that are looked ahead for the next opening."""


@dataclass(frozen=True, slots=True)
class Hours:
    """A schedule. `weekly`: weekday (0 is Monday) to its intervals; a day of `exceptions` has only its own."""

    zone: str
    weekly: Mapping[int, Sequence[Interval]] = field(default_factory=dict)
    exceptions: Mapping[date, Sequence[Interval]] = field(default_factory=dict)


ALWAYS: Final = Hours("UTC", {day: ((time(0), time(0)),) for day in range(7)})
"""Around the clock."""


def is_open(hours: Hours, at: datetime) -> bool:
    """Whether it is open at a moment."""
    return any(begin <= at < end for begin, end in _around(hours, at))


def window(hours: Hours, at: datetime) -> Span | None:
    """The open stretch that a moment lies in, else the next one; none within the horizon: None.

    Stretches that touch are one: around the clock there is no end at midnight.
    """
    days = _local(hours, at).date()
    found: Span | None = None
    for begin, end in _spans(hours, days - timedelta(days=1), HORIZON):
        if end <= at:
            continue
        if found is None:
            found = (begin, end)
        elif begin <= found[1]:
            found = (found[0], max(found[1], end))
        else:
            break
    return found


def open_seconds(hours: Hours, begin: datetime, end: datetime) -> float:
    """How many seconds of a stretch are within the hours."""
    total = 0.0
    reached = begin
    for since, until in open_spans(hours, begin, end):
        inside = max(since, reached), min(until, end)
        if inside[1] > inside[0]:
            total += (inside[1] - inside[0]).total_seconds()
            reached = inside[1]
    return total


def open_spans(hours: Hours, begin: datetime, end: datetime) -> Iterator[Span]:
    """The open stretches that meet a stretch of time, in order, each as a whole; UTC."""
    first = _local(hours, begin).date() - timedelta(days=1)
    for since, until in _spans(hours, first, (_local(hours, end).date() - first).days + 1):
        if since < end and until > begin:
            yield since, until


def _around(hours: Hours, at: datetime) -> Iterator[Span]:
    return _spans(hours, _local(hours, at).date() - timedelta(days=1), 2)


def _spans(hours: Hours, first: date, days: int) -> Iterator[Span]:
    """The open stretches that begin on these days, in order, in UTC."""
    zone = ZoneInfo(hours.zone)
    for number in range(days):
        day = first + timedelta(days=number)
        intervals = hours.exceptions.get(day, hours.weekly.get(day.weekday(), ()))
        for opens, closes in sorted(intervals):
            last = day if closes > opens else day + timedelta(days=1)
            begin = datetime.combine(day, opens, zone).astimezone(UTC)
            end = datetime.combine(last, closes, zone).astimezone(UTC)
            if end > begin:  # a stretch that the change of the clocks swallows is none
                yield begin, end


def _local(hours: Hours, at: datetime) -> datetime:
    return at.astimezone(ZoneInfo(hours.zone))
