"""When trades settle. Pure: a first form that knows weekdays only."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

_FRIDAY = 4


@dataclass(frozen=True, slots=True)
class Wanted:
    """A trade whose settlement date is asked for."""

    kind: str
    """The instrument's kind."""
    market: str
    """The instrument's settlement calendar, or nothing."""
    currency: str
    symbol: str
    days: int
    """Business days after the trade date."""
    trade_date: date
    executed_at: datetime


@dataclass(frozen=True, slots=True)
class Due:
    """When a trade settles; or why there is no date."""

    on: date | None
    window_at: datetime | None
    """When it may be released (UTC)."""
    is_late: bool = False
    """A cut-off was missed: it takes the next window."""
    note: str = ""
    refused: str = ""


def business_days_after(start: date, days: int) -> date:
    """The date so many weekdays after a date; for 0 the date itself, or the Monday after it."""
    found = start
    while found.weekday() > _FRIDAY:
        found += timedelta(days=1)
    for _ in range(days):
        found += timedelta(days=1)
        while found.weekday() > _FRIDAY:
            found += timedelta(days=1)
    return found
