"""Where a request comes from."""

from ipaddress import ip_address

from django.http import HttpRequest


def is_local(request: HttpRequest) -> bool:
    """Whether a program on this machine asks directly: what a proxy passed on does not count."""
    if any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-Ip")):
        return False
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
