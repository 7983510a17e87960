"""Clearing systems by their code."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from django.conf import settings

from apps.settlement.clearing.http_json import HttpClearing
from apps.settlement.clearing.iso20022.folders import FileClearing
from apps.settlement.clearing.protocol import ClearingSystem
from apps.settlement.clearing.routing import ISO_20022, SIMULATOR
from apps.settlement.clearing.signing import participant_secret
from apps.settlement.exceptions import UnknownClearingSystem


def _over_http(tenant: int) -> ClearingSystem:
    return HttpClearing(settings.CLEARING_URL, secret_of(tenant, SIMULATOR), tenant)


def _over_files(tenant: int) -> ClearingSystem:
    return folders_of(tenant)


def folders_of(tenant: int) -> FileClearing:
    """Where a tenant's ISO 20022 files come and go."""
    return FileClearing(Path(settings.CLEARING_FOLDER) / str(tenant))


ADAPTERS: Final[dict[str, Callable[[int], ClearingSystem]]] = {
    SIMULATOR: _over_http,
    ISO_20022: _over_files,
}
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
