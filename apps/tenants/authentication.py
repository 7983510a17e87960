"""Who is calling: an API key (programs) or a session (people). Both answer with a `Caller`."""

import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from apps.tenants.models import ApiKey, Membership, Tenant, User
from apps.tenants.services import digest_of

KEY_CACHE_SECONDS = 5.0  # how long a process trusts what it read of a key
KEY_CACHE_SIZE = 1_000
LAST_USED_EVERY = timedelta(minutes=1)
TENANT_SESSION_KEY = "tenant_id"


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf a request runs."""

    tenant: Tenant
    role: str
    client: str
    """Names the caller for idempotency and audit: `key:<id>` or `user:<id>`."""


def tenant_of(request: Request) -> Tenant:
    """The tenant on whose behalf this request runs."""
    return caller_of(request).tenant


def caller_of(request: Request) -> Caller:
    """Who is calling; only behind `IsMember`, which has seen to it that there is one."""
    caller = request.auth
    if not isinstance(caller, Caller):
        raise AuthenticationFailed("Sign in, or send an API key.")
    return caller


@dataclass(frozen=True, slots=True)
class _Known:
    caller: Caller
    expires_at: datetime | None
    read_at: float


_cache: dict[bytes, _Known] = {}
_cache_lock = threading.Lock()


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer lsk_…`; a key is looked up once in `KEY_CACHE_SECONDS` a process."""

    def authenticate(self, request: Request) -> tuple[None, Caller] | None:
        """The caller, nothing if there is no bearer token. Raises 401 on a bad one."""
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        digest = digest_of(secret.strip())
        known = _cache.get(digest)
        if known is None or time.monotonic() - known.read_at > KEY_CACHE_SECONDS:
            known = _look_up(digest)
        if known.expires_at is not None and known.expires_at <= timezone.now():
            raise AuthenticationFailed("This API key has expired.")
        return None, known.caller

    def authenticate_header(self, request: Request) -> str:
        """Makes DRF answer 401 rather than 403."""
        return "Bearer"


def _look_up(digest: bytes) -> _Known:
    now = timezone.now()
    keys = ApiKey.objects.of_those_who_are_in().select_related("tenant")
    key = keys.filter(digest=digest).first()
    if key is None or key.revoked_at is not None:
        _cache.pop(digest, None)
        raise AuthenticationFailed("This API key is not valid.")
    if key.last_used_at is None or now - key.last_used_at > LAST_USED_EVERY:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
    caller = Caller(tenant=key.tenant, role=key.role, client=f"key:{key.pk}")
    known = _Known(caller, key.expires_at, time.monotonic())
    with _cache_lock:
        if len(_cache) >= KEY_CACHE_SIZE:
            _cache.clear()
        _cache[digest] = known
    return known


class TenantSessionAuthentication(SessionAuthentication):
    """A signed-in person, with CSRF protection; the tenant is the one chosen in the session."""

    def authenticate(self, request: Request) -> tuple[User, Caller] | None:
        """The person and the caller; nothing when nobody is signed in."""
        found = super().authenticate(request)
        if found is None:
            return None
        user = found[0]
        membership = membership_of(user, request.session.get(TENANT_SESSION_KEY))
        if membership is None:
            raise AuthenticationFailed("You are signed in, but a member of no tenant.")
        return user, Caller(membership.tenant, membership.role, client=f"user:{user.pk}")


def membership_of(user: User, tenant_id: int | None) -> Membership | None:
    """The membership that a session acts under: of the chosen tenant, else the first."""
    memberships = Membership.objects.filter(user=user).select_related("tenant").order_by("pk")
    if tenant_id is not None:
        memberships = memberships.filter(tenant_id=tenant_id)
    return memberships.first()
