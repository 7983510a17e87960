"""Questions to the calendars, with a tenant's own changes in view.

A process trusts what it read of a tenant's changes for `TRUSTED_SECONDS`. Who must not be wrong, such
as whoever opens a settlement, asks for them fresh.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from django.db import connection
from django.utils import timezone

from apps.calendars import calendar as heart
from apps.calendars.calendar import Calendar, Changes, Terms, Window, codes, terms_for
from apps.calendars.calendar.days import CutoffFrom, CycleFrom
from apps.calendars.exceptions import BeyondCalendar, SpanRefused, UnknownCalendar
from apps.calendars.models import CalendarException, MarketRule
from apps.core.exceptions import fault

__all__ = [
    "Changes",
    "Dating",
    "DayBook",
    "Outlook",
    "Terms",
    "Window",
    "book_of",
    "business_date",
    "calendars_of",
    "changes_of",
    "codes",
    "cutoff_at",
    "dating",
    "days_of",
    "exceptions_of",
    "is_settlement_day",
    "knows_calendar",
    "next_settlement_day",
    "outlook",
    "rules_of",
    "settlement_date",
    "terms_for",
    "window_of",
    "zone_of",
]

TRUSTED_SECONDS: Final = 5.0
OUTLOOK_MAX: Final = 366  # days
REMEMBERED: Final = 20_000  # dates of one tenant that a process keeps, about 4 MB


@dataclass(slots=True)
class DayBook:
    """What this process read of a tenant's changes, and what it worked out from them."""

    changes: Changes
    read_at: float
    dates: dict[tuple[Terms, date], date] = field(default_factory=dict)

    def settlement_date(self, terms: Terms, trade_date: date) -> date:
        """The day on which a trade of this date is settled. Raises `BeyondCalendar`."""
        found = self.dates.get((terms, trade_date))
        if found is None:
            found = heart.settlement_date(terms, trade_date, self.changes)
            if len(self.dates) >= REMEMBERED:
                self.dates.clear()
            self.dates[terms, trade_date] = found
        return found

    def window(self, terms: Terms, due: date, now: datetime) -> Window:
        """The first window, from the due day on, that has not closed. Raises `BeyondCalendar`."""
        return heart.window_for(terms, due, now, self.changes)


CHANGES: Final = """
SELECT calendar, day, is_open, NULL, NULL, NULL
FROM calendars_calendarexception WHERE tenant_id = %s AND withdrawn_at IS NULL
UNION ALL
SELECT calendar, effective_from, NULL, asset_class, settlement_days, cutoff
FROM calendars_marketrule WHERE tenant_id = %s
ORDER BY 1, 2
"""

_known: dict[int, DayBook] = {}
_lock = threading.Lock()


def book_of(tenant: int, *, fresh: bool = False) -> DayBook:
    """A tenant's days, for many questions that shall have one answer."""
    known = _known.get(tenant)
    now = time.monotonic()
    if known is not None and not fresh and now - known.read_at < TRUSTED_SECONDS:
        return known
    changes = _read(tenant)
    with _lock:
        # What was worked out stands as long as nothing it rests on changed.
        dates = known.dates if known is not None and known.changes == changes else {}
        _known[tenant] = DayBook(changes, now, dates)
        return _known[tenant]


def changes_of(tenant: int, *, fresh: bool = False) -> Changes:
    """What a tenant decided beside the lists, and how far the calendars reach: to next year's end."""
    return book_of(tenant, fresh=fresh).changes


def settlement_date(tenant: int, terms: Terms, trade_date: date, *, fresh: bool = False) -> date:
    """The day on which a trade of this date is settled. Raises `BeyondCalendar`."""
    return book_of(tenant, fresh=fresh).settlement_date(terms, trade_date)


def business_date(terms: Terms, at: datetime) -> date:
    """The business day of the market at a moment; of currencies, their value day."""
    return heart.business_date(terms, at)


def days_of(tenant: int, terms: Terms, trade_date: date) -> int:
    """T+n of a trade of this date."""
    if terms.days is not None:
        return terms.days
    if terms.pair is not None:
        return terms.pair.days
    return heart.cycle_on(terms.calendar.code, terms.asset_class, trade_date, changes_of(tenant))


def zone_of(calendar: str) -> str:
    """The zone in which a calendar's days begin and end; UTC's where there is no such calendar."""
    try:
        return heart.calendar_named(calendar).zone
    except UnknownCalendar:
        return "UTC"


def knows_calendar(name: str, kind: str) -> bool:
    """Whether instruments of a kind can settle by the calendar of this market or currency.

    Foreign exchange can by that of a pair of currencies, too.
    """
    try:
        heart.calendar_named(name)
    except UnknownCalendar:
        return heart.is_fx(kind) and heart.is_pair(name)
    return True


def is_settlement_day(tenant: int, calendar: str, day: date) -> bool:
    """Whether it is settled on this day. Raises `BeyondCalendar` and `UnknownCalendar`."""
    return heart.is_settlement_day(heart.calendar_named(calendar), day, changes_of(tenant))


def next_settlement_day(tenant: int, calendar: str, day: date, *, fresh: bool = False) -> date:
    """The day itself or the next good one. Raises `BeyondCalendar` and `UnknownCalendar`."""
    changes = changes_of(tenant, fresh=fresh)
    return heart.next_settlement_day([heart.calendar_named(calendar)], day, changes)


