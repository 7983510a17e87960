"""Where a request comes from."""

from django.conf import settings
from django.http import HttpRequest


def address_of(request: HttpRequest) -> str:
    """The caller's address; behind our TLS proxy (`HTTPS`) the one that the proxy saw."""
    peer: str = request.META.get("REMOTE_ADDR", "")
    if settings.HTTPS:
        # The last is what our own proxy added; those before it are whatever the caller sent.
        return request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip() or peer
    return peer
