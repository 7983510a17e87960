"""Spot dates of currency pairs.

Each currency counts its own days after the trade date; the later one holds, moved on to the first day
that is good in both and in New York, for crosses too. The dollar's own holidays do not count while
days are counted, except against the pesos of Mexico, Chile and Argentina: the dollar has to be good
on the spot date only.
"""

import re
from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from apps.calendars.calendar.days import (
    NO_CHANGES,
    Changes,
    next_settlement_day,
    settlement_days_after,
)
from apps.calendars.calendar.markets import (
    SATURDAY_AND_SUNDAY,
    Calendar,
    calendar_named,
    calendar_of_currency,
)
from apps.calendars.exceptions import UnknownCalendar

NEW_YORK: Final = ZoneInfo("America/New_York")
ROLL: Final = time(17)
"""At five in the afternoon in New York the next value day begins, everywhere."""
SPOT_DAYS: Final = 2
NEXT_DAY: Final = frozenset({"CAD", "TRY", "PHP", "RUB", "KZT", "PKR"})
"""Against the dollar these are dealt for the next day."""
COUNTS_DOLLAR_DAYS: Final = frozenset({"MXN", "CLP", "ARS"})
_PAIR: Final = re.compile(r"([A-Z]{3,5})[/.:_-]?([A-Z]{3,5})(?:=X)?")


class Pair(NamedTuple):
    """Two currencies."""

    base: str
    quote: str

    @property
    def days(self) -> int:
        """T+n of its spot date."""
        other = {*self} - {"USD"}
        return 1 if "USD" in self and other <= NEXT_DAY else SPOT_DAYS


def pair_of(symbol: str, quote: str | None = None) -> Pair:
    """The pair that a symbol names: EUR/USD, EURUSD, EUR.USD, EURUSD=X.

    With `quote` known the rest of the symbol is the base. Raises `UnknownCalendar`.
    """
    text = symbol.upper()
    found = _named(text, quote)
    if found is None or found.base == found.quote:
        raise UnknownCalendar(f"{symbol} names no pair of currencies.", calendar=symbol)
    return found


def _named(text: str, quote: str | None) -> Pair | None:
    if quote and (base := text.removesuffix("=X").removesuffix(quote)) != text:
        base = base.rstrip("/.:_-")
        if base.isalpha() and base.isascii():
            return Pair(base, quote)
    if (found := _PAIR.fullmatch(text)) and (found[1], found[2]) == (text[:3], found[2]):
        return Pair(found[1], found[2])
    return None


def calendars_of(pair: Pair) -> tuple[Calendar, Calendar]:
    """The calendars of both currencies. Raises `UnknownCalendar`."""
    return calendar_of_currency(pair.base), calendar_of_currency(pair.quote)


def spot_date(
    pair: Pair, trade_date: date, days: int | None = None, changes: Changes = NO_CHANGES
) -> date:
    """The day on which a deal of this date is paid, both ways.

    Raises `BeyondCalendar` and `UnknownCalendar`.
    """
    count = pair.days if days is None else days
    both = calendars_of(pair)
    dollar = calendar_named("USD")
    exempt = not {*pair} & COUNTS_DOLLAR_DAYS
    earliest = max(
        _counted(calendar, trade_date, count, changes, exempt=exempt and calendar is dollar)
        for calendar in both
    )
    return next_settlement_day({*both, dollar}, earliest, changes)


def _counted(
    calendar: Calendar, trade_date: date, count: int, changes: Changes, *, exempt: bool
) -> date:
    if not exempt:
        return settlement_days_after([calendar], trade_date, count, changes)
    day = trade_date
    for _ in range(count):
        day += timedelta(days=1)
        while day.weekday() in SATURDAY_AND_SUNDAY:
            day += timedelta(days=1)
    return day


def value_day_of(at: datetime) -> date:
    """The trade date of a deal done at a moment: from 17:00 New York the next weekday's."""
    local = at.astimezone(NEW_YORK)
    day = local.date() + timedelta(days=local.time() >= ROLL)
    while day.weekday() in SATURDAY_AND_SUNDAY:
        day += timedelta(days=1)
    return day
