"""Balances: now, and as the ledger knew them at some time."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db import connection

from apps.core.money import ZERO
from apps.ledger.selectors.archives import OF_OWNER, refuse

NOW = """
SELECT a.code, b.asset, b.amount, b.version, b.booked_at
FROM ledger_ledgeraccount a JOIN ledger_balance b ON b.ledger_account_id = a.id
WHERE a.tenant_id = %s AND a.owner = %s
ORDER BY a.code, b.asset
"""
# The newest time at which the balance is known, before the moment, and the postings between the two.
# First of all: a month that this would have to read and that is archived, in a row without a code.
AT_A_MOMENT = f"""
(SELECT NULL::text AS code, NULL::text AS asset, NULL::numeric, NULL::bigint, z.starts_at
 FROM {OF_OWNER.format(since="%(at)s", until="%(at)s")} LIMIT 1)
UNION ALL
(SELECT a.code, b.asset, coalesce(mark.amount, 0) + coalesce(since.amount, 0),
        since.entries, greatest(since.booked_at, mark.booked_at)
 FROM ledger_ledgeraccount a
 JOIN ledger_balance b ON b.ledger_account_id = a.id
 LEFT JOIN LATERAL (
    SELECT m.booked_at, m.amount FROM ledger_known_balance m
    WHERE m.ledger_account_id = b.ledger_account_id AND m.asset = b.asset AND m.booked_at < %(at)s
    ORDER BY m.booked_at DESC LIMIT 1
 ) AS mark ON true
 LEFT JOIN LATERAL (
    SELECT sum(p.amount) AS amount, count(*) AS entries, max(p.booked_at) AS booked_at
    FROM ledger_posting p
    WHERE p.ledger_account_id = b.ledger_account_id AND p.asset = b.asset
      AND p.booked_at > coalesce(mark.booked_at, '-infinity') AND p.booked_at <= %(at)s
      AND (p.booked_at, p.entry_id, p.leg) <= (%(at)s, %(entry)s, %(leg)s::smallint)
 ) AS since ON true
 WHERE a.tenant_id = %(tenant)s AND a.owner = %(owner)s
   AND (mark.booked_at IS NOT NULL OR since.entries > 0)
 ORDER BY a.code, b.asset)
"""
TRIAL = """
SELECT asset, coalesce(sum(amount) FILTER (WHERE amount > 0), 0),
       coalesce(-sum(amount) FILTER (WHERE amount < 0), 0)
FROM (SELECT b.asset, sum(b.amount) AS amount
      FROM ledger_balance b JOIN ledger_ledgeraccount a ON a.id = b.ledger_account_id
      WHERE a.tenant_id = %s GROUP BY b.ledger_account_id, b.asset) AS by_account
GROUP BY asset ORDER BY asset
"""
OF_ACCOUNT = """
SELECT a.code, b.asset, sum(b.amount), sum(b.version)::bigint, max(b.booked_at)
FROM ledger_ledgeraccount a JOIN ledger_balance b ON b.ledger_account_id = a.id
WHERE a.id = %s GROUP BY a.code, b.asset ORDER BY b.asset
"""
ONE = """
SELECT b.amount FROM ledger_ledgeraccount a JOIN ledger_balance b ON b.ledger_account_id = a.id
WHERE a.tenant_id = %s AND a.owner = %s AND a.code = %s AND b.asset = %s
"""
OF_OWNERS = """
SELECT a.owner, b.asset, sum(b.amount)
FROM unnest(%s::int[], %s::uuid[]) AS u (tenant, owner)
JOIN ledger_ledgeraccount a ON a.tenant_id = u.tenant AND a.owner = u.owner AND a.code = %s
JOIN ledger_balance b ON b.ledger_account_id = a.id
GROUP BY a.owner, b.asset
"""
LAST_ENTRY: Final = UUID(int=2**128 - 1)
FIRST_ENTRY: Final = UUID(int=0)
LAST_LEG: Final = 2**15 - 1


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in the order in which an account's postings are read."""

    at: datetime
    entry: UUID = LAST_ENTRY
    leg: int = LAST_LEG

    @classmethod
    def just_before(cls, at: datetime) -> "Moment":
        """Before anything that was booked at this time."""
        return cls(at, FIRST_ENTRY, 0)


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account holds of an asset; + is its holder's claim."""

    account: str
    asset: str
    amount: Decimal
    version: int | None
    """How many entries moved it; not told for past times."""
    booked_at: datetime
    """When it was last moved."""


@dataclass(frozen=True, slots=True)
class TrialRow:
    """An asset's balances on either side; they are equal, or the ledger is broken."""

    asset: str
    debit: Decimal
    credit: Decimal


def balances(tenant: int, owner: UUID, *, as_of: datetime | Moment | None = None) -> list[Balance]:
    """A client's balances by account and asset; `as_of` a time (inclusive, of booking).

    Raises `MonthArchived` where its postings of that time are in a file.
    """
    if as_of is None:
        with connection.cursor() as cursor:
            cursor.execute(NOW, [tenant, owner])
            return [Balance(*row) for row in cursor.fetchall()]
    moment = as_of if isinstance(as_of, Moment) else Moment(as_of)
    with connection.cursor() as cursor:
        cursor.execute(
            AT_A_MOMENT,
            {
                "tenant": tenant,
                "owner": owner,
                "at": moment.at,
                "entry": moment.entry,
                "leg": moment.leg,
            },
        )
        rows = cursor.fetchall()
    if rows and rows[0][0] is None:
        refuse(rows[0][4])
    return [Balance(row[0], row[1], row[2], None, row[4]) for row in rows]


def balance(tenant: int, owner: UUID, code: str, asset: str) -> Decimal:
    """One balance of a client, now; 0 where it was never moved."""
    with connection.cursor() as cursor:
        cursor.execute(ONE, [tenant, owner, str(code), asset])
        found = cursor.fetchone()
    return found[0] if found else ZERO


def balances_of_owners(
    owners: Collection[tuple[int, UUID]], code: str
) -> dict[tuple[UUID, str], Decimal]:
    """What clients (tenant, owner) hold under a code now, by owner and asset; what is not there is 0."""
    if not owners:
        return {}
    tenants, uids = zip(*owners, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(OF_OWNERS, [list(tenants), list(uids), str(code)])
        return {(owner, asset): amount for owner, asset, amount in cursor.fetchall()}


def account_balances(ledger_account: int) -> list[Balance]:
    """The balances of one ledger account per asset; a house account's over all partitions."""
    with connection.cursor() as cursor:
        cursor.execute(OF_ACCOUNT, [ledger_account])
        return [Balance(*row) for row in cursor.fetchall()]


def trial_balance(tenant: int) -> list[TrialRow]:
    """Debit and credit balances per asset, over all accounts, in one snapshot."""
    with connection.cursor() as cursor:
        cursor.execute(TRIAL, [tenant])
        return [TrialRow(*row) for row in cursor.fetchall()]
