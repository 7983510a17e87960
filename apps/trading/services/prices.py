"""Record last prices, many at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db import connection

from apps.core.exceptions import Fault, fault
from apps.core.problems import dumps
from apps.events.services import unit_of_work
from apps.trading.events import PriceChanged
from apps.trading.selectors.reference import as_uuid
from apps.trading.services import terms as check

CLOCK_TOLERANCE: Final = timedelta(seconds=5)

# In one order for everybody, so that two calls cannot deadlock.
LOCK: Final = """
SELECT id, symbol FROM trading_instrument
WHERE tenant_id = %s AND (symbol = ANY(%s) OR id = ANY(%s::uuid[]))
ORDER BY id FOR NO KEY UPDATE
"""
# A price that is older than what is known changes nothing; neither does one that says the same, nor one
# of before a split, in units that are no more.
RECORD: Final = """
UPDATE trading_instrument AS i SET last_price = p.price, last_price_at = p.at
FROM json_to_recordset(%s::json) AS p (id uuid, price numeric, at timestamptz)
WHERE i.id = p.id AND (p.at >= i.last_price_at OR i.last_price_at IS NULL AND NOT EXISTS (
      SELECT FROM trading_corporateaction s WHERE s.instrument_id = i.id AND s.kind = 'split'
      AND s.state IN ('applied', 'paid') AND s.effective_at > p.at))
  AND (i.last_price, i.last_price_at) IS DISTINCT FROM (p.price, p.at)
RETURNING i.id, i.symbol, i.last_price, i.last_price_at
"""


@dataclass(frozen=True, slots=True)
class PriceUpdate:
    """The price of an instrument (id or symbol) at a time (UTC); no time: now."""

    instrument: str
    price: Decimal
    at: datetime | None = None


def record_prices(tenant: int, prices: Sequence[PriceUpdate], *, now: datetime) -> int:
    """Record prices, all or none; how many are news. An older price than the known one is not.

    Raises `TermsRefused` with every fault of every price.
    """
    faults = [one for index, update in enumerate(prices) for one in _faults(index, update, now)]
    with unit_of_work() as work:
        known = _lock(tenant, prices)
        faults += [
            fault(f"prices.{index}.instrument", "unknown_instrument", "There is no such.")
            for index, update in enumerate(prices)
            if update.instrument not in known
        ]
        check.refuse(faults)
        newest: dict[UUID, PriceUpdate] = {}
        for update in sorted(prices, key=lambda one: one.at or now):
            newest[known[update.instrument]] = update
        changed = _record(newest, now)
        for uid, symbol, price, at in changed:
            fact = PriceChanged(instrument_id=uid, symbol=symbol, price=price, at=at)
            work.publish(fact, tenant=tenant, key=str(uid), occurred_at=at)
    return len(changed)


def _faults(index: int, update: PriceUpdate, now: datetime) -> list[Fault]:
    here = f"prices.{index}"
    found = list(check.positive_faults(f"{here}.price", update.price))
    if update.at is not None and update.at > now + CLOCK_TOLERANCE:
        found.append(fault(f"{here}.at", "in_the_future", "It has not happened yet."))
    return found


def _lock(tenant: int, prices: Sequence[PriceUpdate]) -> dict[str, UUID]:
    """The ids of the instruments, by the names that the prices use."""
    names = {update.instrument for update in prices}
    ids = [uid for name in names if (uid := as_uuid(name)) is not None]
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [tenant, list(names), ids])
        rows = cursor.fetchall()
    return {symbol: uid for uid, symbol in rows} | {str(uid): uid for uid, _ in rows}


def _record(
    newest: dict[UUID, PriceUpdate], now: datetime
) -> list[tuple[UUID, str, Decimal, datetime]]:
    rows = [
        {"id": uid, "price": update.price, "at": update.at or now} for uid, update in newest.items()
    ]
    with connection.cursor() as cursor:
        cursor.execute(RECORD, [dumps(rows).decode()])
        changed: list[tuple[UUID, str, Decimal, datetime]] = cursor.fetchall()
    return changed
