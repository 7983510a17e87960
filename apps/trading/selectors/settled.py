"""What of a position has settled, remembered by the process for a tenth of a second."""

import time
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db import connection

TRUSTED_SECONDS: Final = 0.1
"""How old an answer may be, as for prices and positions."""
KEPT: Final = 20_000

_known: dict[UUID, tuple[float, dict[UUID, Decimal]]] = {}


def settled_of(account: UUID) -> dict[UUID, Decimal]:
    """Settled units by instrument, read no longer than `TRUSTED_SECONDS` ago."""
    read_at = time.monotonic()
    kept = _known.get(account)
    if kept is not None and kept[0] >= read_at - TRUSTED_SECONDS:
        return kept[1]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT instrument_id, quantity FROM trading_settledholding WHERE account_id = %s",
            [account],
        )
        found = dict(cursor.fetchall())
    if len(_known) > KEPT:
        _known.clear()
    _known[account] = (read_at, found)
    return found


def settled_quantities(tenant: int | None) -> list[tuple[int, UUID, str, Decimal]]:
    """(tenant, account, symbol, settled quantity) of everything that ever settled."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT h.tenant_id, h.account_id, i.symbol, h.quantity
               FROM trading_settledholding h JOIN trading_instrument i ON i.id = h.instrument_id
               WHERE h.tenant_id = coalesce(%s, h.tenant_id)""",
            [tenant],
        )
        rows: list[tuple[int, UUID, str, Decimal]] = cursor.fetchall()
    return rows


def forget() -> None:
    """Forget all: between tests."""
    _known.clear()
