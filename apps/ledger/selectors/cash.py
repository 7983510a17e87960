"""Cash of all accounts over a time: what each began with, what moved it and why, what it ended with.

All accounts of the chart that hold currencies, the house's included: so the sum of a column is zero
in every currency, and the closing balances are the trial balance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import connection

from apps.ledger.journal import SECURITY_CODES, Code
from apps.ledger.selectors.archives import refuse_archived

# Backwards from the present balances, in one snapshot: work grows with what was booked since the
# beginning of the time, and not with the history before it.
CASH: Final = """
WITH held AS MATERIALIZED (
    SELECT a.id, a.code, a.owner_number, b.asset, sum(b.amount) AS amount
    FROM ledger_ledgeraccount a JOIN ledger_balance b ON b.ledger_account_id = a.id
    WHERE a.tenant_id = %(tenant)s AND NOT a.code = ANY(%(securities)s)
      AND (%(owner)s::uuid IS NULL OR a.owner = %(owner)s)
    GROUP BY a.id, b.asset
)
SELECT h.owner_number, h.code, h.asset,
       h.amount - coalesce(m.later, 0) - coalesce(m.total, 0),
       coalesce(m.transfers, 0), coalesce(m.trades, 0), coalesce(m.settlements, 0),
       coalesce(m.fees, 0), coalesce(m.penalties, 0), coalesce(m.others, 0),
       h.amount - coalesce(m.later, 0), coalesce(m.postings, 0)
FROM held h
LEFT JOIN LATERAL (
    SELECT sum(p.amount) FILTER (WHERE NOT inside) AS later,
           sum(p.amount) FILTER (WHERE inside) AS total,
           count(*) FILTER (WHERE inside) AS postings,
           sum(p.amount) FILTER (WHERE inside AND p.kind = 'CASH') AS transfers,
           sum(p.amount) FILTER (WHERE inside AND p.kind IN ('TRADE', 'REVERSAL')) AS trades,
           sum(p.amount) FILTER (WHERE inside AND p.kind = 'SETTLEMENT') AS settlements,
           sum(p.amount) FILTER (WHERE inside AND p.kind = 'FEE') AS fees,
           sum(p.amount) FILTER (WHERE inside AND p.kind = 'PENALTY') AS penalties,
           sum(p.amount) FILTER (WHERE inside AND p.kind NOT IN
               ('CASH', 'TRADE', 'REVERSAL', 'SETTLEMENT', 'FEE', 'PENALTY')) AS others
    FROM (
        SELECT q.amount, e.kind, q.booked_at < %(until)s AS inside
        FROM ledger_posting q JOIN ledger_journalentry e ON e.id = q.entry_id
        WHERE q.ledger_account_id = h.id AND q.asset = h.asset AND q.booked_at >= %(since)s
    ) AS p
) AS m ON true
ORDER BY h.owner_number = '', h.owner_number, h.code, h.asset
LIMIT %(limit)s
"""
# Who paid is the client in whose journal the entry is.
FEES: Final = """
SELECT coalesce(o.owner_number, ''), h.code, p.asset, sum(p.amount), count(*)
FROM ledger_ledgeraccount h
JOIN ledger_posting p ON p.ledger_account_id = h.id
    AND p.booked_at >= %(since)s AND p.booked_at < %(until)s
JOIN ledger_journalentry e ON e.id = p.entry_id
LEFT JOIN ledger_ledgeraccount o
    ON o.tenant_id = h.tenant_id AND o.owner = e.owner AND o.code = %(client)s
WHERE h.tenant_id = %(tenant)s AND h.owner IS NULL AND h.code = ANY(%(codes)s)
  AND (%(owner)s::uuid IS NULL OR e.owner = %(owner)s)
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
LIMIT %(limit)s
"""
CHARGED: Final = (Code.FEE_COMMISSION, Code.FEE_EXCHANGE, Code.FEE_OTHER, Code.TAX, Code.PENALTY)
"""The house's accounts that clients pay into."""


@dataclass(frozen=True, slots=True)
class CashLine:
    """An account's cash in a currency: + is its holder's claim. Without an owner it is the house's.

    opening + transfers + trades + settlements + fees + penalties + others = closing, exactly.
    """

    owner: str
    account: str
    currency: str
    opening: Decimal
    transfers: Decimal
    trades: Decimal
    settlements: Decimal
    fees: Decimal
    penalties: Decimal
    others: Decimal
    closing: Decimal
    postings: int


@dataclass(frozen=True, slots=True)
class FeeLine:
    """What a client was charged on one of the house's accounts; negative: was given back."""

    owner: str
    account: str
    currency: str
    charged: Decimal
    entries: int


def cash(
    tenant: int, since: datetime, until: datetime, *, limit: int, owner: UUID | None = None
) -> Sequence[CashLine]:
    """Cash by account and currency over [since, until), by time of booking; the house's last.

    Raises `MonthArchived` where postings since then are in a file.
    """
    refuse_archived(tenant, owner, since)
    asked: dict[str, Any] = {
        "tenant": tenant,
        "since": since,
        "until": until,
        "owner": owner,
        "securities": [str(code) for code in SECURITY_CODES],
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(CASH, asked)
        return [CashLine(*row) for row in cursor.fetchall()]


def fees(
    tenant: int, since: datetime, until: datetime, *, limit: int, owner: UUID | None = None
) -> Sequence[FeeLine]:
    """What clients were charged over [since, until), by time of booking: fees, taxes, penalties.

    What was taken back by a reversal is taken off again. Raises `MonthArchived` where postings of the
    time are in a file.
    """
    refuse_archived(tenant, owner, since, until)
    asked: dict[str, Any] = {
        "tenant": tenant,
        "since": since,
        "until": until,
        "owner": owner,
        "codes": [str(code) for code in CHARGED],
        "client": str(Code.CASH_SETTLED),
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(FEES, asked)
        return [FeeLine(*row) for row in cursor.fetchall()]
