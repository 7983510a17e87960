"""Clearing systems by their code."""

from collections.abc import Callable
from typing import Final

from django.conf import settings

from apps.settlement.clearing.http_json import HttpClearing
from apps.settlement.clearing.protocol import ClearingSystem
from apps.settlement.clearing.routing import SIMULATOR
from apps.settlement.clearing.signing import participant_secret
from apps.settlement.exceptions import UnknownClearingSystem


def _over_http(tenant: int) -> ClearingSystem:
    return HttpClearing(settings.CLEARING_URL, secret_of(tenant, SIMULATOR), tenant)


ADAPTERS: Final[dict[str, Callable[[int], ClearingSystem]]] = {SIMULATOR: _over_http}
"""What makes the connection of a tenant to a clearing system, by the system's code."""


def connect(tenant: int, code: str) -> ClearingSystem:
    """The clearing system of this code. Raises `UnknownClearingSystem`."""
    try:
        return ADAPTERS[code](tenant)
    except KeyError:
        raise UnknownClearingSystem(clearing=code, known=sorted(ADAPTERS)) from None


def secret_of(tenant: int, code: str) -> bytes:
    """What a tenant and a clearing system sign with, both ways."""
    return participant_secret(settings.CLEARING_SECRET, code, tenant)
