"""The dates of a trade: the market's own business day, and the day on which it will be settled."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Final, NamedTuple

from apps.calendars import selectors as calendars
from apps.calendars.exceptions import BeyondCalendar
from apps.trading.events import Reason
from apps.trading.services.intake.references import InstrumentRef
from apps.trading.services.intake.requests import Reading

WHEN: Final = frozenset({"executed_at", "trade_date"})
"""The fields that dates follow from."""


class Dates(NamedTuple):
    """When a trade was done, by the market's calendar, and when it is settled."""

    trade_date: date
    settles_on: date


def dates_of(
    tenant: int, reading: Reading, instrument: InstrumentRef, now: datetime
) -> Dates | Reason:
    """The dates of a trade, or the reason why there are none: no date is guessed."""
    terms = instrument.settlement
    if terms is None:
        detail = "Its settlement calendar is unknown; name another one at the instrument."
        return Reason(field="instrument", code="unknown_calendar", detail=detail)
    trade_date = reading.trade_date
    if trade_date is None:
        trade_date = calendars.business_date(terms, reading.executed_at or now)
    try:
        return Dates(trade_date, calendars.settlement_date(tenant, terms, trade_date))
    except BeyondCalendar as error:
        field = "executed_at" if reading.trade_date is None else "trade_date"
        return Reason(field=field, code="beyond_calendar", detail=str(error))


def around_actions(
    instrument: InstrumentRef, dates: Dates, executed_at: datetime | None
) -> Iterator[Reason]:
    """Why a trade of these dates does not fit the instrument's corporate actions (decision 0050)."""
    if instrument.closed_before is not None and dates.trade_date < instrument.closed_before:
        detail = (
            f"A corporate action of {instrument.closed_before} is applied: what was dealt before it"
            " is in other units, or without its dividend. Adjust the books instead."
        )
        yield Reason(field="trade_date", code="before_corporate_action", detail=detail)
    elif instrument.closed_before is not None and _was_before(instrument, executed_at):
        detail = (
            f"It was executed before the corporate action of {instrument.closed_before} and is dated"
            " after it: in which units, and with or without its dividend, nobody can tell."
        )
        yield Reason(field="executed_at", code="before_corporate_action", detail=detail)
    if instrument.action_on is not None and dates.trade_date >= instrument.action_on:
        detail = f"The corporate action of {instrument.action_on} is applied first; try again soon."
        yield Reason(field="instrument", code="corporate_action_pending", detail=detail)


def _was_before(instrument: InstrumentRef, executed_at: datetime | None) -> bool:
    """Whether that was on a day of the market before its newest action."""
    if executed_at is None or instrument.settlement is None or instrument.closed_before is None:
        return False
    return calendars.business_date(instrument.settlement, executed_at) < instrument.closed_before
