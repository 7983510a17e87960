"""The accounts, instruments and counterparties that a chunk of requests names, read fresh."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection

from apps.calendars import selectors as calendars
from apps.calendars.exceptions import UnknownCalendar
from apps.trading.positions import Terms
from apps.trading.selectors.exposure import terms_of
from apps.trading.selectors.reference import as_uuid
from apps.trading.services.intake.requests import Reading

# Whoever applies a corporate action waits for those that are at it, and they for it: so every trade of
# before the ex-date is in the log before the action, and every later one behind it. The lock comes
# before the instruments are read.
ACTIONS: Final = 0xAC7101
ACCOUNTS: Final = f"""
WITH at_it AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared({ACTIONS}, %s) AS taken)
SELECT id, number, status, cost_method, max_order_notional, max_gross_exposure,
       max_orders_per_second
FROM at_it, trading_clientaccount
WHERE tenant_id = %s AND (number = ANY(%s) OR id = ANY(%s::uuid[]))
"""
# Whoever checks a limit that earlier trades count against waits for whoever is at it, in one order.
LIMITED: Final = """
SELECT id, number, status, cost_method, max_order_notional, max_gross_exposure,
       max_orders_per_second
FROM trading_clientaccount WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
"""
INSTRUMENTS: Final = """
SELECT id, symbol, status, currency, lot_size, tick_size, price_band, last_price, closed_before,
       action_on, multiplier, inverse, kind, settlement_days, settlement_calendar
FROM trading_instrument WHERE tenant_id = %s AND (symbol = ANY(%s) OR id = ANY(%s::uuid[]))
"""
COUNTERPARTIES: Final = (
    "SELECT code, status FROM trading_counterparty WHERE tenant_id = %s AND code = ANY(%s)"
)


class AccountRef(NamedTuple):
    """What intake needs to know of an account."""

    id: UUID
    number: str
    status: str
    cost_method: str
    max_order_notional: Decimal | None
    max_gross_exposure: Decimal | None
    max_orders_per_second: int | None

    @property
    def is_limited(self) -> bool:
        """Whether earlier trades count against it."""
        return self.max_gross_exposure is not None or self.max_orders_per_second is not None


class InstrumentRef(NamedTuple):
    """What intake needs to know of an instrument."""

    id: UUID
    symbol: str
    status: str
    currency: str
    lot_size: Decimal | None
    tick_size: Decimal | None
    price_band: Decimal | None
    last_price: Decimal | None
    closed_before: date | None
    action_on: date | None
    terms: Terms
    settlement: calendars.Terms | None
    """None where it names a calendar that there is not."""


class References(NamedTuple):
    """What was found, by the names that the requests use."""

    accounts: dict[str, AccountRef]
    instruments: dict[str, InstrumentRef]
    counterparties: dict[str, str]
    """Status by code."""


def load(tenant: int, readings: Sequence[Reading]) -> References:
    """What these requests name, in two or three queries; limited accounts are locked."""
    asked = [reading.request for reading in readings]
    accounts = _by_name(ACCOUNTS, (tenant, tenant), {one.account for one in asked})
    found = {name: AccountRef(*row) for name, row in accounts.items()}
    limited = sorted({one.id for one in found.values() if one.is_limited})
    if limited:
        found = _lock(limited, found)
    instruments = _by_name(INSTRUMENTS, (tenant,), {one.instrument for one in asked})
    codes = {one.counterparty for one in asked if one.counterparty is not None}
    return References(
        found,
        {name: _instrument(row) for name, row in instruments.items()},
        _counterparties(tenant, codes) if codes else {},
    )


def _lock(limited: list[UUID], found: dict[str, AccountRef]) -> dict[str, AccountRef]:
    with connection.cursor() as cursor:
        cursor.execute(LIMITED, [limited])
        fresh = {row[0]: AccountRef(*row) for row in cursor.fetchall()}
    return {name: fresh.get(one.id, one) for name, one in found.items()}


def _by_name(
    query: str, tenants: Sequence[int], names: Iterable[str]
) -> dict[str, tuple[Any, ...]]:
    """Rows (id, natural name, …) by the name that was asked for."""
    ids = {name: uid for name in names if (uid := as_uuid(name)) is not None}
    natural = [name for name in names if name not in ids]
    with connection.cursor() as cursor:
        cursor.execute(query, [*tenants, natural, list(ids.values())])
        rows = cursor.fetchall()
    found = {row[1]: row for row in rows}
    by_id = {row[0]: row for row in rows}
    return {
        name: row
        for name in (*natural, *ids)
        if (row := by_id.get(ids[name]) if name in ids else found.get(name)) is not None
    }


def _instrument(row: tuple[Any, ...]) -> InstrumentRef:
    *plain, multiplier, inverse, kind, days, calendar = row
    symbol, currency = row[1], row[3]
    try:
        settlement = calendars.terms_for(kind, symbol, currency, calendar, days)
    except UnknownCalendar:
        settlement = None
    return InstrumentRef._make((*plain, terms_of(currency, multiplier, inverse), settlement))


def _counterparties(tenant: int, codes: Iterable[str]) -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute(COUNTERPARTIES, [tenant, list(codes)])
        return dict(cursor.fetchall())
