"""Questions about webhooks."""

from uuid import UUID

from django.db.models import QuerySet

from apps.tenants.models import Tenant
from apps.webhooks.exceptions import EndpointNotFound
from apps.webhooks.models import Delivery, Endpoint


def endpoints(tenant: Tenant) -> QuerySet[Endpoint]:
    """A tenant's endpoints, newest first."""
    return Endpoint.objects.for_tenant(tenant).order_by("-id")


def endpoint_of(tenant: Tenant, uid: UUID) -> Endpoint:
    """One of them. Raises `EndpointNotFound`."""
    found = endpoints(tenant).filter(pk=uid).first()
    if found is None:
        raise EndpointNotFound(id=str(uid))
    return found


def deliveries(
    tenant: Tenant, endpoint: UUID, *, state: str = "", after: UUID | None = None, limit: int
) -> list[Delivery]:
    """An endpoint's deliveries, newest first, after the one with this id."""
    rows = Delivery.objects.for_tenant(tenant).filter(endpoint_id=endpoint)
    if state:
        rows = rows.filter(state=state)
    if after:
        rows = rows.filter(pk__lt=after)
    return list(rows.order_by("-pk")[:limit])
