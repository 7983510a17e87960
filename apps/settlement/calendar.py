"""What is asked of the calendars about a trade, and what they answer (`apps.calendars`). Pure."""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Wanted:
    """A trade whose settlement date is asked for."""

    kind: str
    """The instrument's kind."""
    market: str
    """The instrument's settlement calendar, or nothing."""
    currency: str
    symbol: str
    days: int | None
    """Settlement days after the trade date; None: the market's cycle of that date."""
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
