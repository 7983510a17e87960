"""What instruments were worth at a time: the newest price of then that was known by then.

Prices of one instrument enter the log in the order of their times, so the newest of then is the
first that a walk backwards meets. It is as long as what was told since. Some are told late: what a
split makes of a price, above all. So what was known at a time that is past, only the log can say.
"""

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.utils import timezone

from apps.events.contracts import contract_of
from apps.trading.events import PriceChanged

CONTRACT: Final = contract_of(PriceChanged)
MARKS: Final = """
SELECT i.id, CASE WHEN told.price IS NOT NULL THEN told.price
                  WHEN i.last_price_at <= %(effective)s AND i.last_price_at <= %(known)s
                  THEN i.last_price END
FROM unnest(%(ids)s::uuid[]) AS u (id) JOIN trading_instrument i ON i.id = u.id
LEFT JOIN LATERAL (
    SELECT (e.data ->> 'price')::numeric AS price FROM events_event e
    WHERE e.key = i.id::text AND e.topic = %(topic)s AND e.name = %(name)s
      AND e.tenant_id = i.tenant_id
      AND e.occurred_at <= %(effective)s AND e.recorded_at <= %(known)s
      AND NOT (i.last_price_at <= %(effective)s AND %(all_is_known)s)
    ORDER BY e."offset" DESC LIMIT 1
) AS told ON true
"""


def marks_at(
    instruments: Collection[UUID], *, effective: datetime, known: datetime
) -> dict[UUID, Decimal | None]:
    """The price of each instrument at `effective`, as known at `known`; none where there was none."""
    asked: dict[str, Any] = {
        "ids": list(instruments),
        "effective": effective,
        "known": known,
        "all_is_known": known >= timezone.now(),
        "topic": CONTRACT.topic,
        "name": CONTRACT.name,
    }
    with connection.cursor() as cursor:
        cursor.execute(MARKS, asked)
        return dict(cursor.fetchall())
