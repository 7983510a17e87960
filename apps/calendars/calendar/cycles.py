"""Cycles: how many settlement days after the trade, by the day from which it holds.

Trades of the day itself are the first ones of the new cycle.
"""

from bisect import bisect_right
from datetime import date
from enum import StrEnum
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from apps.calendars.calendar.days import NO_CHANGES, Changes


class AssetClass(StrEnum):
    """What is traded, as far as its cycle goes."""

    SECURITY = "security"
    OPTION = "listed option"
    FX = "fx"


_EVER: Final = date.min
_EUROPE_T2: Final = date(
    2014, 10, 6
)  # most markets ahead of CSDR, Regulation (EU) 909/2014, art. 5
_EUROPE_T1: Final = date(2027, 10, 11)  # Regulation (EU) 2025/2075; the UK and Switzerland with it

CYCLES: Final = MappingProxyType(
    {
        # SEC rule 15c6-1 and its amendments.
        "US": ((_EVER, 5), (date(1995, 6, 7), 3), (date(2017, 9, 5), 2), (date(2024, 5, 28), 1)),
        "CA": ((_EVER, 5), (date(1995, 6, 7), 3), (date(2017, 9, 5), 2), (date(2024, 5, 27), 1)),
        "MX": ((_EVER, 3), (date(2017, 9, 5), 2), (date(2024, 5, 27), 1)),
        # Germany had T+2 long before the others; the markets that had T+3 have rules of their own.
        "TARGET": ((_EVER, 2), (_EUROPE_T1, 1)),
        "GB": ((_EVER, 3), (_EUROPE_T2, 2), (_EUROPE_T1, 1)),
        "CH": ((_EVER, 3), (_EUROPE_T2, 2), (_EUROPE_T1, 1)),
        "AU": ((_EVER, 3), (date(2016, 3, 7), 2)),
        "NZ": ((_EVER, 3), (date(2016, 3, 7), 2)),
        "JP": ((_EVER, 3), (date(2019, 7, 16), 2)),
        "SG": ((_EVER, 3), (date(2018, 12, 10), 2)),
        "HK": ((_EVER, 2),),
        "KR": ((_EVER, 2),),
        "24/7": ((_EVER, 0),),
    }
)
"""Securities, by settlement calendar: (first trade date, days)."""
OPTION_DAYS: Final = 1
"""Listed options: the premium is paid on the next day."""
DEFAULT_DAYS: Final = 2

assert all(first < second for steps in CYCLES.values() for first, second in pairwise(steps))


def cycle_on(
    calendar: str, asset_class: AssetClass, trade_date: date, changes: Changes = NO_CHANGES
) -> int:
    """The days of a trade of this date; the tenant's own rule goes before the market's."""
    own = [
        (one.effective_from, one.days)
        for one in changes.cycles
        if one.calendar == calendar
        and one.asset_class == asset_class
        and one.effective_from <= trade_date
    ]
    if own:
        return max(own)[1]
    if asset_class == AssetClass.OPTION:
        return OPTION_DAYS
    steps = CYCLES.get(calendar, ((_EVER, DEFAULT_DAYS),))
    return steps[bisect_right(steps, trade_date, key=lambda step: step[0]) - 1][1]
