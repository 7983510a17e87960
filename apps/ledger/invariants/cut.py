"""Ledger and positions at one cut of the log: a handler that lags makes no difference.

Both sides are read in one snapshot of the database. Where one handler is ahead of the other in a
partition, what it did beyond the other's offset is taken back out: of positions by their history, of
the ledger by the entries of the events between. So they are compared at the same offset.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from apps.core.money import ZERO
from apps.events import registry
from apps.events.contracts import contract_of, partition_of
from apps.ledger.journal import Code
from apps.ledger.selectors.cut import balances_at_cut
from apps.ledger.selectors.owners import HANDLER
from apps.trading import selectors as trading
from apps.trading.events import TradeExecuted

TRADE: Final = contract_of(TradeExecuted)

Place = tuple[UUID, str]
"""Account, and asset."""

BEYOND: Final = """
SELECT DISTINCT e.key FROM unnest(%s::smallint[], %s::bigint[]) AS c (number, low)
JOIN events_event e ON e.topic = 'trade' AND e.partition = c.number AND e."offset" > c.low
    AND e."offset" <= (SELECT max(r."offset") FROM events_cursor r
                       WHERE r.topic = 'trade' AND r.partition = c.number AND r.handler = ANY(%s))
"""
AS_THEY_ARE: Final = """
WITH compared AS (
    SELECT account, asset, coalesce(p.quantity, 0) AS position, coalesce(l.amount, 0) AS ledger
    FROM (
        SELECT p.account_id AS account, i.symbol AS asset, p.quantity
        FROM trading_position p JOIN trading_instrument i ON i.id = p.instrument_id
        WHERE p.tenant_id = coalesce(%(tenant)s, p.tenant_id)
    ) AS p FULL JOIN (
        SELECT a.owner AS account, b.asset, sum(b.amount) AS amount
        FROM ledger_balance b JOIN ledger_ledgeraccount a ON a.id = b.ledger_account_id
        WHERE a.tenant_id = coalesce(%(tenant)s, a.tenant_id) AND a.owner IS NOT NULL
          AND a.code = ANY(%(codes)s)
        GROUP BY a.owner, b.asset
    ) AS l USING (account, asset)
    WHERE NOT account = ANY(%(without)s::uuid[])
)
SELECT count(*), array_agg(account) FILTER (WHERE position <> ledger),
       array_agg(asset) FILTER (WHERE position <> ledger),
       array_agg(position) FILTER (WHERE position <> ledger),
       array_agg(ledger) FILTER (WHERE position <> ledger)
FROM compared
"""

HELD_CODES: Final = [Code.SEC_UNSETTLED.value, Code.SEC_SETTLED.value]


@contextmanager
def one_snapshot() -> Iterator[None]:
    """Everything inside sees the database as it was at one moment."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


def cut() -> dict[int, int]:
    """The offset in every partition up to which both the ledger and the positions have read."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT partition, min("offset") FROM events_cursor
               WHERE topic = 'trade' AND handler = ANY(%s) GROUP BY partition""",
            [readers()],
        )
        return dict(cursor.fetchall())


def readers() -> list[str]:
    """The ledger's reader of trades, and the positions'."""
    found = registry.handlers_of(TRADE.topic)
    return [HANDLER, *(one.name for one in found if one.lane == "positions")]


def held_accounts(tenant: int | None = None) -> frozenset[str]:
    """Accounts (of a tenant) that one of the two cannot get past: their two sides differ until that is
    mended."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT DISTINCT k.key FROM events_parkedkey k
               JOIN events_event e ON e.topic = k.topic AND e.partition = k.partition
                   AND e."offset" = k.first_offset
               WHERE k.topic = %s AND k.handler = ANY(%s)
                 AND e.tenant_id = coalesce(%s, e.tenant_id)""",
            [TRADE.topic, readers(), tenant],
        )
        return frozenset(key for (key,) in cursor.fetchall())


def differing(
    tenant: int | None,
) -> tuple[int, list[tuple[Place, Decimal, Decimal]], dict[int, int]]:
    """How many places were compared; (place, by positions, by ledger) where they differ; the cut.

    Accounts that are held are left out. To be called in one snapshot.
    """
    at, held = cut(), held_accounts()
    ahead = accounts_beyond(at) - held
    count, wrong = _differing_as_they_are(tenant, [UUID(one) for one in held | ahead])
    if ahead:
        compared, others = _differing_at(tenant, at, ahead)
        count, wrong = count + compared, [*wrong, *others]
    return count, sorted(wrong, key=lambda one: str(one[0])), at


def accounts_beyond(at: Mapping[int, int]) -> frozenset[str]:
    """Accounts of which one of the two readers knows more than the other, which stands at the cut."""
    with connection.cursor() as cursor:
        cursor.execute(BEYOND, [list(at), list(at.values()), readers()])
        return frozenset(key for (key,) in cursor.fetchall())


def _differing_as_they_are(
    tenant: int | None, without: list[UUID]
) -> tuple[int, list[tuple[Place, Decimal, Decimal]]]:
    """Both sides as they stand: what neither reader has beyond the other's offset."""
    with connection.cursor() as cursor:
        cursor.execute(AS_THEY_ARE, {"tenant": tenant, "without": without, "codes": HELD_CODES})
        count, *columns = cursor.fetchone() or (0, (), (), (), ())
    rows = zip(*(column or () for column in columns), strict=True)
    return count, [((account, asset), one, other) for account, asset, one, other in rows]


def _differing_at(
    tenant: int | None, at: Mapping[int, int], accounts: frozenset[str]
) -> tuple[int, list[tuple[Place, Decimal, Decimal]]]:
    """Both sides where the cut is."""
    wanted = [UUID(one) for one in accounts]
    held = trading.quantities_at(tenant, at, wanted)
    positions = {(account, symbol): quantity for account, symbol, quantity in held}
    ledger = balances_at_cut(tenant, at, HELD_CODES, wanted)
    places = {*positions, *ledger}
    sides = ((one, positions.get(one, ZERO), ledger.get(one, ZERO)) for one in places)
    return len(places), [side for side in sides if side[1] != side[2]]


def partition(account: UUID) -> int:
    """The partition that an account's facts are in."""
    return partition_of(str(account))
