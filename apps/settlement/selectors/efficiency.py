"""How well it settles: on its date or not, and how old and how dear what fails is.

On its date is: wholly in the ledger before the due day ended where its market is. Cancelled ones are
not judged; neither are those whose day is not over.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from django.db import connection

from apps.calendars import selectors as calendars

GROUPS: Final = {
    "day": "to_char(s.due_on, 'YYYY-MM-DD')",
    "market": "s.market",
    "instrument": "s.symbol",
    "account": "s.account_number",
    "counterparty": "coalesce(s.counterparty, '')",
    "tenant": "''",
}
MARKETS: Final = """
SELECT DISTINCT market FROM settlement_settlement
WHERE tenant_id = %s AND due_on >= %s AND due_on <= %s
"""
EFFICIENCY: Final = """
WITH judged AS (
    SELECT {group} AS what, s.currency, abs(s.amount) AS value, s.state,
           s.due_on < (now() AT TIME ZONE coalesce(z.zone, 'UTC'))::date AS is_over,
           s.state = 'settled'
               AND (s.settled_at AT TIME ZONE coalesce(z.zone, 'UTC'))::date <= s.due_on AS on_time
    FROM settlement_settlement s
    LEFT JOIN unnest(%(markets)s::text[], %(zones)s::text[]) AS z (market, zone)
        ON z.market = s.market
    WHERE s.tenant_id = %(tenant)s AND s.due_on >= %(since)s AND s.due_on <= %(until)s
      AND s.state NOT IN ('cancelled', 'compensated')
), counted AS (
    SELECT what, currency, count(*) AS due, count(*) FILTER (WHERE on_time) AS on_time,
           count(*) FILTER (WHERE state = 'settled' AND NOT on_time) AS late,
           count(*) FILTER (WHERE state <> 'settled' AND is_over) AS failing,
           count(*) FILTER (WHERE state <> 'settled' AND NOT is_over) AS pending,
           coalesce(sum(value) FILTER (WHERE state = 'settled' OR is_over), 0) AS value,
           coalesce(sum(value) FILTER (WHERE on_time), 0) AS value_on_time
    FROM judged GROUP BY what, currency
)
SELECT what, currency, due, on_time, late, failing, pending,
       round(on_time::numeric / nullif(on_time + late + failing, 0), 6),
       value, value_on_time, round(value_on_time / nullif(value, 0), 6)
FROM counted ORDER BY what, currency LIMIT %(limit)s
"""
# What was failing at the end of a day: due before it was over, and not settled or given up by then.
FAILS: Final = """
WITH failing AS (
    SELECT s.id, s.currency, abs(s.amount) AS value, s.due_on, s.quantity, s.settled,
           %(on)s::date - s.due_on AS age, s.attention_at IS NOT NULL AS needs_person
    FROM settlement_settlement s
    WHERE s.tenant_id = %(tenant)s AND s.due_on < %(on)s
      AND (s.settled_at IS NULL OR s.settled_at >= (%(on)s::date + 1)::timestamp AT TIME ZONE 'UTC')
      AND NOT (s.state IN ('cancelled', 'compensated')
               AND s.changed_at < (%(on)s::date + 1)::timestamp AT TIME ZONE 'UTC')
      AND (%(account)s = '' OR s.account_number = %(account)s)
), aged AS (
    SELECT f.*, width_bucket(age, ARRAY[1, 2, 3, 4, 6, 11, 31]) AS bucket,
           coalesce((SELECT sum(p.amount) FROM settlement_penalty p
                     WHERE p.settlement_id = f.id AND p.currency = f.currency
                       AND p."on" <= %(on)s), 0) AS penalties
    FROM failing f
)
SELECT (ARRAY['1', '2', '3', '4-5', '6-10', '11-30', '31+'])[bucket], currency, count(*),
       count(*) FILTER (WHERE needs_person), sum(value), min(due_on), sum(penalties)
FROM aged WHERE bucket > 0 GROUP BY bucket, currency ORDER BY bucket, currency LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class EfficiencyLine:
    """Settlements of a group and currency. Shares are of 1, of what is judged; values are cash."""

    what: str
    currency: str
    due: int
    on_time: int
    late: int
    failing: int
    pending: int
    share: Decimal | None
    value: Decimal
    value_on_time: Decimal
    value_share: Decimal | None


@dataclass(frozen=True, slots=True)
class FailLine:
    """What fails, by how many calendar days it is late. `value`: cash of the whole settlements."""

    age: str
    currency: str
    fails: int
    needing_person: int
    value: Decimal
    oldest: date
    penalties: Decimal


def efficiency(
    tenant: int, since: date, until: date, *, by: str, limit: int
) -> Sequence[EfficiencyLine]:
    """Of what was due from one day to another (both inclusive), by a group of `GROUPS`."""
    with connection.cursor() as cursor:
        cursor.execute(MARKETS, [tenant, since, until])
        markets = [market for (market,) in cursor.fetchall()]
        asked: dict[str, Any] = {
            "tenant": tenant,
            "since": since,
            "until": until,
            "markets": markets,
            "zones": [calendars.zone_of(market) for market in markets],
            "limit": limit,
        }
        cursor.execute(EFFICIENCY.format(group=GROUPS[by]), asked)
        return [EfficiencyLine(*row) for row in cursor.fetchall()]


def fails(tenant: int, on: date, *, limit: int, account: str = "") -> Sequence[FailLine]:
    """What was failing at the end of a day (UTC), by age and currency, the youngest first."""
    asked: dict[str, Any] = {"tenant": tenant, "on": on, "account": account, "limit": limit}
    with connection.cursor() as cursor:
        cursor.execute(FAILS, asked)
        return [FailLine(*row) for row in cursor.fetchall()]
