"""When trades settle."""

from collections.abc import Sequence
from datetime import UTC, datetime, time

from apps.settlement.calendar import Due, Wanted, business_days_after


def due_dates(tenant: int, wanted: Sequence[Wanted], now: datetime) -> list[Due]:
    """The date and the window of each, in order; one that has no date says why."""
    return [_due(one, now) for one in wanted]


def _due(one: Wanted, now: datetime) -> Due:
    on = business_days_after(one.trade_date, one.days)
    opens = datetime.combine(on, time.min, UTC)
    return Due(on, max(opens, one.executed_at))
