"""Positions, with what they are worth now."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db import connection
from django.utils import timezone

from apps.core.money import ZERO
from apps.events.contracts import partition_of
from apps.trading import positions
from apps.trading.exceptions import UnknownPosition
from apps.trading.positions import PositionState
from apps.trading.selectors import position_cache, quotes, reference, settled
from apps.trading.selectors.exposure import terms_of
from apps.trading.selectors.position_cache import Cached, StoredPosition
from apps.trading.selectors.quotes import Quote

# With the mark of the account's partition, in one snapshot: the cache may keep the answer for as
# long as that mark stands.
FROM_DATABASE: Final = """
SELECT m.token, i.symbol, p.instrument_id, p.currency, p.quantity, p.cost, p.realised_pnl, p.fees,
       p.version, p.updated_at
FROM (SELECT 1) AS one
LEFT JOIN trading_positionmark m ON m.partition = %s
LEFT JOIN (trading_position p JOIN trading_instrument i ON i.id = p.instrument_id)
    ON p.account_id = %s
"""


@dataclass(frozen=True, slots=True)
class PositionView:
    """A position and what it is worth. Amounts in `currency`, but for the quantity."""

    stored: StoredPosition
    quote: Quote
    settled: Decimal | None = ZERO
    """Of the quantity; the rest is still owed. Nothing is said of the past."""

    @property
    def average_cost(self) -> Decimal | None:
        """The average entry price; nothing when flat."""
        return positions.average_cost(self._state, self._terms)

    @property
    def unrealised_pnl(self) -> Decimal | None:
        """What closing at the last price would bring before fees; nothing without a price."""
        price = self.quote.last_price
        if not self.stored.quantity:
            return ZERO
        return positions.unrealised_pnl(self._state, price, self._terms) if price else None

    @property
    def _state(self) -> PositionState:
        return PositionState(self.stored.quantity, self.stored.cost)

    @property
    def _terms(self) -> positions.Terms:
        return terms_of(self.stored.currency, self.quote.multiplier, self.quote.inverse)


@dataclass(frozen=True, slots=True)
class Positions:
    """An account's positions by symbol, and the moment at which the database said so."""

    account_id: UUID
    as_of: datetime
    positions: Sequence[PositionView]


def positions_of(tenant: int, account: str) -> Positions:
    """All positions of the account of this id or number. Raises `UnknownAccount`."""
    account_id = reference.account_id_of(tenant, account)
    partition = partition_of(str(account_id))
    cached = position_cache.read(tenant, partition, account_id)
    if cached is None:
        cached = _from_database(tenant, partition, account_id)
    known = quotes.of([one.instrument_id for one in cached.positions])
    units = settled.settled_of(account_id)
    views = [
        PositionView(one, known[one.instrument_id], units.get(one.instrument_id, ZERO))
        for one in cached.positions
    ]
    views.sort(key=lambda view: view.stored.symbol)
    return Positions(account_id, cached.as_of, views)


def position_of(tenant: int, account: str, symbol: str) -> PositionView:
    """One position. Raises `UnknownAccount`, `UnknownPosition`."""
    found = positions_of(tenant, account)
    for view in found.positions:
        if symbol in {view.stored.symbol, str(view.stored.instrument_id)}:
            return view
    raise UnknownPosition(account=account, instrument=symbol)


def position_quantities(tenant: int | None) -> list[tuple[int, UUID, str, Decimal]]:
    """(tenant, account, symbol, quantity) of every position; flat ones, too."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT p.tenant_id, p.account_id, i.symbol, p.quantity
               FROM trading_position p JOIN trading_instrument i ON i.id = p.instrument_id
               WHERE %s::integer IS NULL OR p.tenant_id = %s""",
            [tenant, tenant],
        )
        rows: list[tuple[int, UUID, str, Decimal]] = cursor.fetchall()
    return rows


def forget() -> None:
    """Forget what this process remembers; between tests, whose databases are emptied."""
    position_cache.forget()
    quotes.forget()
    settled.forget()
    reference.forget()


def _from_database(tenant: int, partition: int, account_id: UUID) -> Cached:
    asked_at, as_of = time.monotonic(), timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(FROM_DATABASE, [partition, account_id])
        rows = cursor.fetchall()
    found = [StoredPosition(*row[1:]) for row in rows if row[1] is not None]
    mark = position_cache.seen(partition, rows[0][0], asked_at, as_of)
    position_cache.fill(tenant, account_id, mark, found, partition=partition)
    return Cached(as_of, found)
