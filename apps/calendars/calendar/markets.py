"""The calendars. A settlement calendar says when securities and cash change hands, a trading calendar
when an exchange is open: they differ, and only the first one dates a settlement (R12).

Cut-offs are the last moment on the settlement day at which a delivery against payment is taken, on
the market's own clock; a tenant sets its own where its agent closes earlier (MarketRule).
"""

from dataclasses import dataclass
from datetime import date, time
from functools import cache
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from apps.calendars.calendar.holidays import Source, bank_categories, countries, weekend_of
from apps.calendars.exceptions import UnknownCalendar
from apps.core.money import COINS

SATURDAY_AND_SUNDAY: Final = frozenset({5, 6})
NEVER: Final[frozenset[int]] = frozenset()
END_OF_DAY: Final = time(23, 59, 59)
FIRST_YEAR: Final = 1970


@dataclass(frozen=True, slots=True, eq=False)  # each is one object, and is hashed as such
class Calendar:
    """A calendar: which days are closed, in which zone its day begins, when its day ends."""

    code: str
    name: str
    zone: str = "UTC"
    sources: tuple[Source, ...] = ()
    open_on: frozenset[tuple[int, int]] = frozenset()
    """Month and day that a source closes and this calendar does not."""
    closed_on: frozenset[tuple[int, int]] = frozenset()
    """Month and day that no source closes and this calendar does."""
    also_closed: frozenset[date] = frozenset()
    weekend: frozenset[int] = SATURDAY_AND_SUNDAY
    cutoff: time = END_OF_DAY
    from_year: int = FIRST_YEAR
    endless: bool = False
    """Whether it needs no list of holidays, and so reaches as far as there are dates."""
    aliases: tuple[str, ...] = ()

    @property
    def tzinfo(self) -> ZoneInfo:
        """Its zone."""
        return ZoneInfo(self.zone)


# The years are those for which the library's lists are whole.
_FED = Source("XFED", from_year=1999)
_NYSE = Source("XNYS")
_TARGET = Source("TAR", from_year=1999)
_SIX = Source("XSWX", from_year=2000)
_ASX = Source("XASX", from_year=2000)
_TSX = Source("XTSE", from_year=2002)
_ENGLAND = Source("GB", subdivision="ENG")
_CANADA_BANKS = Source("CA", ("government",))
_JAPAN = Source("JP", ("public", "bank"))
# The country's list names a day too many before the exchange's begins: nothing is said before it.
_HONG_KONG = Source("XHKG", from_year=2014)
_CHRISTMAS_EVE_AND_LAST_DAY: Final = frozenset({(12, 24), (12, 31)})

