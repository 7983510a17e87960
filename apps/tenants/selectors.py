"""Questions about who is at the door."""

from collections.abc import Collection
from typing import Final

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from apps.tenants.models import ApiKey, Membership, Tenant, User

ONE_PERSON: Final = "SELECT tenants_person_of(%s) = tenants_person_of(%s)"


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
    keys = ApiKey.objects.of_those_who_are_in()
    return keys.filter(unexpired, tenant_id=tenant, pk=name, revoked_at=None).exists()


def is_one_person(one: str, other: str) -> bool:
    """Whether two callers are the same human, as far as that is known.

    A person and the keys that they own are one; a program's key is somebody of its own. The database's
    guards ask the same function.
    """
    if one == other:
        return True
    with connection.cursor() as cursor:
        cursor.execute(ONE_PERSON, [one, other])
        return bool(cursor.fetchone()[0])


def voices_of(client: str) -> frozenset[str]:
    """Every caller that is the same person as this one, itself included."""
    kind, _, name = client.partition(":")
    whose = Q(owner_id=name) if kind == "user" else Q(owner__api_keys=name)
    found = {client}
    for key, owner in ApiKey.objects.filter(whose).values_list("pk", "owner_id"):
        found |= {f"key:{key}", f"user:{owner}"}
    return frozenset(found)


def names_of(tenant: int, clients: Collection[str]) -> dict[str, str]:
    """What people call callers (`user:<id>`, `key:<id>`) of a tenant; who is gone has no name."""
    by_kind: dict[str, list[str]] = {"user": [], "key": []}
    for client in set(clients):
        kind, _, name = client.partition(":")
        by_kind.get(kind, []).append(name)
    found: dict[str, str] = {}
    if by_kind["user"]:
        members = Membership.objects.filter(tenant_id=tenant, user_id__in=by_kind["user"])
        rows = members.values_list("user_id", "user__username")
        found |= {f"user:{uid}": username for uid, username in rows}
    if by_kind["key"]:
        keys = ApiKey.objects.filter(tenant_id=tenant, pk__in=by_kind["key"])
        found |= {f"key:{uid}": name for uid, name in keys.values_list("pk", "name")}
    return found


def tenant_ids() -> list[int]:
    """Every tenant, the oldest first; for what the clock does for each of them."""
    return list(Tenant.objects.order_by("pk").values_list("pk", flat=True))
