"""Verbs of the door: make tenants, admit members, issue and revoke keys."""

import hashlib
import re
import secrets
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from apps.tenants.exceptions import InvalidSlug, TenantNotFound, UnknownMember, UnknownRole
from apps.tenants.models import ApiKey, Membership, Role, Tenant, User

KEY_PREFIX = "lsk_"
PREFIX_SHOWN = 10  # characters of a key that may be shown again
_SLUG = re.compile(r"[A-Za-z0-9_-]{1,50}")


def create_tenant(slug: str, *, name: str = "") -> tuple[Tenant, bool]:
    """The tenant of this slug, and whether this call made it. Raises `InvalidSlug`."""
    if not _SLUG.fullmatch(slug):
        raise InvalidSlug(slug=slug)
    return Tenant.objects.get_or_create(slug=slug, defaults={"name": name or slug})


def get_tenant(slug: str) -> Tenant:
    """The tenant of this slug. Raises `TenantNotFound`."""
    tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        raise TenantNotFound(tenant=slug)
    return tenant


def digest_of(key: str) -> bytes:
    """What is kept of a key. The key carries 256 random bits, so a plain hash cannot be guessed."""
    return hashlib.sha256(key.encode()).digest()


def issue_key(
    tenant: Tenant,
    *,
    role: str,
    name: str = "",
    expires_at: datetime | None = None,
    owner: str = "",
) -> tuple[ApiKey, str]:
    """A new key of a role, and its secret, which is shown only now.

    `owner` is the username of the member whose key it is; none: a program's. Raises `UnknownRole`,
    `UnknownMember`.
    """
    if role not in Role.values:
        raise UnknownRole(role=role, roles=Role.values)
    members = User.objects.filter(memberships__tenant=tenant, is_active=True)
    person = members.filter(username=owner).first() if owner else None
    if owner and person is None:
        raise UnknownMember(username=owner)
    secret = KEY_PREFIX + secrets.token_urlsafe(32)
    row = ApiKey.objects.create(
        tenant=tenant,
        owner=person,
        name=name,
        role=role,
        prefix=secret[:PREFIX_SHOWN],
        digest=digest_of(secret),
        expires_at=expires_at,
    )
    return row, secret


def revoke_key(key: ApiKey) -> None:
    """End a key; processes that cached it refuse it within `authentication.KEY_CACHE_SECONDS`."""
    ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now())


@transaction.atomic
def add_member(
    tenant: Tenant, *, username: str, role: str, password: str | None = None, staff: bool = False
) -> tuple[User, bool]:
    """Admit a person to a tenant with a role; the user, and whether this call made them.

    A password is set only on a new user, so that a repeat never changes a sign-in.
    Raises `UnknownRole`.
    """
    if role not in Role.values:
        raise UnknownRole(role=role, roles=Role.values)
    user, made = User.objects.get_or_create(username=username, defaults={"is_staff": staff})
    if made:
        user.set_password(password)
        user.save(update_fields=["password"])
    Membership.objects.update_or_create(tenant=tenant, user=user, defaults={"role": role})
    return user, made