# Cut-offs: DTC valued recycle 15:10 ET (DTCC, "The key to T+1", 2024-02-26); T2S delivery versus
# payment 16:00 CET (ECB, T2S schedule of the settlement day); CREST delivery versus payment 14:55
# London (Euroclear UK & International daily timetable). Where no source was at hand the day's end
# in the zone stands, and the tenant's rule decides.
_SETTLEMENT: Final = (
    # Exchange holidays, and the bank holidays on which the exchanges are open: neither Columbus Day
    # nor Veterans Day is a settlement day (FINRA, notices 88-82 and 99-83).
    Calendar(
        "US", "United States, securities (DTC)", "America/New_York", (_NYSE, _FED),
        cutoff=time(15, 10), from_year=1999,
        aliases=("USA", "XNYS", "XNAS", "ARCX", "BATS", "IEXG", "NYSE", "NASDAQ", "AMEX", "DTC",
                 "DTCC", "OPRA", "XCBO"),
    ),
    # Holidays on a Saturday are not made up for (Federal Reserve, holiday schedule).
    Calendar("USD", "US dollar (Federal Reserve)", "America/New_York", (_FED,),
             cutoff=time(18, 30), from_year=1999, aliases=("FED", "USNY", "XFED", "FEDWIRE")),
    # Follows the ECB in all of the euro area; Xetra is closed on two days on which it settles.
    Calendar(
        "TARGET", "Euro and the euro area (T2S)", "Europe/Berlin", (_TARGET,),
        cutoff=time(16, 0), from_year=1999,
        aliases=("EUR", "EU", "EUTA", "TARGET2", "T2", "T2S", "TAR", "XECB", "DE", "FR", "NL", "IT",
                 "ES", "BE", "AT", "PT", "FI", "IE", "LU", "GR", "SK", "SI", "EE", "LV", "LT", "MT",
                 "CY", "HR", "XETR", "XFRA", "XPAR", "XAMS", "XBRU", "XLIS", "XDUB", "XMIL", "XMAD",
                 "XWBO", "XHEL", "XETRA", "DU"),
    ),
    Calendar("GB", "United Kingdom and sterling (CREST)", "Europe/London", (_ENGLAND,),
             cutoff=time(14, 55), aliases=("GBP", "UK", "XLON", "LSE", "GBLO", "CREST")),
    # SIX is closed on 24 and 31 December; SIX SIS and the franc's payments are not.
    Calendar("CH", "Switzerland and the franc (SIX SIS)", "Europe/Zurich", (_SIX,),
             open_on=_CHRISTMAS_EVE_AND_LAST_DAY, from_year=2000,
             aliases=("CHF", "XSWX", "SIX", "CHZU", "SIS")),
    Calendar("AU", "Australia, securities (CHESS)", "Australia/Sydney", (_ASX,),
             from_year=2000, aliases=("XASX", "ASX", "CHESS")),
    Calendar("AUD", "Australian dollar (Sydney)", "Australia/Sydney",
             (Source("AU", ("public", "bank"), "NSW"),), aliases=("AUSY",)),
    # The exchange's holidays and the banks': Remembrance Day is no settlement day.
    Calendar("CA", "Canada and its dollar (CDS)", "America/Toronto", (_TSX, _CANADA_BANKS),
             from_year=2002, aliases=("CAD", "XTSE", "TSX", "XTSX", "CATO", "CDS")),
    Calendar("MX", "Mexico and the peso (Indeval)", "America/Mexico_City",
             (Source("XMEX", from_year=2001),), from_year=2001, aliases=("MXN", "XMEX", "BMV")),
    Calendar("JP", "Japan and the yen", "Asia/Tokyo", (Source("XJPX"), _JAPAN),
             aliases=("JPY", "XJPX", "XTKS", "TSE", "JPTO", "JASDEC")),
    Calendar("HK", "Hong Kong and its dollar (CCASS)", "Asia/Hong_Kong",
             (_HONG_KONG,), from_year=2014,
             aliases=("HKD", "XHKG", "HKEX", "CCASS")),
    Calendar("SG", "Singapore and its dollar", "Asia/Singapore", (Source("SG"),),
             aliases=("SGD", "XSES", "SGX", "SGSI")),
    Calendar("KR", "Korea and the won", "Asia/Seoul", (Source("KR", ("public", "bank")),),
             aliases=("KRW", "XKRX", "KRX", "KRSE")),
    Calendar("NZ", "New Zealand and its dollar", "Pacific/Auckland", (Source("NZ"),),
             aliases=("NZD", "XNZE", "NZX", "NZAU")),
    Calendar("WEEKDAYS", "Monday to Friday, without holidays", endless=True, aliases=("WEEKDAY",)),
    Calendar("24/7", "Every day", weekend=NEVER, endless=True,
             aliases=("24-7", "247", "24x7", "CRYPTO", "ALWAYS", "NONE")),
)  # fmt: skip

