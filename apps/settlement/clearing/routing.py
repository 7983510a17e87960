"""Which clearing system settles what."""

from typing import Final

from django.conf import settings

INTERNAL: Final = ""
"""Our own books: nobody outside confirms."""
SIMULATOR: Final = "simulator"
ISO_20022: Final = "iso20022"
"""An agent who exchanges ISO 20022 files with us."""


def route(tenant: int, market: str, kind: str, currency: str) -> str:
    """The code of the clearing system, or nothing for what settles in our own books.

    `CLEARING_BY_FILES` names the markets (settlement calendars) whose agent takes files.
    """
    if market == "NONE":
        return INTERNAL
    return ISO_20022 if market and market in settings.CLEARING_BY_FILES else SIMULATOR


def systems() -> tuple[str, ...]:
    """The clearing systems that are used here."""
    return (SIMULATOR, ISO_20022) if settings.CLEARING_BY_FILES else (SIMULATOR,)
