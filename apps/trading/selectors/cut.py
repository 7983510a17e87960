"""Positions beside what others say of them: the ledger at a cut of the log, and the cache."""

from collections.abc import Mapping
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

ALL: Final = """
SELECT p.account_id, p.instrument_id, i.symbol, p.quantity, p.last_offset
FROM trading_position p JOIN trading_instrument i ON i.id = p.instrument_id
WHERE p.tenant_id = coalesce(%s, p.tenant_id)
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


def quantities_at(tenant: int | None, cut: Mapping[int, int]) -> list[tuple[UUID, str, Decimal]]:
    """(account, symbol, quantity) of every position as it was at these offsets per partition."""
    with connection.cursor() as cursor:
        cursor.execute(ALL, [tenant])
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

    An account is asked for between two readings of its rows, so what moves meanwhile is no
    difference.
    """
    rows = Position.objects.for_tenant(tenant).filter(updated_at__gte=since)
    accounts = list(rows.values_list("account_id", flat=True).distinct()[:most])
    checked, differences = 0, []
    for account in accounts:
        before = _stored(account)
        cached = position_cache.read(tenant, partition_of(str(account)), account)
        if cached is None:
            continue
        checked += len(cached.positions)
        after = _stored(account)
        for one in cached.positions:
            stored = before.get(one.instrument_id)
            if stored != after.get(one.instrument_id):
                continue
            if stored != (one.quantity, one.cost, one.realised_pnl, one.fees, one.version):
                differences.append(
                    (account, one.symbol, stored[0] if stored else ZERO, one.quantity)
                )
    return Difference(checked, differences)


def _stored(account: UUID) -> dict[UUID, tuple[Any, ...]]:
    rows = Position.objects.filter(account_id=account)
    columns = ("instrument_id", "quantity", "cost", "realised_pnl", "fees", "version")
    return {row[0]: row[1:] for row in rows.values_list(*columns)}
