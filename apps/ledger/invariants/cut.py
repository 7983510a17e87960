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


def ledger_units(tenant: int | None, at: Mapping[int, int]) -> dict[Place, Decimal]:
    """Units per account and instrument, settled and not, at a cut."""
    return balances_at_cut(tenant, at, HELD_CODES)


def position_units(tenant: int | None, at: Mapping[int, int]) -> dict[Place, Decimal]:
    """Units per account and instrument by the positions, at a cut."""
    found = trading.quantities_at(tenant, at)
    return {(account, symbol): quantity for account, symbol, quantity in found}


def differing(
    tenant: int | None,
) -> tuple[int, list[tuple[Place, Decimal, Decimal]], dict[int, int]]:
    """How many places were compared; (place, by positions, by ledger) where they differ; the cut.

    Accounts that are held are left out. To be called in one snapshot.
    """
    at, held = cut(), held_accounts()
    positions, ledger = position_units(tenant, at), ledger_units(tenant, at)
    places = {place for place in {*positions, *ledger} if str(place[0]) not in held}
    wrong = [
        (place, positions.get(place, ZERO), ledger.get(place, ZERO))
        for place in sorted(places, key=str)
        if positions.get(place, ZERO) != ledger.get(place, ZERO)
    ]
    return len(places), wrong, at


def partition(account: UUID) -> int:
    """The partition that an account's facts are in."""
    return partition_of(str(account))
