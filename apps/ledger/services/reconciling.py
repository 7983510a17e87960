"""Reconcile a day, keep what was found, and work on it: runs, breaks, statements of others.

How a day is looked at is handed in (`look`): it compares two apps, which the ledger itself does not.
"""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.conf import settings
from django.core.mail import send_mail
from django.db import IntegrityError
from django.utils import timezone

from apps.core.exceptions import fault
from apps.core.ids import uuid7
from apps.core.money import parse_amount, plain
from apps.events.services import UnitOfWork, unit_of_work
from apps.ledger.events import BreakChanged, BreakOpened, ReconciliationFinished
from apps.ledger.exceptions import (
    BreakStays,
    DayNotThere,
    StatementDiffers,
    StatementRefused,
    UnknownBreak,
)
from apps.ledger.models import Break, ExternalStatement, ReconciliationRun
from apps.ledger.reconciliation import (
    MOVES,
    BreakState,
    Day,
    Finding,
    Look,
    Status,
    difference,
    verdict,
)

OVERLAP: Final = timedelta(minutes=10)
"""Longer than a booking takes: what was in flight at the look before is looked at again."""
NOTE_MAX: Final = 2_000  # characters
BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
STANDING: Final = frozenset(
    {
        "units_differ",
        "settled_units_differ",
        "asset_not_zero",
        "account_held",
        "guard_missing",
        "cache_differs",
        "cursor_ahead",
    }
)
"""Kinds that every run looks at as a whole: what it does not find again is gone."""

Looking = Callable[[Day, Mapping[int, int]], Look]


def reconcile(
    tenant: int, day: date, look: Looking, *, by: str, now: datetime | None = None
) -> ReconciliationRun:
    """Look at a day (UTC) of a tenant. Looked at again, it is the same run with the newest result.

    What is found again is the same break; a run never makes two of one. Raises `DayNotThere`.
    """
    now = now or timezone.now()
    if day > now.date() + timedelta(days=1):  # somewhere it may have begun
        raise DayNotThere(date=day.isoformat())
    before = (
        ReconciliationRun.objects.for_tenant(tenant).filter(date__lt=day).order_by("-date").first()
    )
    since = before.until - OVERLAP if before else BEGINNING
    offsets = {int(key): value for key, value in before.cut.items()} if before else {}
    found = look(Day(tenant, day, since, now), offsets)
    with unit_of_work() as work:
        run = _keep(tenant, day, found, since, now, by)
        findings = [one for result in found.results for one in result.findings]
        opened, again = _breaks(work, run, findings)
        _tell(work, run, opened, again)
    return run


def _keep(
    tenant: int, day: date, found: Look, since: datetime, now: datetime, by: str
) -> ReconciliationRun:
    values = {
        "status": verdict(found.results),
        "since": since,
        "until": now,
        "cut": {str(partition): offset for partition, offset in found.cut.items()},
        "checks": [
            {
                "name": one.name,
                "status": one.status,
                "checked": one.checked,
                "found": len(one.findings),
                "missing": one.missing,
            }
            for one in found.results
        ],
        "found": sum(len(one.findings) for one in found.results),
        "started_by": by,
        "finished_at": timezone.now(),
    }
    run, _ = ReconciliationRun.objects.update_or_create(
        tenant_id=tenant, date=day, defaults=values, create_defaults={"id": uuid7(), **values}
    )
    return run


def _breaks(
    work: UnitOfWork, run: ReconciliationRun, found: Sequence[Finding]
) -> tuple[list[Break], list[Break]]:
    """Open a break for what is new, and again what was explained and differs otherwise now; both."""
    known = {
        (one.kind, one.subject): one
        for one in Break.objects.for_tenant(run.tenant_id).exclude(state=BreakState.CLOSED)
    }
    opened: list[Break] = []
    again: list[Break] = []
    seen: set[tuple[str, str]] = set()
    for one in found:
        place: tuple[str, str] = one.kind, one.subject
        if place in seen:
            continue
        seen.add(place)
        values = {"expected": one.expected, "actual": one.actual, "detail": one.detail}
        if place in known:
            if text := _not_as_explained(known[place], one):
                _move(work, known[place], BreakState.OPEN, "", text, "reconciliation")
                again.append(known[place])
            Break.objects.filter(pk=known[place].pk).update(last_run=run, **values)
        else:
            opened.append(_opened(run, one, values))
    Break.objects.bulk_create(opened)
    for place, gone in known.items():
        if gone.kind in STANDING and place not in seen:
            _move(work, gone, BreakState.CLOSED, "", "No longer found.", "reconciliation")
    return opened, again


def _not_as_explained(known: Break, found: Finding) -> str:
    """Why an explanation does not hold any more: it was of another difference."""
    if known.state != BreakState.EXPLAINED:
        return ""
    before, now = difference(known.expected, known.actual), difference(found.expected, found.actual)
    if before == now:
        return ""
    text = "It was explained, and differs otherwise now"
    if before is not None and now is not None:
        text += f": by {plain(now)}, not by {plain(before)}"
    return f"{text}. It was said: {known.note}"[:NOTE_MAX]


def _opened(
    run: ReconciliationRun, one: Finding, values: Mapping[str, str | Decimal | None]
) -> Break:
    return Break(
        id=uuid7(),
        tenant_id=run.tenant_id,
        run=run,
        last_run=run,
        kind=one.kind,
        subject=one.subject,
        account=one.account,
        asset=one.asset,
        state=BreakState.OPEN,
        opened_at=run.finished_at,
        changed_at=run.finished_at,
        **values,
    )


