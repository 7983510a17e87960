"""Questions about reconciliations: runs, and the breaks that they found."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from apps.ledger.exceptions import UnknownAsset, UnknownBreak, UnknownOwner, UnknownRun
from apps.ledger.models import Asset, Break, ExternalStatement, ReconciliationRun
from apps.ledger.reconciliation import Status
from apps.ledger.selectors.owners import owner_of

HISTORY: Final = """
SELECT r.date, r.status, r.finished_at, r.started_by, jsonb_array_length(r.checks),
       (SELECT count(*) FROM jsonb_array_elements(r.checks) AS c WHERE c ->> 'status' = %(not_run)s),
       r.found, b.total, b.open, b.assigned, b.explained, b.closed
FROM ledger_reconciliationrun r
CROSS JOIN LATERAL (
    SELECT count(*) AS total,
           count(*) FILTER (WHERE state = 'open') AS open,
           count(*) FILTER (WHERE state = 'assigned') AS assigned,
           count(*) FILTER (WHERE state = 'explained') AS explained,
           count(*) FILTER (WHERE state = 'closed') AS closed
    FROM ledger_break WHERE run_id = r.id
) AS b
WHERE r.tenant_id = %(tenant)s AND r.date >= %(since)s AND r.date <= %(until)s
ORDER BY r.date DESC LIMIT %(limit)s
"""
BY_KIND: Final = """
SELECT kind, count(*) FILTER (WHERE state = 'open'), count(*) FILTER (WHERE state = 'assigned'),
       count(*) FILTER (WHERE state = 'explained'), count(*) FILTER (WHERE state = 'closed'),
       min(opened_at) FILTER (WHERE state <> 'closed'),
       (avg(extract(epoch FROM changed_at - opened_at)) FILTER (WHERE state = 'closed'))::bigint
FROM ledger_break
WHERE tenant_id = %(tenant)s AND opened_at >= %(since)s AND opened_at < %(until)s
GROUP BY kind ORDER BY kind LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class RunLine:
    """A day's reconciliation; the breaks that it opened, by the state in which they are now."""

    day: date
    status: str
    finished_at: datetime
    started_by: str
    checks: int
    not_run: int
    found: int
    opened: int
    open: int
    assigned: int
    explained: int
    closed: int


@dataclass(frozen=True, slots=True)
class BreakLine:
    """Breaks of a kind, by the state in which they are now."""

    kind: str
    open: int
    assigned: int
    explained: int
    closed: int
    oldest: datetime | None
    """When the oldest was found that is not closed."""
    seconds_to_close: int | None
    """On average."""


def run_history(tenant: int, since: date, until: date, *, limit: int) -> Sequence[RunLine]:
    """Runs of days (both inclusive), the newest first, in one question."""
    asked: dict[str, Any] = {
        "tenant": tenant, "since": since, "until": until, "limit": limit,
        "not_run": str(Status.NOT_RUN),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(HISTORY, asked)
        return [RunLine(*row) for row in cursor.fetchall()]


def breaks_by_kind(
    tenant: int, since: datetime, until: datetime, *, limit: int
) -> Sequence[BreakLine]:
    """Breaks that were opened in [since, until), by kind."""
    asked: dict[str, Any] = {"tenant": tenant, "since": since, "until": until, "limit": limit}
    with connection.cursor() as cursor:
        cursor.execute(BY_KIND, asked)
        return [BreakLine(*row) for row in cursor.fetchall()]


def runs(tenant: int, *, before: date | None = None, limit: int) -> Sequence[ReconciliationRun]:
    """Runs of a tenant, the newest day first, those of before a day."""
    found = ReconciliationRun.objects.for_tenant(tenant)
    if before is not None:
        found = found.filter(date__lt=before)
    return list(found.order_by("-date")[:limit])


def run_of(tenant: int, uid: UUID) -> ReconciliationRun:
    """One run. Raises `UnknownRun`."""
    found = ReconciliationRun.objects.for_tenant(tenant).filter(pk=uid).first()
    if found is None:
        raise UnknownRun(id=str(uid))
    return found


def breaks(
    tenant: int,
    *,
    after: UUID | None = None,
    limit: int,
    account: str = "",
    asset: str = "",
    **filters: str,
) -> Sequence[Break]:
    """Breaks of a tenant, oldest first, those after one; filters by column.

    An account by its id or number, or as breaks show it. Raises UnknownOwner, UnknownAsset.
    """
    found = Break.objects.for_tenant(tenant).filter(**filters)
    if account:
        found = found.filter(account__in=_names_of(tenant, account))
    if asset:
        found = found.filter(asset=_asset(tenant, asset))
    if after is not None:
        found = found.filter(pk__gt=after)
    return list(found.order_by("pk")[:limit])


def _names_of(tenant: int, account: str) -> set[str]:
    """What breaks may call an account: a client's id or number, whose statement, or a fact's key."""
    if account in ExternalStatement.Kind.values:
        return {account}
    try:
        owner = owner_of(tenant, account)
    except UnknownOwner:
        if Break.objects.for_tenant(tenant).filter(account=account).exists():
            return {account}
        raise
    return {str(owner.id), owner.number}


def _asset(tenant: int, asset: str) -> str:
    """Itself. Raises UnknownAsset where neither the books nor a break has it."""
    if not (
        Asset.objects.for_tenant(tenant).filter(code=asset).exists()
        or Break.objects.for_tenant(tenant).filter(asset=asset).exists()
    ):
        raise UnknownAsset(asset=asset)
    return asset


def breaks_of(run: ReconciliationRun) -> Sequence[Break]:
    """The breaks that a run saw."""
    return list(Break.objects.for_tenant(run.tenant_id).filter(last_run=run).order_by("pk"))


def break_of(tenant: int, uid: UUID) -> Break:
    """One break. Raises `UnknownBreak`."""
    found = Break.objects.for_tenant(tenant).filter(pk=uid).first()
    if found is None:
        raise UnknownBreak(id=str(uid))
    return found