def cutoff_at(tenant: int, calendar: str, day: date) -> datetime:
    """The last moment (UTC) at which a settlement on this day is taken. Raises `UnknownCalendar`."""
    return heart.cutoff_at(heart.calendar_named(calendar), day, changes_of(tenant))


def window_of(
    tenant: int, terms: Terms, due: date, now: datetime, *, fresh: bool = False
) -> Window:
    """The first window, from the due day on, whose cut-off has not passed. Raises `BeyondCalendar`."""
    return book_of(tenant, fresh=fresh).window(terms, due, now)


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a calendar."""

    on: date
    settles: bool
    cutoff_at: datetime | None
    """The last moment (UTC) at which a settlement on this day is taken; None on a closed day."""
    trades: bool | None
    """Whether the market's exchange is open; None where we know no exchange of it."""
    reason: str = ""
    """Why the tenant closed or opened it out of turn."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """A calendar, how it stands now, and some days of it."""

    calendar: Calendar
    today: date
    """On the market's own clock."""
    is_open: bool
    """Whether a settlement is still taken today."""
    next_day: date
    """The first day whose cut-off has not passed."""
    days: Sequence[Day]


@dataclass(frozen=True, slots=True)
class Dating:
    """When a trade is settled."""

    terms: Terms
    trade_date: date
    days: int
    settles_on: date
    window: Window


def calendars_of() -> Sequence[Calendar]:
    """The settlement calendars that have a name of their own."""
    return [heart.calendar_named(code) for code in codes()]


def outlook(
    tenant: int, name: str, span: tuple[date | None, date | None], now: datetime
) -> Outlook:
    """A calendar from one day to another; without them the two weeks from today on.

    Raises UnknownCalendar, BeyondCalendar, SpanRefused.
    """
    calendar, changes = heart.calendar_named(name), changes_of(tenant, fresh=True)
    today = now.astimezone(calendar.tzinfo).date()
    first = span[0] or today
    last = span[1] or first + timedelta(days=13)
    if not 0 <= (last - first).days < OUTLOOK_MAX:
        detail = f"From 1 to {OUTLOOK_MAX} days, the first one first."
        raise SpanRefused(errors=[fault("to", "out_of_range", detail)])
    reasons = {one.day: one.reason for one in exceptions_of(tenant, calendar=calendar.code)}
    days = [
        _day(calendar, first + timedelta(days=number), changes, reasons)
        for number in range((last - first).days + 1)
    ]
    terms = Terms(heart.AssetClass.SECURITY, calendar)
    next_day = heart.window_for(terms, today, now, changes).day
    return Outlook(calendar, today, next_day == today, next_day, days)


def _day(calendar: Calendar, on: date, changes: Changes, reasons: Mapping[date, str]) -> Day:
    settles = heart.is_settlement_day(calendar, on, changes)
    cutoff = heart.cutoff_at(calendar, on, changes) if settles else None
    return Day(on, settles, cutoff, _trades(calendar, on), reasons.get(on, ""))


def _trades(calendar: Calendar, on: date) -> bool | None:
    try:
        return heart.is_trading_day(heart.trading_calendar_named(calendar.code), on)
    except (UnknownCalendar, BeyondCalendar):
        return None


def dating(tenant: int, terms: Terms, trade_date: date | None, now: datetime) -> Dating:
    """When a trade of this date (now's, without one) is settled. Raises `BeyondCalendar`."""
    book = book_of(tenant, fresh=True)
    dealt = trade_date or heart.business_date(terms, now)
    settles_on = book.settlement_date(terms, dealt)
    return Dating(
        terms, dealt, days_of(tenant, terms, dealt), settles_on, book.window(terms, settles_on, now)
    )


def exceptions_of(
    tenant: int, *, calendar: str | None = None, since: date | None = None
) -> Sequence[CalendarException]:
    """Days closed or opened out of turn, by day; withdrawn ones are left out."""
    found = CalendarException.objects.for_tenant(tenant).filter(withdrawn_at=None)
    if calendar is not None:
        found = found.filter(calendar=calendar)
    if since is not None:
        found = found.filter(day__gte=since)
    return list(found.order_by("day", "calendar"))


def rules_of(tenant: int) -> Sequence[MarketRule]:
    """A tenant's own cycles and cut-offs, by the day from which they hold."""
    return list(MarketRule.objects.for_tenant(tenant).order_by("effective_from", "calendar"))


def forget() -> None:
    """Forget what was read: after a change here, and between tests."""
    with _lock:
        _known.clear()


def _read(tenant: int) -> Changes:
    closed: set[tuple[str, date]] = set()
    opened: set[tuple[str, date]] = set()
    cycles: list[CycleFrom] = []
    cutoffs: list[CutoffFrom] = []
    with connection.cursor() as cursor:
        cursor.execute(CHANGES, [tenant, tenant])
        for code, day, is_open, asset_class, days, cutoff in cursor.fetchall():
            if is_open is not None:
                (opened if is_open else closed).add((code, day))
            if days is not None:
                cycles.append(CycleFrom(code, asset_class, day, days))
            if cutoff is not None:
                cutoffs.append(CutoffFrom(code, day, cutoff))
    return Changes(
        frozenset(closed),
        frozenset(opened),
        tuple(cycles),
        tuple(cutoffs),
        until=date(timezone.now().year + 1, 12, 31),
    )
