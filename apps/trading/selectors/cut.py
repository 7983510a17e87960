"""Positions beside what others say of them: the ledger at a cut of the log, and the cache."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import connection

from apps.core.money import ZERO
from apps.events.contracts import partition_of
from apps.trading.models import Position
from apps.trading.selectors import position_cache

OF_ACCOUNTS: Final = """
SELECT p.account_id, p.instrument_id, i.symbol, p.quantity, p.last_offset
FROM trading_position p JOIN trading_instrument i ON i.id = p.instrument_id
WHERE p.tenant_id = coalesce(%s, p.tenant_id) AND p.account_id = ANY(%s)
"""
BEFORE: Final = """
SELECT u.account, u.instrument, c.quantity
FROM unnest(%s::uuid[], %s::uuid[], %s::bigint[]) AS u (account, instrument, at)
CROSS JOIN LATERAL (
    SELECT quantity FROM trading_positionchange h
    WHERE h.account_id = u.account AND h.instrument_id = u.instrument AND h."offset" <= u.at
    ORDER BY h.version DESC LIMIT 1
) AS c
"""


def quantities_at(
    tenant: int | None, cut: Mapping[int, int], accounts: Sequence[UUID]
) -> list[tuple[UUID, str, Decimal]]:
    """(account, symbol, quantity) of accounts' positions as they were at offsets per partition."""
    with connection.cursor() as cursor:
        cursor.execute(OF_ACCOUNTS, [tenant, list(accounts)])
        rows = cursor.fetchall()
    partitions = {account: partition_of(str(account)) for account in {row[0] for row in rows}}
    ahead = [
        (account, instrument, cut.get(partitions[account], 0))
        for account, instrument, _, _, offset in rows
        if offset > cut.get(partitions[account], 0)
    ]
    back = _before(ahead) if ahead else {}
    wanted = {(account, instrument) for account, instrument, _ in ahead}
    return [
        (
            account,
            symbol,
            back.get((account, instrument), ZERO) if (account, instrument) in wanted else quantity,
        )
        for account, instrument, symbol, quantity, _ in rows
    ]


def _before(ahead: list[tuple[UUID, UUID, int]]) -> dict[tuple[UUID, UUID], Decimal]:
    with connection.cursor() as cursor:
        cursor.execute(BEFORE, [list(column) for column in zip(*ahead, strict=True)])
        return {
            (account, instrument): quantity for account, instrument, quantity in cursor.fetchall()
        }


@dataclass(frozen=True, slots=True)
class Difference:
    """What was compared of the cache, and (account, symbol, stored, cached) where it differs."""

    checked: int
    differences: list[tuple[UUID, str, Decimal, Decimal]]


def differing_from_cache(tenant: int, since: datetime, most: int) -> Difference:
    """Compare what Redis would serve with the table, for accounts that moved since a time.

    The cache is asked between two readings of the rows, so what moves meanwhile is no difference.
    """
    rows = Position.objects.for_tenant(tenant).filter(updated_at__gte=since)
    accounts = list(rows.values_list("account_id", flat=True).distinct()[:most])
    before = _stored(accounts)
    cached = {
        account: position_cache.read(tenant, partition_of(str(account)), account)
        for account in accounts
    }
    after = _stored(accounts)
    checked, differences = 0, []
    for account, found in cached.items():
        for one in found.positions if found else ():
            checked += 1
            place = account, one.instrument_id
            stored = before.get(place)
            if stored != after.get(place):
                continue
            if stored != (one.quantity, one.cost, one.realised_pnl, one.fees, one.version):
                differences.append(
                    (account, one.symbol, stored[0] if stored else ZERO, one.quantity)
                )
    return Difference(checked, differences)


def _stored(accounts: Sequence[UUID]) -> dict[tuple[UUID, UUID], tuple[Any, ...]]:
    rows = Position.objects.filter(account_id__in=accounts)
    columns = ("quantity", "cost", "realised_pnl", "fees", "version")
    found = rows.values_list("account_id", "instrument_id", *columns)
    return {row[:2]: row[2:] for row in found}
