"""Where a webhook may lead: to public addresses, however a name resolves at the moment of the call.

A tenant names the address and we call it from inside our network. Without this it could have us
call our own database, or a cloud's metadata service (server-side request forgery). The check is
made on the addresses that a name resolves to at the call itself: a name that was public when the
webhook was made may lead elsewhere later.
"""

import ipaddress
import socket
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from django.conf import settings

from apps.webhooks.exceptions import AddressRefused
from apps.webhooks.models import URL_MAX

PORT_MAX: Final = 65_535


def check(url: str) -> str:
    """The address as it will be called. Raises `AddressRefused`."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise AddressRefused(reason="this is no URL") from None
    host = parts.hostname or ""
    for is_bad, reason in (
        (len(url) > URL_MAX or not url.isascii() or not url.isprintable(), "this is no URL"),
        (parts.scheme not in {"https", "http"}, "only https and http"),
        (not host, "a host is missing"),
        ("@" in parts.netloc, "no user names or passwords in an address"),
        (port == 0, "there is no port 0"),
        (bool(parts.fragment), "a fragment is never sent"),
        (is_private_literal(host) and not settings.WEBHOOKS_PRIVATE, "the host is not public"),
    ):
        if is_bad:
            raise AddressRefused(reason=reason)
    return parts.geturl()


def is_private_literal(host: str) -> bool:
    """Whether a host is written as an address that is not public, or is this machine's name."""
    host = host.rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return not is_public(host)
    except ValueError:
        return _is_disguised(host)


def is_public(address: str) -> bool:
    """Whether anybody on the internet could call this IP address. Raises `ValueError` for others."""
    found = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
    mapped = getattr(found, "ipv4_mapped", None) or getattr(found, "sixtofour", None)
    return found.is_global and not found.is_multicast and (mapped is None or mapped.is_global)


def _is_disguised(host: str) -> bool:
    """Whether the C library would read an address in it: `127.1`, `0x7f000001`, `2130706433`."""
    try:
        packed = socket.inet_aton(host)
    except OSError:
        return False
    return not ipaddress.ip_address(packed).is_global


class PublicResolver(AbstractResolver):
    """Resolves names to public addresses only."""

    def __init__(self) -> None:
        """Ask as the system does."""
        self._system = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The public ones of a name's addresses. Raises `OSError` where there is none."""
        found = await self._system.resolve(host, port, family)
        public = [one for one in found if settings.WEBHOOKS_PRIVATE or is_public(one["host"])]
        if not public:
            raise OSError(None, f"{host} has no public address")
        return public

    async def close(self) -> Any:
        """Let the system's go."""
        await self._system.close()
