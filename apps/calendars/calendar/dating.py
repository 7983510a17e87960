"""The two questions of a trade: which business day is it of, and on which day is it settled?"""

from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import Final, NamedTuple

from apps.calendars.calendar.cycles import AssetClass, cycle_on
from apps.calendars.calendar.days import (
    NO_CHANGES,
    Changes,
    cutoff_at,
    next_settlement_day,
    settlement_days_after,
)
from apps.calendars.calendar.fx import Pair, calendars_of, pair_of, spot_date, value_day_of
from apps.calendars.calendar.markets import Calendar, calendar_named, calendar_of_currency
from apps.calendars.exceptions import UnknownCalendar

_ALWAYS: Final = "24/7"
_WEEKDAYS: Final = "WEEKDAYS"
_CLASSES: Final = {"fx": AssetClass.FX, "option": AssetClass.OPTION, "future": AssetClass.OPTION}
_HOME: Final = {"USD": "US", "AUD": "AU"}
"""Currencies whose payments keep other days than their country's securities."""


class Terms(NamedTuple):
    """What decides on a date: the asset class, the calendar or the pair, and the days if they are set."""

    asset_class: AssetClass
    calendar: Calendar
    pair: Pair | None = None
    days: int | None = None
    """Settlement days after the trade; None: the market's cycle of the trade date."""

    @property
    def calendars(self) -> tuple[Calendar, ...]:
        """All that have to be open on its settlement day: of a pair both currencies' and the dollar's."""
        return (self.calendar,) if self.pair is None else (self.calendar, *calendars_of(self.pair))


class Window(NamedTuple):
    """When a settlement can be handed to its market (UTC)."""

    day: date
    opens_at: datetime
    cutoff_at: datetime
    is_late: bool
    """Whether the intended day or its cut-off had passed: it is a later day's window."""


@lru_cache(maxsize=10_000)
def terms_for(
    kind: str, symbol: str, currency: str, calendar: str = "", days: int | None = None
) -> Terms:
    """The terms of an instrument. Without a calendar its kind and its currency decide.

    Coins change hands on every day. A currency that no calendar knows, a test's or a token's, counts
    Monday to Friday. Raises `UnknownCalendar` where a calendar is named that there is not.
    """
    asset_class = _CLASSES.get(kind, AssetClass.SECURITY)
    if asset_class == AssetClass.FX:
        pair = _pair(calendar or symbol, currency)
        if pair is not None:
            return Terms(asset_class, calendar_named("USD"), pair, days)
    if calendar:
        return Terms(asset_class, calendar_named(calendar), None, days)
    if kind == "crypto":
        return Terms(asset_class, calendar_named(_ALWAYS), None, 0 if days is None else days)
    try:
        found = calendar_named(_HOME.get(currency) or calendar_of_currency(currency).code)
    except UnknownCalendar:
        found = calendar_named(_WEEKDAYS)
    return Terms(asset_class, found, None, days)


def settlement_date(terms: Terms, trade_date: date, changes: Changes = NO_CHANGES) -> date:
    """The day on which a trade of this date is settled. Raises `BeyondCalendar`."""
    if terms.pair is not None:
        return spot_date(terms.pair, trade_date, terms.days, changes)
    days = terms.days
    if days is None:
        days = cycle_on(terms.calendar.code, terms.asset_class, trade_date, changes)
    return settlement_days_after([terms.calendar], trade_date, days, changes)


def business_date(terms: Terms, at: datetime) -> date:
    """The business day of the market at a moment (with its zone); of currencies their value day."""
    if terms.pair is not None:
        return value_day_of(at)
    return at.astimezone(terms.calendar.tzinfo).date()


def window_for(terms: Terms, due: date, now: datetime, changes: Changes = NO_CHANGES) -> Window:
    """The first window, from the due day on, whose cut-off has not passed. Raises `BeyondCalendar`."""
    calendars = terms.calendars
    today = now.astimezone(terms.calendar.tzinfo).date()
    day = next_settlement_day(calendars, max(due, today), changes)
    if _cutoff(calendars, day, changes) < now:
        day = settlement_days_after(calendars, day, 1, changes)
    opens = datetime.combine(day, time.min, terms.calendar.tzinfo).astimezone(UTC)
    return Window(day, opens, _cutoff(calendars, day, changes), is_late=day > due)


def _cutoff(calendars: tuple[Calendar, ...], day: date, changes: Changes) -> datetime:
    return min(cutoff_at(one, day, changes) for one in calendars)


def is_fx(kind: str) -> bool:
    """Whether instruments of this kind exchange currencies."""
    return _CLASSES.get(kind) == AssetClass.FX


def is_pair(name: str) -> bool:
    """Whether a name is a pair of currencies that have calendars."""
    return _pair(name, None) is not None


def _pair(name: str, currency: str | None) -> Pair | None:
    """The pair of an instrument of kind fx, where both of its currencies are known."""
    try:
        pair = pair_of(name, currency)
        calendar_of_currency(pair.base)
        calendar_of_currency(pair.quote)
    except UnknownCalendar:
        return None
    return pair
