"""When trades settle: asked afresh, since a day may have been closed after intake dated the trade."""

from collections.abc import Sequence
from datetime import datetime

from apps.calendars import selectors as calendars
from apps.calendars.exceptions import BeyondCalendar, UnknownCalendar
from apps.calendars.selectors import DayBook
from apps.settlement.calendar import Due, Wanted


def due_dates(tenant: int, wanted: Sequence[Wanted], now: datetime) -> list[Due]:
    """The date and the window of each, in order; one that has no date says why."""
    if not wanted:
        return []
    book = calendars.book_of(tenant, fresh=True)
    return [_due(book, one, now) for one in wanted]


def _due(book: DayBook, one: Wanted, now: datetime) -> Due:
    try:
        terms = calendars.terms_for(one.kind, one.symbol, one.currency, one.market, one.days)
        on = book.settlement_date(terms, one.trade_date)
        window = book.window(terms, on, now)
    except (BeyondCalendar, UnknownCalendar) as error:
        return Due(None, None, refused=str(error))
    note = (
        f"The window of {on} was missed; it takes that of {window.day}." if window.is_late else ""
    )
    return Due(on, window.opens_at, window.is_late, note)
