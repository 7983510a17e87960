"""Where a request comes from."""

from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest


def address_of(request: HttpRequest) -> str:
    """The caller's address; behind our TLS proxy (`HTTPS`) the one that the proxy saw."""
    peer: str = request.META.get("REMOTE_ADDR", "")
    if settings.HTTPS:
        # The last is what our own proxy added; those before it are whatever the caller sent.
        return request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip() or peer
    return peer


def is_local(request: HttpRequest) -> bool:
    """Whether a program on this machine asks directly: what a proxy passed on does not count."""
    if any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-Ip")):
        return False
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
