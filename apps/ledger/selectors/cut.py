"""Balances at a cut of the log: what the ledger has booked beyond it is taken back out."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db import connection

from apps.core.money import exact
from apps.events.contracts import contract_of
from apps.ledger.selectors.owners import HANDLER
from apps.trading.events import SplitApplied, TradeAmended, TradeCancelled, TradeExecuted

DEALS: Final = [contract_of(one).name for one in (TradeExecuted, TradeAmended, TradeCancelled)]
"""The facts of trading that the ledger books."""
SPLIT: Final = contract_of(SplitApplied).name

BALANCES: Final = """
SELECT a.owner, b.asset, sum(b.amount)
FROM ledger_balance b JOIN ledger_ledgeraccount a ON a.id = b.ledger_account_id
WHERE a.tenant_id = coalesce(%s, a.tenant_id) AND a.owner IS NOT NULL AND a.code = ANY(%s)
  AND (%s::uuid[] IS NULL OR a.owner = ANY(%s))
GROUP BY a.owner, b.asset
"""
# What the ledger booked of events after the cut.
BEYOND: Final = """
WITH ahead AS (
    SELECT e.tenant_id, e.data ->> 'trade_id' AS trade, (e.data ->> 'version_no')::integer AS version,
           format('action:%%s:%%s', e.data ->> 'action_id', e.data ->> 'account_id') AS action
    FROM json_each_text(%s::json) AS c (partition, "offset")
    JOIN events_cursor l ON l.handler = %s AND l.topic = 'trade'
        AND l.partition = c.partition::smallint
    JOIN events_event e ON e.topic = 'trade' AND e.partition = l.partition
        AND e."offset" > c."offset"::bigint AND e."offset" <= l."offset" AND e.name = ANY(%s)
), entries AS (
    SELECT j.id, j.booked_at FROM ahead
    JOIN ledger_journalentry j ON j.tenant_id = ahead.tenant_id
        AND j.source = format('trade:%%s:%%s', ahead.trade, ahead.version)
    UNION ALL
    SELECT r.id, r.booked_at FROM ahead
    JOIN ledger_journalentry o ON o.tenant_id = ahead.tenant_id
        AND o.source = format('trade:%%s:%%s', ahead.trade, ahead.version - 1)
    JOIN ledger_journalentry r ON r.reverses_id = o.id
    WHERE ahead.version > 1
    UNION ALL
    SELECT j.id, j.booked_at FROM ahead
    JOIN ledger_journalentry j ON j.tenant_id = ahead.tenant_id AND j.source = ahead.action
    WHERE ahead.trade IS NULL
)
SELECT a.owner, p.asset, sum(p.amount)
FROM entries JOIN ledger_posting p ON p.entry_id = entries.id AND p.booked_at = entries.booked_at
JOIN ledger_ledgeraccount a ON a.id = p.ledger_account_id
WHERE a.owner IS NOT NULL AND a.code = ANY(%s)
GROUP BY a.owner, p.asset
"""


def balances_at_cut(
    tenant: int | None,
    at: Mapping[int, int],
    codes: Sequence[str],
    owners: Sequence[UUID] | None = None,
) -> dict[tuple[UUID, str], Decimal]:
    """What accounts (or these) hold under codes, by owner and asset, where each partition is read so far.

    Of partitions that the cut does not name nothing is taken out. To be called in one snapshot.
    """
    wanted = list(codes)
    some = None if owners is None else list(owners)
    with connection.cursor() as cursor:
        cursor.execute(BALANCES, [tenant, wanted, some, some])
        found = {(owner, asset): amount for owner, asset, amount in cursor.fetchall()}
        text = json.dumps({str(partition): offset for partition, offset in at.items()})
        cursor.execute(BEYOND, [text, HANDLER, [*DEALS, SPLIT], wanted])
        with exact():
            for owner, asset, amount in cursor.fetchall():
                if (owner, asset) in found:
                    found[owner, asset] -= amount
    return found