def _tell(
    work: UnitOfWork, run: ReconciliationRun, opened: Sequence[Break], again: Sequence[Break]
) -> None:
    missing = tuple(one["name"] for one in run.checks if one["status"] == Status.NOT_RUN)
    work.publish(
        ReconciliationFinished(
            run_id=run.pk, date=run.date, status=str(run.status), found=run.found, not_run=missing
        ),
        tenant=run.tenant_id,
        key=str(run.pk),
    )
    for one in opened:
        fact = BreakOpened(
            break_id=one.pk,
            run_id=run.pk,
            kind=one.kind,
            subject=one.subject,
            account=one.account,
            asset=one.asset,
            expected=one.expected,
            actual=one.actual,
            detail=one.detail,
        )
        work.publish(fact, tenant=run.tenant_id, key=str(one.pk))
    if settings.RECONCILIATION_MAIL_TO and run.status != Status.CLEAN:
        work.after_commit(lambda: _mail(run, opened, again))


def _mail(run: ReconciliationRun, opened: Sequence[Break], again: Sequence[Break]) -> None:
    lines = [f"{one.kind} {one.subject}: {one.detail}" for one in opened]
    lines += [f"{one.kind} {one.subject}: {one.note}" for one in again]
    lines += [f"NOT RUN: {one['name']}: {one['missing']}" for one in run.checks if one["missing"]]
    send_mail(
        f"Reconciliation of {run.date}: {run.status}, {len(opened) + len(again)} new breaks",
        "\n".join(lines) or "No new breaks; older ones are still open.",
        None,
        settings.RECONCILIATION_MAIL_TO,
    )


def change_break(
    tenant: int, uid: UUID, *, state: str, by: str, note: str = "", assignee: str = ""
) -> Break:
    """Move a break on in its work, with a note. Raises `UnknownBreak`, `BreakStays`."""
    with unit_of_work() as work:
        found = Break.objects.for_tenant(tenant).select_for_update().filter(pk=uid).first()
        if found is None:
            raise UnknownBreak(id=str(uid))
        wanted = BreakState(state)
        if wanted not in MOVES[BreakState(found.state)]:
            raise BreakStays(state=found.state, wanted=state)
        if wanted in {BreakState.EXPLAINED, BreakState.CLOSED} and not note.strip():
            raise BreakStays("Say why: a break is explained or closed with a note.")
        _move(work, found, wanted, assignee, note, by)
    return found


def _move(
    work: UnitOfWork, found: Break, state: BreakState, assignee: str, note: str, by: str
) -> None:
    before, found.state = found.state, state
    found.assignee = assignee or found.assignee
    found.note, found.changed_at = note, timezone.now()
    found.save(update_fields=["state", "assignee", "note", "changed_at"])
    fact = BreakChanged(
        break_id=found.pk,
        before=str(before),
        state=str(state),
        assignee=found.assignee,
        note=note,
        by=by,
    )
    work.publish(fact, tenant=found.tenant_id, key=str(found.pk))


def receive_statement(
    tenant: int, *, day: date, kind: str, source: str, balances: Mapping[str, Decimal], by: str
) -> tuple[ExternalStatement, bool]:
    """Keep what a depository or bank says that it held for us; and whether it is new.

    Raises `StatementDiffers` where the same source has said something else of that day.
    """
    told = {asset: plain(amount) for asset, amount in sorted(balances.items())}
    row = ExternalStatement(
        id=uuid7(),
        tenant_id=tenant,
        date=day,
        kind=kind,
        source=source,
        balances=told,
        received_at=timezone.now(),
        received_from=by,
    )
    try:
        with unit_of_work():
            row.save(force_insert=True)
    except IntegrityError:
        known = ExternalStatement.objects.for_tenant(tenant).get(date=day, kind=kind, source=source)
        if known.balances != told:
            raise StatementDiffers(statement=str(known.pk)) from None
        return known, False
    return row, True


def read_statement(text: str) -> dict[str, Decimal]:
    """The balances of a CSV file with the columns `asset,amount`. Raises `StatementRefused`."""
    rows = csv.DictReader(io.StringIO(text, newline=""))
    try:
        columns = set(rows.fieldnames or ())
    except csv.Error as error:
        raise StatementRefused(errors=[fault("file", "csv", f"{error}.")]) from error
    if not {"asset", "amount"} <= columns:
        raise StatementRefused(errors=[fault("file", "columns", "Columns: asset, amount.")])
    try:
        lines = [(row["asset"] or "", row["amount"] or "") for row in rows]
    except csv.Error as error:
        raise StatementRefused(errors=[fault("file", "csv", f"{error}.")]) from error
    return balances_of(lines)


def balances_of(lines: Iterable[tuple[str, str]]) -> dict[str, Decimal]:
    """Amounts by asset. Raises `StatementRefused` with every faulty line."""
    found: dict[str, Decimal] = {}
    faults = []
    for number, (asset, text) in enumerate(lines, 1):
        try:
            amount = parse_amount(text)
        except ValueError as error:
            faults.append(fault(f"balances.{number}", "invalid_amount", f"{error}."))
            continue
        if not asset.strip() or not asset.isprintable() or asset in found:
            faults.append(fault(f"balances.{number}", "asset", "Each asset once, by its name."))
        found[asset] = amount
    if faults:
        raise StatementRefused(errors=faults)
    return found
