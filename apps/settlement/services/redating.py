"""Date open settlements anew where a market's days have changed, and write down that it was done.

What waits for its date gets another window. What is at clearing already keeps its instruction: only the
day is moved from which on it ages, since nobody settles on a closed day.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from django.utils import timezone

from apps.calendars import selectors as calendars
from apps.calendars.events import CalendarDayChanged, MarketRuleChanged
from apps.calendars.exceptions import UnknownCalendar
from apps.events.registry import Recorded
from apps.events.services import unit_of_work
from apps.settlement.calendar import Due, Wanted
from apps.settlement.saga import FINAL, State
from apps.settlement.selectors.dates import due_dates
from apps.settlement.services import rows
from apps.settlement.services.moving import Moves, Record
from apps.settlement.services.rows import Row
from apps.trading import selectors as trading
from apps.trading.selectors import SettlementTerms

OPEN: Final = f"""
{rows.SELECT} WHERE s.tenant_id = %s AND s.state <> ALL(%s) AND s.due_on IS NOT NULL
    AND s.kind = 'settlement' AND s.id > %s ORDER BY s.id LIMIT %s FOR UPDATE
"""
BATCH: Final = 500
FIRST: Final = "00000000-0000-0000-0000-000000000000"


def redate(batch: Sequence[Recorded]) -> None:
    """Date what is open of the tenants whose calendars changed."""
    changed: dict[int, list[CalendarDayChanged | MarketRuleChanged]] = {}
    for one in batch:
        if isinstance(one.event, CalendarDayChanged | MarketRuleChanged):
            changed.setdefault(one.tenant_id, []).append(one.event)
    now = timezone.now()
    with unit_of_work() as work:
        for tenant, facts in sorted(changed.items()):
            codes = {fact.calendar for fact in facts}
            why = "; ".join(_reason(fact) for fact in facts)
            by = ", ".join(dict.fromkeys(fact.decided_by for fact in facts))
            moves, after = Moves(work, now), FIRST
            while found := rows.read(OPEN, [tenant, sorted(FINAL), after, BATCH]):
                _redate(moves, tenant, found, codes, Record("redate", note=why, by=by))
                moves.write()
                after = str(found[-1].id)


def _redate(
    moves: Moves, tenant: int, found: Sequence[Row], codes: set[str], record: Record
) -> None:
    terms = trading.settlement_terms({one.instrument_id for one in found})
    pairs = [(one, _wanted(one, terms[one.instrument_id])) for one in found]
    concerned = [(one, wanted) for one, wanted in pairs if codes & set(_calendars(wanted))]
    dues = due_dates(tenant, [wanted for _, wanted in concerned], moves.now)
    for (one, _), due in zip(concerned, dues, strict=True):
        if not due.refused and due.on is not None and due.on != one.due_on:
            _move(moves, one, due, record, moves.now)


def _move(moves: Moves, one: Row, due: Due, record: Record, now: datetime) -> None:
    was = one.due_on
    one.due_on, one.window_at, one.is_late = due.on, due.window_at, due.is_late
    if one.state is State.AWAITING_DATE:
        one.next_at = due.window_at
        one.code = "CYCL" if due.is_late else ""
        one.detail = due.note
    moves.touch(one)
    note = f"{was} → {due.on}: {record.note}"
    moves.record(one, one.state, Record(record.step, note=note, by=record.by))


def _wanted(one: Row, terms: SettlementTerms) -> Wanted:
    return Wanted(
        kind=terms.kind,
        market=one.market,
        currency=one.currency,
        symbol=one.symbol,
        days=terms.days,
        trade_date=one.trade_date,
        executed_at=one.opened_at,
    )


def _calendars(wanted: Wanted) -> Iterable[str]:
    """The calendars that a settlement is dated by; none where its market is not known."""
    try:
        terms = calendars.terms_for(
            wanted.kind, wanted.symbol, wanted.currency, wanted.market, wanted.days
        )
    except UnknownCalendar:
        return ()
    return [one.code for one in terms.calendars]


def _reason(fact: CalendarDayChanged | MarketRuleChanged) -> str:
    if isinstance(fact, CalendarDayChanged):
        return f"{fact.calendar} is {fact.state} on {fact.day}: {fact.reason}"
    return f"{fact.calendar} has another rule from {fact.effective_from}: {fact.reason}"
