"""Make files: one for each period of a schedule, whoever and however many try.

A period is a row, and whoever writes it makes its file; who takes too long loses it to another, and
what he brings then is not taken. The file is written beside, first, and then kept in one
transaction with its checksum and the event that tells of it.
"""

import hashlib
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from tempfile import TemporaryFile
from typing import IO, Final
from uuid import UUID

import structlog
from django.db import connection
from django.utils import timezone

from apps.core.ids import uuid7
from apps.core.problems import dumps
from apps.events.selectors import lags
from apps.events.services import unit_of_work
from apps.events.services.failing import summary
from apps.reports import parameters
from apps.reports.events import ReportFailed, ReportReady
from apps.reports.models import FilePart, FileState, ReportFile, Schedule, ScheduleState
from apps.reports.periods import Every, Period, due, following
from apps.reports.registry import Asked, report_of
from apps.reports.selectors.sheets import csv_of
from apps.reports.services.schedules import terms_of

log = structlog.get_logger(__name__)

CATCH_UP: Final = {Every.DAY: 7, Every.HOUR: 24}
"""Periods that are made up for, the newest ones; older ones are let go."""
TRIES: Final = 3
BACK_OFF: Final = timedelta(minutes=5)
TAKE_OVER: Final = timedelta(minutes=15)
"""Who has not finished after this long has died."""
AT_A_TIME: Final = 60.0
"""Seconds of work after which a call begins nothing new: others wait on the same worker."""
PART: Final = 1 << 19  # bytes
WRITERS: Final = frozenset({"trading.apply_trades", "ledger.book_trades"})
"""Handlers whose tables reports are made of."""

CLAIM: Final = """
INSERT INTO reports_reportfile AS f (id, tenant_id, schedule_id, report, parameters, period_start,
    period_end, state, claim, claimed_at, attempts, error, rows, size, parts, sha256)
VALUES (%(id)s, %(tenant)s, %(schedule)s, %(report)s, %(parameters)s, %(start)s, %(end)s, 'making',
    %(claim)s, %(now)s, 1, '', 0, 0, 0, '')
ON CONFLICT (schedule_id, period_start) DO UPDATE
    SET state = 'making', claim = excluded.claim, claimed_at = excluded.claimed_at,
        attempts = f.attempts + 1, retry_at = NULL
    WHERE (f.state = 'making' AND f.claimed_at < %(stale)s)
       OR (f.state = 'failed' AND f.retry_at <= %(now)s)
RETURNING id
"""


@dataclass(frozen=True, slots=True)
class _Draft:
    """What was written: how much, what it hashes to, and what was asked."""

    rows: int
    size: int
    sha256: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def make_due(now: datetime | None = None) -> int:
    """Make what is due, and again what failed and may be tried; how many files were made."""
    now = now or timezone.now()
    until = time.monotonic() + AT_A_TIME
    made = 0
    for file in _undone(now):
        if time.monotonic() > until:
            return made
        period = Period(file.period_start, file.period_end, now)
        made += make_file(file.schedule, period, now=now)
    active = Schedule.objects.filter(state=ScheduleState.ACTIVE, next_at__lte=now)
    for schedule in active.order_by("next_at"):
        made += _serve(schedule, now, until)
    return made


def _undone(now: datetime) -> list[ReportFile]:
    """Files whose maker died, and those that are to be tried again."""
    undone = ReportFile.objects.filter(
        state=FileState.MAKING, claimed_at__lt=now - TAKE_OVER
    ) | ReportFile.objects.filter(state=FileState.FAILED, retry_at__lte=now)
    return list(undone.select_related("schedule").order_by("claimed_at")[:100])


def _serve(schedule: Schedule, now: datetime, until: float) -> int:
    """Make the files of a schedule that are due and not begun; then say when to look again."""
    terms = terms_of(schedule)
    periods = due(terms, schedule.since, now, most=CATCH_UP[terms.every])
    if not periods:
        return 0
    begun = ReportFile.objects.filter(schedule=schedule, period_start__gte=periods[0].start)
    known = set(begun.values_list("period_start", flat=True))
    made = 0
    for period in periods:
        if period.start in known:
            continue
        if time.monotonic() > until or _books_are_behind(period.end):
            return made  # the next tick goes on here
        made += make_file(schedule, period, now=now)
    next_at = following(terms, periods[-1]).due_at
    Schedule.objects.filter(pk=schedule.pk, since=schedule.since).update(next_at=next_at)
    return made


