"""Questions about adjustments."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from apps.ledger.exceptions import AdjustmentNotFound
from apps.ledger.models import Adjustment


def adjustments(
    tenant: int, *, after: UUID | None = None, limit: int, **filters: Any
) -> Sequence[Adjustment]:
    """Adjustments of a tenant, oldest first, those after one; filters by column."""
    found = Adjustment.objects.for_tenant(tenant).filter(**filters)
    if after is not None:
        found = found.filter(pk__gt=after)
    return list(found.order_by("pk")[:limit])


def adjustment_of(tenant: int, uid: UUID) -> Adjustment:
    """One adjustment. Raises `AdjustmentNotFound`."""
    found = Adjustment.objects.for_tenant(tenant).filter(pk=uid).first()
    if found is None:
        raise AdjustmentNotFound(adjustment=str(uid))
    return found