# Frankfurt opened on Whit Mondays and on the day of unity in other years than these.
_XETRA_ALSO = frozenset({date(2014, 10, 3), date(2015, 5, 25)})
_XETRA = (_TARGET, Source("XETR", from_year=2016))
_TRADING: Final = (
    Calendar("XNYS", "New York", "America/New_York", (_NYSE,), aliases=("XNAS", "US")),
    Calendar("XLON", "London", "Europe/London", (Source("XLON"),), aliases=("GB", "LSE")),
    Calendar("XETR", "Xetra", "Europe/Berlin", _XETRA, closed_on=_CHRISTMAS_EVE_AND_LAST_DAY,
             also_closed=_XETRA_ALSO, from_year=2003, aliases=("DE", "XFRA")),
    Calendar("XSWX", "SIX", "Europe/Zurich", (_SIX,), from_year=2000, aliases=("CH", "SIX")),
    Calendar("XTKS", "Tokyo", "Asia/Tokyo", (Source("XJPX"),), aliases=("JP", "XJPX")),
    Calendar("XHKG", "Hong Kong", "Asia/Hong_Kong",
             (_HONG_KONG,), from_year=2014,
             aliases=("HK", "HKEX")),
    Calendar("XASX", "Sydney", "Australia/Sydney", (_ASX,), from_year=2000,
             aliases=("AU", "ASX")),
    Calendar("XTSE", "Toronto", "America/Toronto", (_TSX,), from_year=2002, aliases=("CA", "TSX")),
)  # fmt: skip
_EARLY: Final = MappingProxyType({"XNYS": time(13), "XLON": time(12, 30), "XHKG": time(12)})
"""When an exchange closes on its short days."""


def _by_name(calendars: tuple[Calendar, ...]) -> MappingProxyType[str, Calendar]:
    return MappingProxyType(
        {name.upper(): one for one in calendars for name in (one.code, *one.aliases)}
    )


_SETTLEMENT_BY_NAME: Final = _by_name(_SETTLEMENT)
_TRADING_BY_NAME: Final = _by_name(_TRADING)


def codes() -> tuple[str, ...]:
    """The codes of the settlement calendars that have a name of their own."""
    return tuple(one.code for one in _SETTLEMENT)


def trading_codes() -> tuple[str, ...]:
    """The codes of the trading calendars."""
    return tuple(one.code for one in _TRADING)


@cache
def calendar_named(name: str) -> Calendar:
    """The settlement calendar of this code, market or currency. Raises `UnknownCalendar`."""
    found = _SETTLEMENT_BY_NAME.get(name.upper())
    if found is not None:
        return found
    if len(name) == 3 and name.isascii() and name.isalpha() and name.isupper():  # noqa: PLR2004 - ISO 4217
        return calendar_of_currency(name)
    raise UnknownCalendar(calendar=name, calendars=list(codes()))


@cache
def calendar_of_currency(currency: str) -> Calendar:
    """The days on which a currency is paid. A coin is paid on every day. Raises `UnknownCalendar`.

    The first two letters of a national currency are its country (ISO 4217).
    """
    if (found := _SETTLEMENT_BY_NAME.get(currency)) is not None:
        return found
    if currency in COINS:
        return _SETTLEMENT_BY_NAME["24/7"]
    country = currency[:2]
    if len(currency) != 3 or country not in countries():  # noqa: PLR2004 - ISO 4217
        raise UnknownCalendar(calendar=currency, calendars=list(codes()))
    source = Source(country, bank_categories(country))
    return Calendar(
        currency, f"{currency}, holidays of {country}", sources=(source,),
        weekend=weekend_of(country),
    )  # fmt: skip


def trading_calendar_named(name: str) -> Calendar:
    """The trading calendar of this market. Raises `UnknownCalendar`."""
    found = _TRADING_BY_NAME.get(name.upper())
    if found is None:
        raise UnknownCalendar(calendar=name, calendars=list(trading_codes()))
    return found


def early_close(code: str) -> time | None:
    """When the exchange closes on its short days, where it has any."""
    return _EARLY.get(code)