def _books_are_behind(end: datetime) -> bool:
    """Whether a handler has not yet taken what was told before a period's end: a file of then would
    be of half a period.
    """
    now = timezone.now()
    return any(
        lag.handler in WRITERS and lag.events and now - timedelta(seconds=lag.seconds) < end
        for lag in lags()
    )


def make_file(schedule: Schedule, period: Period, *, now: datetime | None = None) -> bool:
    """Make the file of a period, if nobody else has or does; whether it is there now by us.

    A failure is noted on the file's row, tried again twice, and then told.
    """
    now = now or timezone.now()
    claim = uuid7()
    file = _claim(schedule, period, claim, now)
    if file is None:
        return False
    try:
        report = report_of(schedule.report)
        values = parameters.of_period(report, schedule.parameters, period, schedule.zone, now)
        with TemporaryFile() as beside:
            draft = _write(beside, csv_of(report, Asked(schedule.tenant_id, values)))
            draft = replace(draft, parameters=parameters.written(values))
            return _keep(schedule, file, claim, beside, draft)
    except Exception as raised:
        log.exception("report not made", report=schedule.report, tenant=schedule.tenant_id)
        _fail(schedule, file, claim, summary(raised))
        return False


def _claim(schedule: Schedule, period: Period, claim: UUID, now: datetime) -> UUID | None:
    with connection.cursor() as cursor:
        cursor.execute(
            CLAIM,
            {
                "id": uuid7(),
                "tenant": schedule.tenant_id,
                "schedule": schedule.pk,
                "report": schedule.report,
                "parameters": dumps(schedule.parameters).decode(),
                "start": period.start,
                "end": period.end,
                "claim": claim,
                "now": now,
                "stale": now - TAKE_OVER,
            },
        )
        found = cursor.fetchone()
    return found[0] if found else None


def _write(beside: IO[bytes], lines: Iterator[str]) -> _Draft:
    """Write lines compressed, and count and hash them as they are."""
    pack, digest = zlib.compressobj(), hashlib.sha256()
    count = size = 0
    for line in lines:
        data = line.encode()
        digest.update(data)
        beside.write(pack.compress(data))
        count, size = count + 1, size + len(data)
    beside.write(pack.flush())
    return _Draft(count - 1, size, digest.hexdigest())  # the first line is the head


def _keep(schedule: Schedule, file: UUID, claim: UUID, beside: IO[bytes], draft: _Draft) -> bool:
    now = timezone.now()
    beside.seek(0)
    with unit_of_work() as work:
        row = _ours(file, claim)
        if row is None:
            return False
        parts = 0
        while content := beside.read(PART):
            FilePart.objects.create(
                file=row, number=parts, tenant_id=row.tenant_id, content=content
            )
            parts += 1
        row.state, row.error, row.made_at = FileState.READY, "", now
        row.rows, row.size, row.sha256, row.parts = draft.rows, draft.size, draft.sha256, parts
        row.parameters = dict(draft.parameters)
        row.expires_at = now + timedelta(days=schedule.keep_days)
        row.save()
        fact = ReportReady(
            file_id=row.pk,
            schedule_id=schedule.pk,
            schedule=schedule.name,
            report=row.report,
            period_start=row.period_start,
            period_end=row.period_end,
            rows=row.rows,
            size=row.size,
            sha256=row.sha256,
        )
        work.publish(fact, tenant=row.tenant_id, key=str(schedule.pk))
    return True


def _fail(schedule: Schedule, file: UUID, claim: UUID, error: str) -> None:
    with unit_of_work() as work:
        row = _ours(file, claim)
        if row is None:
            return
        is_over = row.attempts >= TRIES
        row.state, row.error = FileState.FAILED, error
        row.retry_at = None if is_over else timezone.now() + BACK_OFF * row.attempts
        row.save(update_fields=["state", "error", "retry_at"])
        if not is_over:
            return
        fact = ReportFailed(
            file_id=row.pk,
            schedule_id=schedule.pk,
            schedule=schedule.name,
            report=row.report,
            period_start=row.period_start,
            period_end=row.period_end,
            error=error,
        )
        work.publish(fact, tenant=row.tenant_id, key=str(schedule.pk))


def _ours(file: UUID, claim: UUID) -> ReportFile | None:
    """The file's row, locked; nothing where somebody else has taken the work over."""
    ours = ReportFile.objects.select_for_update().filter(pk=file, claim=claim)
    return ours.filter(state=FileState.MAKING).first()
