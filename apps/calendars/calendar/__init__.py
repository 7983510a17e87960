"""When markets trade and when they settle. Pure: no clock, no database.

markets     the calendars: what they are made of, their zones and cut-offs
holidays    closed days of a year, from the library
days        steps from one settlement day to the next, with a tenant's own exceptions
cycles      T+n, by the day from which it holds
fx          spot dates of currency pairs
dating      the two questions: which business day is it, and on which day is this settled?
"""

from apps.calendars.calendar.cycles import CYCLES, AssetClass, cycle_on
from apps.calendars.calendar.dating import (
    Terms,
    Window,
    business_date,
    is_fx,
    is_pair,
    settlement_date,
    terms_for,
    window_for,
)
from apps.calendars.calendar.days import (
    NO_CHANGES,
    Changes,
    cutoff_at,
    is_settlement_day,
    is_trading_day,
    next_settlement_day,
    settlement_days_after,
)
from apps.calendars.calendar.fx import Pair, pair_of, spot_date, value_day_of
from apps.calendars.calendar.markets import (
    Calendar,
    calendar_named,
    calendar_of_currency,
    codes,
    early_close,
    trading_calendar_named,
    trading_codes,
)

__all__ = [
    "CYCLES",
    "NO_CHANGES",
    "AssetClass",
    "Calendar",
    "Changes",
    "Pair",
    "Terms",
    "Window",
    "business_date",
    "calendar_named",
    "calendar_of_currency",
    "codes",
    "cutoff_at",
    "cycle_on",
    "early_close",
    "is_fx",
    "is_pair",
    "is_settlement_day",
    "is_trading_day",
    "next_settlement_day",
    "pair_of",
    "settlement_date",
    "settlement_days_after",
    "spot_date",
    "terms_for",
    "trading_calendar_named",
    "trading_codes",
    "value_day_of",
    "window_for",
]
