"""Balances as of two times: of what was effective by then, as it was known at that time.

Almost everything is booked within a moment of being effective. So it is the balance as booked at
the earlier of the two times, which marks make a short sum, and the entries that lie between.
"""

from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db import connection
from django.utils import timezone

from apps.core.money import ZERO, exact
from apps.ledger.selectors.archives import OF_OWNER, refuse
from apps.ledger.selectors.balances import Balance, balances

# Booked after the effective time and yet effective by then: what follows within a minute is read in
# the order of booking, what came later by the index of late entries. And the other way round: booked
# by then, but effective only afterwards.
# First of all: a month that this would have to read and that is archived, in a row without a code.
BETWEEN: Final = f"""
WITH own AS (
    SELECT a.id, a.code, b.asset FROM ledger_ledgeraccount a
    JOIN ledger_balance b ON b.ledger_account_id = a.id
    WHERE a.tenant_id = %(tenant)s AND a.owner = %(owner)s
), apart AS (
    SELECT e.id, e.booked_at, 1 AS sign FROM ledger_journalentry e
    WHERE e.owner = %(owner)s AND e.tenant_id = %(tenant)s
      AND e.booked_at - e.effective_at > interval '1 minute'
      AND e.booked_at > %(booked)s AND e.booked_at <= %(known)s AND e.effective_at <= %(effective)s
    UNION ALL
    SELECT e.id, e.booked_at, -1 FROM ledger_journalentry e
    WHERE e.owner = %(owner)s AND e.tenant_id = %(tenant)s AND e.effective_at > e.booked_at
      AND e.booked_at <= %(booked)s AND e.effective_at > %(effective)s
), moved AS (
    SELECT p.ledger_account_id, p.asset, p.amount * apart.sign AS amount, p.booked_at
    FROM apart JOIN ledger_posting p ON p.entry_id = apart.id AND p.booked_at = apart.booked_at
    UNION ALL
    SELECT p.ledger_account_id, p.asset, p.amount, p.booked_at
    FROM own JOIN ledger_posting p ON p.ledger_account_id = own.id AND p.asset = own.asset
        AND p.booked_at > %(booked)s
        AND p.booked_at <= least(%(known)s, %(booked)s + interval '1 minute')
    JOIN ledger_journalentry e ON e.id = p.entry_id
    WHERE e.effective_at <= %(effective)s AND e.booked_at - e.effective_at <= interval '1 minute'
)
(SELECT NULL::text, NULL::text, NULL::numeric, z.starts_at
 FROM {OF_OWNER.format(since="%(booked)s", until="least(%(known)s, %(booked)s + interval '1 minute')")}
 LIMIT 1)
UNION ALL
(SELECT NULL, NULL, NULL, z.starts_at FROM apart JOIN ledger_archive z
    ON z.state = 'archived' AND apart.booked_at >= z.starts_at AND apart.booked_at < z.ends_at
 LIMIT 1)
UNION ALL
(SELECT own.code, own.asset, sum(moved.amount), max(moved.booked_at)
 FROM moved JOIN own ON own.id = moved.ledger_account_id AND own.asset = moved.asset
 GROUP BY own.code, own.asset)
"""


def balances_at(
    tenant: int, owner: UUID, *, effective: datetime | None = None, known: datetime | None = None
) -> list[Balance]:
    """A client's balances by account and asset, as of two times (both inclusive).

    Without `effective` all that was known counts; without `known` all that is known now.
    Raises `MonthArchived` where postings that it would have to read are in a file.
    """
    known = known or timezone.now()
    effective = effective or known
    booked = min(effective, known)
    found = {(one.account, one.asset): one for one in balances(tenant, owner, as_of=booked)}
    for code, asset, amount, moved_at in _between(tenant, owner, booked, effective, known):
        before = found.get((code, asset))
        with exact():
            total = amount + (before.amount if before else ZERO)
        at = max(moved_at, before.booked_at) if before else moved_at
        found[code, asset] = Balance(code, asset, total, None, at)
    return [found[place] for place in sorted(found)]


def _between(
    tenant: int, owner: UUID, booked: datetime, effective: datetime, known: datetime
) -> list[tuple[str, str, Decimal, datetime]]:
    with connection.cursor() as cursor:
        cursor.execute(
            BETWEEN,
            {
                "tenant": tenant,
                "owner": owner,
                "booked": booked,
                "effective": effective,
                "known": known,
            },
        )
        rows: list[tuple[str, str, Decimal, datetime]] = cursor.fetchall()
    if rows and rows[0][0] is None:
        refuse(rows[0][3])
    return rows
