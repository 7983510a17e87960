"""Decide on days and rules. What is decided is told: settlement dates its open settlements anew."""

from collections.abc import Iterator
from datetime import date, time
from typing import Final
from uuid import UUID

from django.utils import timezone

from apps.calendars import selectors
from apps.calendars.calendar import (
    AssetClass,
    Calendar,
    Changes,
    calendar_named,
    is_settlement_day,
)
from apps.calendars.events import CalendarDayChanged, MarketRuleChanged
from apps.calendars.exceptions import DayDecided, DayRefused, RuleRefused, UnknownException
from apps.calendars.models import CalendarException, MarketRule
from apps.core.exceptions import Fault, fault
from apps.events.services import UnitOfWork, unit_of_work

REASON_MAX: Final = 500  # characters
DAYS_MAX: Final = 30


def close_day(
    tenant: int, *, calendar: str, day: date, reason: str, actor: str
) -> tuple[CalendarException, bool]:
    """Close a settlement day: the exception, and whether this call made it.

    Raises UnknownCalendar, DayRefused, DayDecided.
    """
    return _decide(tenant, calendar, day, reason, actor, is_open=False)


def open_day(
    tenant: int, *, calendar: str, day: date, reason: str, actor: str
) -> tuple[CalendarException, bool]:
    """Open a day that the calendar closes: the exception, and whether this call made it.

    Raises UnknownCalendar, DayRefused, DayDecided.
    """
    return _decide(tenant, calendar, day, reason, actor, is_open=True)


def withdraw_exception(tenant: int, exception: UUID, *, reason: str, actor: str) -> None:
    """Let the calendar hold again; twice is once. Raises UnknownException, DayRefused."""
    _check_reason(reason)
    with unit_of_work() as work:
        rows = CalendarException.objects.for_tenant(tenant).select_for_update()
        row = rows.filter(pk=exception).first()
        if row is None:
            raise UnknownException(exception=str(exception))
        if row.withdrawn_at is not None:
            return
        row.withdrawn_at, row.withdrawn_by = timezone.now(), actor
        row.save(update_fields=["withdrawn_at", "withdrawn_by"])
        _tell(work, row, "regular", reason, actor)


def set_rule(
    tenant: int,
    *,
    calendar: str,
    asset_class: str,
    effective_from: date,
    settlement_days: int | None,
    cutoff: time | None,
    stated: tuple[str, str],
) -> MarketRule:
    """Set a cycle, a cut-off or both from a day on; `stated` is the reason and who gives it.

    A rule of the same day is replaced. Raises UnknownCalendar, RuleRefused.
    """
    code = calendar_named(calendar).code
    reason, actor = stated
    if faults := list(_rule_faults(asset_class, settlement_days, cutoff, reason)):
        raise RuleRefused(errors=faults)
    with unit_of_work() as work:
        row, _ = MarketRule.objects.update_or_create(
            tenant_id=tenant,
            calendar=code,
            asset_class=asset_class,
            effective_from=effective_from,
            defaults={
                "settlement_days": settlement_days,
                "cutoff": cutoff,
                "reason": reason,
                "decided_by": actor,
                "decided_at": timezone.now(),
            },
        )
        fact = MarketRuleChanged(
            calendar=code,
            asset_class=asset_class,
            effective_from=effective_from,
            settlement_days=settlement_days,
            cutoff=cutoff.isoformat() if cutoff else None,
            reason=reason,
            decided_by=actor,
        )
        work.publish(fact, tenant=tenant, key=code)
        work.after_commit(selectors.forget)
    return row


def _decide(
    tenant: int, name: str, day: date, reason: str, actor: str, *, is_open: bool
) -> tuple[CalendarException, bool]:
    calendar = calendar_named(name)
    _check_reason(reason)
    with unit_of_work() as work:
        row, is_new = CalendarException.objects.get_or_create(
            tenant_id=tenant,
            calendar=calendar.code,
            day=day,
            withdrawn_at=None,
            defaults={"is_open": is_open, "reason": reason, "decided_by": actor},
        )
        if not is_new:
            if row.is_open != is_open:
                raise DayDecided(calendar=calendar.code, day=day.isoformat(), reason=row.reason)
            return row, False
        _check_change(tenant, calendar, day, is_open=is_open)
        _tell(work, row, "open" if is_open else "closed", reason, actor)
    return row, True


def _check_change(tenant: int, calendar: Calendar, day: date, *, is_open: bool) -> None:
    """Raises DayRefused where nothing would change, BeyondCalendar where nothing is known."""
    until = selectors.changes_of(tenant).until
    if is_settlement_day(calendar, day, Changes(until=until)) == is_open:
        state = "open" if is_open else "closed"
        detail = f"{calendar.code} is {state} on {day} by its calendar."
        raise DayRefused(errors=[fault("day", f"already_{state}", detail)])


def _check_reason(reason: str) -> None:
    if not 1 <= len(reason.strip()) <= REASON_MAX or not reason.isprintable():
        detail = f"1 to {REASON_MAX} printable characters."
        raise DayRefused(errors=[fault("reason", "invalid_text", detail)])


def _rule_faults(
    asset_class: str, settlement_days: int | None, cutoff: time | None, reason: str
) -> Iterator[Fault]:
    if asset_class not in {one.value for one in AssetClass}:
        known = ", ".join(AssetClass)
        yield fault("asset_class", "invalid_choice", f"One of {known}.")
    if settlement_days is None and cutoff is None:
        yield fault("settlement_days", "nothing_said", "A cycle, a cut-off or both.")
    if settlement_days is not None and not 0 <= settlement_days <= DAYS_MAX:
        yield fault("settlement_days", "out_of_range", f"Between 0 and {DAYS_MAX}.")
    if not 1 <= len(reason.strip()) <= REASON_MAX or not reason.isprintable():
        yield fault("reason", "invalid_text", f"1 to {REASON_MAX} printable characters.")


def _tell(work: UnitOfWork, row: CalendarException, state: str, reason: str, actor: str) -> None:
    fact = CalendarDayChanged(
        calendar=row.calendar, day=row.day, state=state, reason=reason, decided_by=actor
    )
    work.publish(fact, tenant=row.tenant_id, key=row.calendar)
    work.after_commit(selectors.forget)
