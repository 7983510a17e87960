"""Which pages may open a socket: browsers name theirs, and cannot be made to lie about it."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host
from django.utils.http import is_same_domain


def may_enter(headers: Iterable[tuple[bytes, bytes]], *, only: str = "") -> bool:
    """Whether the page that opens a socket is one of ours, or `only` the one that a ticket names.

    A program sends no origin, and enters with a ticket that names none.
    """
    origin = next((value.decode("latin-1") for name, value in headers if name == b"origin"), None)
    if only:
        return origin == only
    return origin is None or _is_ours(origin)


def _is_ours(origin: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:  # a bracket without its pair: no browser sends it
        return False
    if validate_host(split_domain_port(parts.netloc)[0], settings.ALLOWED_HOSTS):
        return True
    return any(
        parts.scheme == trusted.scheme and is_same_domain(parts.netloc, trusted.netloc.lstrip("*"))
        for trusted in map(urlsplit, settings.CSRF_TRUSTED_ORIGINS)
    )
