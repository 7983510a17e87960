"""Questions about corporate actions: which there are, and whom they concern."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection

from apps.core.units import Ratio
from apps.trading.exceptions import UnknownAction
from apps.trading.models import CorporateAction, Trade
from apps.trading.selectors.exposure import FOLDER

# Told, and not folded yet: what lies behind the cursor, or behind the first fact that is held.
TOLD: Final = """
    FROM events_cursor c
    LEFT JOIN LATERAL (
        SELECT min(k.first_offset) - 1 AS "offset" FROM events_parkedkey k
        WHERE k.handler = c.handler AND k.topic = c.topic AND k.partition = c.partition
    ) AS held ON true
    JOIN events_event e ON e.topic = c.topic AND e.partition = c.partition
        AND e."offset" > least(c."offset", held."offset")
    WHERE c.handler = %(folder)s AND c.topic = 'trade' AND e.tenant_id = %(tenant)s
      AND e.data ->> 'instrument_id' = %(instrument)s::text
"""
UNFOLDED: Final = f"""{TOLD}
      AND e.name IN ('trading.trade.executed', 'trading.trade.amended')
"""
CONCERNED: Final = f"""
SELECT a.id, a.number, a.cost_method FROM trading_clientaccount a WHERE a.id IN (
    SELECT p.account_id FROM trading_position p
    WHERE p.tenant_id = %(tenant)s AND p.instrument_id = %(instrument)s::uuid
    UNION
    SELECT (e.data ->> 'account_id')::uuid {UNFOLDED}
) ORDER BY a.id
"""
# Positions whose units the split does not divide, and facts that may still change them: in one look.
FRACTIONS: Final = f"""
SELECT (SELECT count(*) FROM trading_position p
        WHERE p.tenant_id = %(tenant)s AND p.instrument_id = %(instrument)s::uuid
          AND mod(abs(p.quantity) * %(new)s, %(old)s * %(step)s) <> 0),
       (SELECT count(*) {TOLD})
"""


class FractionsLeft(NamedTuple):
    """How many accounts a split leaves a fraction, and how many facts may still change that."""

    accounts: int
    unfolded: int


def actions(
    tenant: int, *, after: UUID | None = None, limit: int, **filters: Any
) -> Sequence[CorporateAction]:
    """Corporate actions, oldest announcement first, those after one; filters by column."""
    rows = CorporateAction.objects.for_tenant(tenant).select_related("instrument")
    rows = rows.prefetch_related("prices").filter(**filters)
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


def fractions_left(tenant: int, instrument: UUID, ratio: Ratio) -> FractionsLeft:
    """What a split would leave beside whole units, as far as positions are folded."""
    if ratio.is_whole:
        return FractionsLeft(0, 0)
    terms = {"new": ratio.new, "old": ratio.old, "step": ratio.step}
    with connection.cursor() as cursor:
        cursor.execute(FRACTIONS, {**_params(tenant, instrument), **terms})
        return FractionsLeft(*cursor.fetchone())


def traded_since(instrument: UUID, day: date) -> bool:
    """Whether it was traded on a day or after it."""
    return Trade.objects.filter(instrument_id=instrument, trade_date__gte=day).exists()


def _params(tenant: int, instrument: UUID) -> dict[str, Any]:
    return {"tenant": tenant, "instrument": str(instrument), "folder": FOLDER}
