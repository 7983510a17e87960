"""Trades as the outside sees them."""

from collections.abc import Collection, Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec
from django.db import connection

from apps.trading.events import Fee
from apps.trading.exceptions import UnknownTrade
from apps.trading.models import Trade, TradeState
from apps.trading.selectors.reference import account_id_of, as_uuid, find_instrument

# Ids are made after the time of booking is read, so an id bounds it from below; and ids are indexed.
BY_SECOND: Final = """
SELECT floor(extract(epoch FROM booked_at))::bigint AS second, count(*)
FROM trading_trade WHERE tenant_id = %s AND id >= %s AND booked_at >= %s GROUP BY 1
"""


class TradeView(msgspec.Struct, frozen=True, gc=False):
    """A trade with the names of its account and instrument. Amounts as booked, times UTC."""

    id: UUID
    account_id: UUID
    account: str
    instrument_id: UUID
    instrument: str
    side: str
    quantity: Decimal
    price: Decimal
    notional: Decimal
    currency: str
    fees: tuple[Fee, ...]
    trade_date: date
    executed_at: datetime
    booked_at: datetime
    source: str
    external_id: str | None
    counterparty: str | None
    version: int = 1
    state: str = TradeState.EXECUTED.value
    settles_on: date | None = None


_COLUMNS: Final = tuple(
    {"account": "account__number", "instrument": "instrument__symbol", "version": "version_no"}.get(
        name, name
    )
    for name in TradeView.__struct_fields__
)
_FEES: Final = TradeView.__struct_fields__.index("fees")


def find_trade(tenant: int, name: str) -> TradeView:
    """The trade of this id. Raises `UnknownTrade`."""
    uid = as_uuid(name)
    found = trades_by_id(tenant, [uid]) if uid else {}
    if uid is None or uid not in found:
        raise UnknownTrade(trade=name)
    return found[uid]


def trades_by_id(tenant: int, ids: Collection[UUID]) -> dict[UUID, TradeView]:
    """Those of the trades that the tenant has."""
    rows = Trade.objects.for_tenant(tenant).filter(pk__in=list(ids)).values_list(*_COLUMNS)
    return {view.id: view for view in views(rows)}


def newest_trades(
    tenant: int, *, before: UUID | None, limit: int, **filters: Any
) -> list[TradeView]:
    """Trades, the newest first, older than `before`."""
    found = Trade.objects.for_tenant(tenant).filter(**filters)
    if before is not None:
        found = found.filter(pk__lt=before)
    return list(views(found.order_by("-pk").values_list(*_COLUMNS)[:limit]))


def trades(
    tenant: int,
    *,
    after: str | None,
    limit: int,
    account: str | None = None,
    instrument: str | None = None,
    state: str | None = None,
) -> list[TradeView]:
    """A page of trades, the newest first, older than the trade `after`; filters by id or name.

    Raises `UnknownAccount`, `UnknownInstrument`, and `UnknownTrade` where `after` is no id.
    """
    filters: dict[str, Any] = {}
    if account:
        filters["account_id"] = account_id_of(tenant, account)
    if instrument:
        filters["instrument_id"] = find_instrument(tenant, instrument).pk
    if state:
        filters["state"] = state
    before = as_uuid(after) if after else None
    if after and before is None:
        raise UnknownTrade(trade=after)
    return newest_trades(tenant, before=before, limit=limit, **filters)


def trades_by_second(tenant: int, since: datetime) -> dict[int, int]:
    """How many trades were booked in each Unix second, from `since` on."""
    with connection.cursor() as cursor:
        cursor.execute(BY_SECOND, [tenant, first_uuid7(since), since])
        return dict(cursor.fetchall())


def first_uuid7(at: datetime) -> UUID:
    """The least id that can be made at a time."""
    return UUID(int=int(at.timestamp() * 1_000) << 80 | 0x7 << 76 | 0x2 << 62)


def views(rows: Iterable[tuple[Any, ...]]) -> Iterable[TradeView]:
    """Rows of `_COLUMNS` as views."""
    for row in rows:
        fees = msgspec.convert(row[_FEES], tuple[Fee, ...], strict=False)
        yield TradeView(*(*row[:_FEES], fees, *row[_FEES + 1 :]))
