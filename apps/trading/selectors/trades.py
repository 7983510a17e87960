"""Trades as the outside sees them."""

import json
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec
from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from apps.trading.events import Fee
from apps.trading.exceptions import UnknownTrade
from apps.trading.models import Trade, TradeRevision, TradeState
from apps.trading.selectors.reference import account_id_of, as_uuid, find_instrument

# Ids are made after the time of booking is read, so an id bounds it from below; and ids are indexed.
BY_SECOND: Final = """
SELECT floor(extract(epoch FROM booked_at))::bigint AS second, count(*)
FROM trading_trade WHERE tenant_id = %s AND id >= %s AND booked_at >= %s GROUP BY 1
"""


# The newest version of each trade, where there is one after the first.
REVISED: Final = """
SELECT u.trade, r.version_no, r.state, r.quantity, r.price, r.notional, r.fees, r.reason, r.booked_at
FROM unnest(%s::uuid[]) AS u (trade)
CROSS JOIN LATERAL (
    SELECT * FROM trading_traderevision WHERE trade_id = u.trade
    ORDER BY version_no DESC LIMIT 1
) AS r
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
    reason: str | None = None
    """Why it was cancelled or amended."""
    revised_at: datetime | None = None


_COLUMNS: Final = tuple(
    {"account": "account__number", "instrument": "instrument__symbol", "version": "version_no"}.get(
        name, name
    )
    for name in TradeView.__struct_fields__
    if name not in {"reason", "revised_at"}
)
_REVISED: Final = (
    "trade_id", "version_no", "state", "quantity", "price", "notional", "fees", "reason", "booked_at",
)  # fmt: skip
_FEES: Final = TradeView.__struct_fields__.index("fees")


def find_trade(tenant: int, name: str) -> TradeView:
    """The trade of this id, as it is now. Raises `UnknownTrade`."""
    uid = as_uuid(name)
    found = trades_by_id(tenant, [uid]) if uid else {}
    if uid is None or uid not in found:
        raise UnknownTrade(trade=name)
    return revised([found[uid]])[0]


def revised(found: Sequence[TradeView]) -> list[TradeView]:
    """Trades as they are now: in their newest versions, in one query."""
    with connection.cursor() as cursor:
        cursor.execute(REVISED, [[one.id for one in found]])
        newest = {row[0]: row[1:] for row in cursor.fetchall()}
    return [_in_version(one, *newest[one.id]) if one.id in newest else one for one in found]


def trade_in_version(tenant: int, revision: UUID) -> TradeView:
    """A trade as a revision left it. Raises `UnknownTrade`."""
    row = (
        TradeRevision.objects.for_tenant(tenant).filter(pk=revision).values_list(*_REVISED).first()
    )
    if row is None:
        raise UnknownTrade(revision=str(revision))
    trade, *columns = row
    return _in_version(trades_by_id(tenant, [trade])[trade], *columns)


def _in_version(first: TradeView, *columns: Any) -> TradeView:
    version, state, quantity, price, notional, fees, reason, revised_at = columns
    told = json.loads(fees) if isinstance(fees, str) else fees
    return msgspec.structs.replace(
        first,
        version=version,
        state=state,
        quantity=quantity,
        price=price,
        notional=notional,
        fees=msgspec.convert(told, tuple[Fee, ...], strict=False),
        reason=reason,
        revised_at=revised_at,
    )


def trades_by_id(tenant: int, ids: Collection[UUID]) -> dict[UUID, TradeView]:
    """Those of the trades that the tenant has, as they were executed: in their first version."""
    rows = Trade.objects.for_tenant(tenant).filter(pk__in=list(ids)).values_list(*_COLUMNS)
    return {view.id: view for view in views(rows)}


def newest_trades(
    tenant: int, *, before: UUID | None, limit: int, **filters: Any
) -> list[TradeView]:
    """Trades as they are now, the newest first, older than `before`; filters by column or state."""
    state = filters.pop("state", None)
    found: QuerySet[Trade] = Trade.objects.for_tenant(tenant).filter(**filters)
    if state is not None:
        found = _in_state(found, state)
    if before is not None:
        found = found.filter(pk__lt=before)
    return revised(list(views(found.order_by("-pk").values_list(*_COLUMNS)[:limit])))


def _in_state(found: QuerySet[Trade], state: str) -> QuerySet[Trade]:
    """Those trades whose newest version is in a state."""
    revisions = TradeRevision.objects.filter(trade=OuterRef("pk"), tenant=OuterRef("tenant"))
    cancelled = Exists(revisions.filter(state=TradeState.CANCELLED))
    if state == TradeState.CANCELLED:
        return found.filter(cancelled)
    if state == TradeState.AMENDED:
        return found.filter(Exists(revisions.filter(state=TradeState.AMENDED)), ~cancelled)
    return found.filter(~Exists(revisions), state=state)


def trades(
    tenant: int,
    *,
    after: UUID | None,
    limit: int,
    account: str | None = None,
    instrument: str | None = None,
    state: str | None = None,
) -> list[TradeView]:
    """A page of trades, the newest first, older than the trade `after`; filters by id or name.

    Raises `UnknownAccount`, `UnknownInstrument`.
    """
    filters: dict[str, Any] = {}
    if account:
        filters["account_id"] = account_id_of(tenant, account)
    if instrument:
        filters["instrument_id"] = find_instrument(tenant, instrument).pk
    if state:
        filters["state"] = state
    return newest_trades(tenant, before=after, limit=limit, **filters)


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
