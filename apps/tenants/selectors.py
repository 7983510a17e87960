"""Questions about who is at the door."""

from django.db.models import Q
from django.utils import timezone

from apps.tenants.models import ApiKey, Membership, Tenant, User


def find_tenant(tenant: int) -> Tenant | None:
    """The tenant of this id."""
    return Tenant.objects.filter(pk=tenant).first()


def memberships_of(user: User) -> list[Membership]:
    """A person's places, the oldest first."""
    return list(Membership.objects.filter(user=user).select_related("tenant").order_by("pk"))


def is_still_in(tenant: int, client: str) -> bool:
    """Whether a caller (`user:<id>` or `key:<id>`) that was let in may still be here."""
    kind, _, name = client.partition(":")
    if kind == "user":
        return Membership.objects.filter(
            tenant_id=tenant, user_id=int(name), user__is_active=True
        ).exists()
    unexpired = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    return ApiKey.objects.filter(unexpired, tenant_id=tenant, pk=name, revoked_at=None).exists()


def tenant_ids() -> list[int]:
    """Every tenant, the oldest first; for what the clock does for each of them."""
    return list(Tenant.objects.order_by("pk").values_list("pk", flat=True))
