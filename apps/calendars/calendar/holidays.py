"""Closed days, from the `holidays` library (PyPI): central banks, exchanges, countries.

The library is imported when the first date is asked for: a process that never asks does not pay
for it (about 0.3 s and 12 MB; exchange_calendars, with pandas, would take 1.6 s and 76 MB).
"""

from datetime import date
from functools import cache
from typing import Final, NamedTuple

PUBLIC: Final = ("public",)


class Source(NamedTuple):
    """One list of holidays of the library."""

    code: str
    """An ISO 10383 market code or an ISO 3166 country code."""
    categories: tuple[str, ...] = PUBLIC
    subdivision: str | None = None
    """Of a country."""
    from_year: int = 1970
    """The first year for which the library's list is whole."""

    @property
    def is_market(self) -> bool:
        """Whether it is a market's list or a country's."""
        return len(self.code) > 2  # noqa: PLR2004 - country codes have two letters


@cache
def closed_in(source: Source, year: int) -> frozenset[date]:
    """The days of a year that a list names; none before the list begins."""
    import holidays  # noqa: PLC0415 - see above

    if year < source.from_year:
        return frozenset()
    if source.is_market:
        found = holidays.financial_holidays(
            source.code, years=year, expand=False, categories=source.categories
        )
    else:
        found = holidays.country_holidays(
            source.code,
            subdiv=source.subdivision,
            years=year,
            expand=False,
            categories=source.categories,
        )
    # New Year's Day may be observed on the last day of the year before.
    return frozenset(day for day in found if day.year == year)


@cache
def weekend_of(country: str) -> frozenset[int]:
    """The weekdays (Monday is 0) on which a country rests: Friday and Saturday in some."""
    import holidays  # noqa: PLC0415 - see above

    return frozenset(holidays.country_holidays(country).weekend)


@cache
def countries() -> frozenset[str]:
    """The ISO 3166 codes that the library knows."""
    import holidays  # noqa: PLC0415 - see above

    return frozenset(code for code in holidays.list_supported_countries() if len(code) == 2)  # noqa: PLR2004 - see above


@cache
def bank_categories(country: str) -> tuple[str, ...]:
    """The categories of a country's list on which its banks are closed."""
    import holidays  # noqa: PLC0415 - see above

    known = holidays.country_holidays(country).supported_categories
    return ("public", "bank") if "bank" in known else PUBLIC
