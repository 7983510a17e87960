"""Make schedules, pause and resume them, and have a file tried again."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import IntegrityError
from django.utils import timezone

from apps.core.exceptions import DomainError, Fault, fault
from apps.events.services import unit_of_work
from apps.reports import parameters
from apps.reports.exceptions import (
    BadParameters,
    FileStays,
    ScheduleRefused,
    ScheduleTaken,
    UnknownFile,
    UnknownReport,
    UnknownSchedule,
)
from apps.reports.models import FileState, ReportFile, Schedule, ScheduleState
from apps.reports.periods import Every, Terms, period_at
from apps.reports.registry import Ask, Report, report_of
from apps.trading.selectors import find_account, find_instrument

SETTLE: Final = timedelta(minutes=2)
"""How long after a period's end its file is made at the earliest: what was being booked is there."""
KEEP_MAX: Final = 3_700
NAME_MAX: Final = 100
MORNING: Final = time(6)


@dataclass(frozen=True, slots=True)
class ScheduleTerms:
    """What is to be made into a file, and how often."""

    name: str
    report: str
    every: str
    """`day` or `hour`."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Without times: the period says them."""
    zone: str = "UTC"
    at: time = MORNING
    keep_days: int = 400


def terms_of(schedule: Schedule) -> Terms:
    """A schedule's periods."""
    return Terms(Every(schedule.every), schedule.zone, schedule.at, SETTLE)


def make_schedule(
    tenant: int, terms: ScheduleTerms, *, by: str, now: datetime | None = None
) -> tuple[Schedule, bool]:
    """Make a schedule, beginning with the present period; and whether it is new.

    Raises `ScheduleRefused` with every reason, `ScheduleTaken` where the name has other terms.
    """
    now = now or timezone.now()
    if faults := list(_faults(tenant, terms, now)):
        raise ScheduleRefused(errors=faults)
    row = Schedule(
        tenant_id=tenant,
        name=terms.name,
        report=terms.report,
        parameters={name: text for name, text in sorted(terms.parameters.items()) if text},
        every=terms.every,
        zone=terms.zone,
        at=terms.at,
        keep_days=terms.keep_days,
        since=now,
        created_by=by,
    )
    row.next_at = period_at(terms_of(row), now).due_at
    try:
        with unit_of_work():
            row.save(force_insert=True)
    except IntegrityError:
        known = Schedule.objects.for_tenant(tenant).get(name=terms.name)
        if _terms(known) != _terms(row):
            raise ScheduleTaken(schedule=str(known.pk), name=terms.name) from None
        return known, False
    return row, True


def _terms(row: Schedule) -> tuple[object, ...]:
    return row.report, row.parameters, row.every, row.zone, row.at, row.keep_days


def _faults(tenant: int, terms: ScheduleTerms, now: datetime) -> Iterator[Fault]:
    if not (1 <= len(terms.name.strip()) <= NAME_MAX and terms.name.isprintable()):
        yield fault("name", "invalid", f"A name has 1 to {NAME_MAX} printable characters.")
    if not 1 <= terms.keep_days <= KEEP_MAX:
        yield fault("keep_days", "out_of_range", f"Between 1 and {KEEP_MAX} days.")
    if terms.every not in list(Every):
        yield fault("every", "invalid_choice", "`day` or `hour`.")
    if not _is_zone(terms.zone):
        yield fault("zone", "unknown_zone", "An IANA zone, such as Europe/Berlin.")
    try:
        report = report_of(terms.report)
    except UnknownReport as error:
        yield fault("report", error.code, str(error))
        return
    if terms.every == Every.HOUR and report.parameter(Ask.LAST_DAY):
        yield fault("every", "of_days", "This report is of days; it is made once a day.")
    yield from _parameter_faults(tenant, report, terms.parameters, now)


def _parameter_faults(
    tenant: int, report: Report, given: Mapping[str, str], now: datetime
) -> Iterator[Fault]:
    asks = {one.name: one.ask for one in report.parameters}
    for name in given:
        if asks.get(name) in parameters.FILLED_IN:
            yield fault(f"parameters.{name}", "filled_in", "The period says it.")
    try:
        values = parameters.read(report, given, now)
    except BadParameters as error:
        found = error.facts["errors"]
        assert isinstance(found, list)
        yield from ({**one, "field": f"parameters.{one['field']}"} for one in found)
        return
    for name, find in ((Ask.ACCOUNT, find_account), (Ask.INSTRUMENT, find_instrument)):
        parameter = report.parameter(name)
        if parameter is not None and parameter.name in values:
            try:
                find(tenant, values[parameter.name])
            except DomainError as error:
                yield fault(f"parameters.{parameter.name}", error.code, str(error))


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # a bad path, a directory, not in the tables
        return False
    return bool(name)


def pause(tenant: int, uid: UUID) -> Schedule:
    """Make no more files of a schedule, until it is resumed. Raises `UnknownSchedule`."""
    return _turn(tenant, uid, ScheduleState.PAUSED, timezone.now())


def resume(tenant: int, uid: UUID, *, now: datetime | None = None) -> Schedule:
    """Make files again, from the present period on. Raises `UnknownSchedule`."""
    return _turn(tenant, uid, ScheduleState.ACTIVE, now or timezone.now())


def _turn(tenant: int, uid: UUID, state: ScheduleState, now: datetime) -> Schedule:
    with unit_of_work():
        row = Schedule.objects.for_tenant(tenant).select_for_update().filter(pk=uid).first()
        if row is None:
            raise UnknownSchedule(schedule=str(uid))
        if row.state == state:
            return row
        row.state = state
        if state is ScheduleState.ACTIVE:
            row.since = now
            row.next_at = period_at(terms_of(row), now).due_at
        row.save(update_fields=["state", "since", "next_at"])
    return row


def make_again(tenant: int, uid: UUID, *, now: datetime | None = None) -> ReportFile:
    """Have the clock try a file again that could not be made. Raises `UnknownFile`, `FileStays`."""
    with unit_of_work():
        row = ReportFile.objects.for_tenant(tenant).select_for_update().filter(pk=uid).first()
        if row is None:
            raise UnknownFile(file=str(uid))
        if row.state != FileState.FAILED:
            raise FileStays(file=str(uid), state=row.state)
        row.attempts, row.retry_at = 0, now or timezone.now()
        row.save(update_fields=["attempts", "retry_at"])
    return row
