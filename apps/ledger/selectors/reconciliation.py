"""Questions about reconciliations: runs, and the breaks that they found."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from apps.ledger.exceptions import UnknownBreak, UnknownRun
from apps.ledger.models import Break, ReconciliationRun


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
    tenant: int, *, after: UUID | None = None, limit: int, **filters: Any
) -> Sequence[Break]:
    """Breaks of a tenant, oldest first, those after one; filters by column."""
    found = Break.objects.for_tenant(tenant).filter(**filters)
    if after is not None:
        found = found.filter(pk__gt=after)
    return list(found.order_by("pk")[:limit])


def breaks_of(run: ReconciliationRun) -> Sequence[Break]:
    """The breaks that a run saw."""
    return list(Break.objects.for_tenant(run.tenant_id).filter(last_run=run).order_by("pk"))


def break_of(tenant: int, uid: UUID) -> Break:
    """One break. Raises `UnknownBreak`."""
    found = Break.objects.for_tenant(tenant).filter(pk=uid).first()
    if found is None:
        raise UnknownBreak(id=str(uid))
    return found
