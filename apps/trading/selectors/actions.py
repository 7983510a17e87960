"""Questions about corporate actions: which there are, and whom they concern."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

from django.db import connection

from apps.trading.exceptions import UnknownAction
from apps.trading.models import CorporateAction, Trade
from apps.trading.selectors.exposure import FOLDER

# Told, and not folded yet: what lies behind the cursor, or behind the first fact that is held.
UNFOLDED: Final = """
    FROM events_cursor c
    LEFT JOIN LATERAL (
        SELECT min(k.first_offset) - 1 AS "offset" FROM events_parkedkey k
        WHERE k.handler = c.handler AND k.topic = c.topic AND k.partition = c.partition
    ) AS held ON true
    JOIN events_event e ON e.topic = c.topic AND e.partition = c.partition
        AND e."offset" > least(c."offset", held."offset")
    WHERE c.handler = %(folder)s AND c.topic = 'trade' AND e.tenant_id = %(tenant)s
      AND e.name IN ('trading.trade.executed', 'trading.trade.amended')
      AND e.data ->> 'instrument_id' = %(instrument)s::text
"""
CONCERNED: Final = f"""
SELECT a.id, a.number, a.cost_method FROM trading_clientaccount a WHERE a.id IN (
    SELECT p.account_id FROM trading_position p
    WHERE p.tenant_id = %(tenant)s AND p.instrument_id = %(instrument)s::uuid
    UNION
    SELECT (e.data ->> 'account_id')::uuid {UNFOLDED}
) ORDER BY a.id
"""
SCALE: Final = f"""
SELECT coalesce(max(min_scale(quantity)), 0) FROM (
    SELECT p.quantity FROM trading_position p
    WHERE p.tenant_id = %(tenant)s AND p.instrument_id = %(instrument)s::uuid
    UNION ALL
    SELECT h.quantity FROM trading_settledholding h
    WHERE h.tenant_id = %(tenant)s AND h.instrument_id = %(instrument)s::uuid
    UNION ALL
    SELECT (e.data ->> 'quantity')::numeric {UNFOLDED}
) AS held
"""


def actions(
    tenant: int, *, after: UUID | None = None, limit: int, **filters: Any
) -> Sequence[CorporateAction]:
    """Corporate actions, oldest announcement first, those after one; filters by column."""
    rows = CorporateAction.objects.for_tenant(tenant).select_related("instrument")
    rows = rows.filter(**filters)
    if after is not None:
        rows = rows.filter(pk__gt=after)
    return list(rows.order_by("pk")[:limit])


def action_of(tenant: int, uid: UUID) -> CorporateAction:
    """One corporate action. Raises `UnknownAction`."""
    rows = CorporateAction.objects.for_tenant(tenant).select_related("instrument")
    found = rows.filter(pk=uid).first()
    if found is None:
        raise UnknownAction(action=str(uid))
    return found


def accounts_concerned(tenant: int, instrument: UUID) -> list[tuple[UUID, str, str]]:
    """(id, number, cost method) of every account that ever traded an instrument.

    Also of those that are flat: what they bought and sold may still have to settle.
    """
    with connection.cursor() as cursor:
        cursor.execute(CONCERNED, _params(tenant, instrument))
        found: list[tuple[UUID, str, str]] = cursor.fetchall()
    return found


def scale_needed(tenant: int, instrument: UUID) -> int:
    """How many decimals the largest number of them has, of all that is held of an instrument."""
    with connection.cursor() as cursor:
        cursor.execute(SCALE, _params(tenant, instrument))
        return int(cursor.fetchone()[0])


def traded_since(instrument: UUID, day: date) -> bool:
    """Whether it was traded on a day or after it."""
    return Trade.objects.filter(instrument_id=instrument, trade_date__gte=day).exists()


def _params(tenant: int, instrument: UUID) -> dict[str, Any]:
    return {"tenant": tenant, "instrument": str(instrument), "folder": FOLDER}
