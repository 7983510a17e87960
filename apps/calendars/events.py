"""The facts that calendars tell. The key is the calendar's code."""

from datetime import date

from apps.events.contracts import Event, event


@event("calendars.day.changed", topic="instrument")
class CalendarDayChanged(Event, frozen=True):
    """A day is closed or opened out of turn, or is again what the calendar says."""

    calendar: str  # code, such as US
    day: date
    state: str  # closed | open | regular
    reason: str
    decided_by: str


@event("calendars.rule.changed", topic="instrument")
class MarketRuleChanged(Event, frozen=True):
    """A market's cycle or cut-off changes from a date on."""

    calendar: str
    asset_class: str  # security | listed option | fx
    effective_from: date
    settlement_days: int | None  # None: the market's own
    cutoff: str | None  # HH:MM:SS on the market's clock; None: the market's own
    reason: str
    decided_by: str
