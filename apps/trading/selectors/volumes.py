"""How much was dealt in each hour, currency by currency."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db import connection

from apps.trading.selectors.blotter import SLACK
from apps.trading.selectors.trades import first_uuid7

# What was refused before its instrument was known has no currency.
VOLUMES: Final = """
SELECT hour, currency, sum(trades)::bigint, sum(buys)::bigint, sum(trades - buys)::bigint,
       sum(notional), sum(amended)::bigint, sum(cancelled)::bigint, sum(rejected)::bigint
FROM (
    SELECT date_trunc(%(unit)s, t.booked_at, 'UTC') AS hour, t.currency, count(*) AS trades,
           count(*) FILTER (WHERE t.side = 'buy') AS buys, sum(t.notional) AS notional,
           0 AS amended, 0 AS cancelled, 0 AS rejected
    FROM trading_trade t
    WHERE t.tenant_id = %(tenant)s AND t.id >= %(low)s AND t.id < %(high)s
      AND t.booked_at >= %(since)s AND t.booked_at < %(until)s
    GROUP BY 1, 2
    UNION ALL
    SELECT date_trunc(%(unit)s, r.booked_at, 'UTC'), t.currency, 0, 0, 0,
           count(*) FILTER (WHERE r.state = 'amended'),
           count(*) FILTER (WHERE r.state = 'cancelled'), 0
    FROM trading_traderevision r JOIN trading_trade t ON t.id = r.trade_id
    WHERE r.tenant_id = %(tenant)s AND r.id >= %(low)s AND r.id < %(high)s
      AND r.booked_at >= %(since)s AND r.booked_at < %(until)s
    GROUP BY 1, 2
    UNION ALL
    SELECT date_trunc(%(unit)s, x.rejected_at, 'UTC'), coalesce(i.currency, ''), 0, 0, 0, 0, 0,
           count(*)
    FROM trading_rejectedtrade x
    LEFT JOIN trading_instrument i ON i.tenant_id = x.tenant_id AND i.symbol = x.instrument
    WHERE x.tenant_id = %(tenant)s AND x.id >= %(low)s AND x.id < %(high)s
      AND x.rejected_at >= %(since)s AND x.rejected_at < %(until)s
    GROUP BY 1, 2
) AS counted
GROUP BY hour, currency ORDER BY hour, currency
LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Volume:
    """What was booked in an hour (or day, UTC) in a currency; `notional` of new trades."""

    at: datetime
    currency: str
    trades: int
    buys: int
    sells: int
    notional: Decimal
    amended: int
    cancelled: int
    rejected: int


def volumes(
    tenant: int, since: datetime, until: datetime, *, unit: str, limit: int
) -> Sequence[Volume]:
    """Of each `unit` (hour or day) of [since, until) in which anything happened, oldest first."""
    asked: dict[str, Any] = {
        "tenant": tenant,
        "since": since,
        "until": until,
        "low": first_uuid7(since),
        "high": first_uuid7(until + SLACK),
        "unit": unit,
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(VOLUMES, asked)
        return [Volume(*row) for row in cursor.fetchall()]
