"""Last prices, remembered by the process for a tenth of a second."""

import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db import connection

TRUSTED_SECONDS: Final = 0.1
"""How old a price may be. Never older, whatever Redis does: it is not asked."""
KEPT: Final = 100_000


@dataclass(frozen=True, slots=True)
class Quote:
    """How an instrument is valued."""

    multiplier: Decimal
    inverse: bool
    last_price: Decimal | None
    last_price_at: datetime | None


_known: dict[UUID, tuple[float, Quote]] = {}


def of(instruments: Collection[UUID]) -> dict[UUID, Quote]:
    """The quotes of instruments, none of them read longer than `TRUSTED_SECONDS` ago."""
    oldest = time.monotonic() - TRUSTED_SECONDS
    found, missing = {}, []
    for instrument in instruments:
        kept = _known.get(instrument)
        if kept is not None and kept[0] >= oldest:
            found[instrument] = kept[1]
        else:
            missing.append(instrument)
    if missing:
        found |= _read(missing)
    return found


def forget() -> None:
    """Forget all: between tests."""
    _known.clear()


def _read(instruments: list[UUID]) -> dict[UUID, Quote]:
    read_at = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT id, multiplier, inverse, last_price, last_price_at
               FROM trading_instrument WHERE id = ANY(%s)""",
            [instruments],
        )
        found = {row[0]: Quote(*row[1:]) for row in cursor.fetchall()}
    if len(_known) > KEPT:
        _known.clear()
    _known.update((instrument, (read_at, quote)) for instrument, quote in found.items())
    return found
