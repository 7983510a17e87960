"""The blotter: every version of every trade that was booked between two times, newest first.

Trades and their revisions bear ids that grow with time, so a line's id is its place, a page is two
ranges of an index, and what was listed once is listed the same for ever.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import connection

from apps.trading.selectors import reference
from apps.trading.selectors.trades import first_uuid7

SLACK: Final = timedelta(minutes=10)
"""An id is made after the time of booking is read; longer than that takes."""
LAST: Final = UUID(int=2**128 - 1)

# Each arm gives one page at most, by its index; the two are merged and cut again.
LINES: Final = """
WITH line AS (
    (SELECT t.id AS line, t.id AS trade, 1::smallint AS version, t.state, t.quantity, t.price,
            t.notional, t.fees, '' AS reason, t.booked_at
     FROM trading_trade t
     WHERE t.tenant_id = %(tenant)s AND t.id >= %(low)s AND t.id < %(high)s
       AND t.booked_at >= %(since)s AND t.booked_at < %(until)s
       AND (%(account)s::uuid IS NULL OR t.account_id = %(account)s)
       AND (%(instrument)s::uuid IS NULL OR t.instrument_id = %(instrument)s)
       AND (%(state)s = '' OR t.state = %(state)s)
       AND (NOT %(newest)s OR NOT EXISTS (
            SELECT FROM trading_traderevision n WHERE n.trade_id = t.id))
     ORDER BY t.id DESC LIMIT %(limit)s)
    UNION ALL
    (SELECT r.id, r.trade_id, r.version_no, r.state, r.quantity, r.price, r.notional, r.fees,
            r.reason, r.booked_at
     FROM trading_traderevision r JOIN trading_trade t ON t.id = r.trade_id
     WHERE r.tenant_id = %(tenant)s AND r.id >= %(low)s AND r.id < %(high)s
       AND r.booked_at >= %(since)s AND r.booked_at < %(until)s
       AND (%(account)s::uuid IS NULL OR t.account_id = %(account)s)
       AND (%(instrument)s::uuid IS NULL OR t.instrument_id = %(instrument)s)
       AND (%(state)s = '' OR r.state = %(state)s)
       AND (NOT %(newest)s OR NOT EXISTS (
            SELECT FROM trading_traderevision n
            WHERE n.trade_id = r.trade_id AND n.version_no > r.version_no))
     ORDER BY r.id DESC LIMIT %(limit)s)
    ORDER BY line DESC LIMIT %(limit)s
)
SELECT l.line, l.trade, l.version, l.state, a.number, i.symbol, t.side, l.quantity, l.price,
       l.notional, t.currency,
       coalesce((SELECT sum((f ->> 'amount')::numeric) FROM jsonb_array_elements(l.fees) AS f), 0),
       t.trade_date, t.settles_on, t.executed_at, l.booked_at, coalesce(t.counterparty, ''),
       t.source, coalesce(t.external_id, ''), l.reason
FROM line l
JOIN trading_trade t ON t.id = l.trade
JOIN trading_clientaccount a ON a.id = t.account_id
JOIN trading_instrument i ON i.id = t.instrument_id
ORDER BY l.line DESC
"""


@dataclass(frozen=True, slots=True)
class Line:
    """A version of a trade. Amounts in `currency`; times UTC; `fees`: the client pays, if positive."""

    line: UUID
    trade: UUID
    version: int
    state: str
    account: str
    instrument: str
    side: str
    quantity: Decimal
    price: Decimal
    notional: Decimal
    currency: str
    fees: Decimal
    trade_date: date
    settles_on: date | None
    executed_at: datetime
    booked_at: datetime
    counterparty: str
    source: str
    external_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines are wanted; nothing said: all."""

    account: str | None = None
    instrument: str | None = None
    state: str = ""
    """Of the line."""
    newest_only: bool = False
    """Without versions that a later one has replaced by now."""


def blotter(
    tenant: int,
    since: datetime,
    until: datetime,
    wanted: Wanted,
    *,
    limit: int,
    before: UUID | None = None,
) -> Sequence[Line]:
    """Lines that were booked in [since, until), newest first, those before a line.

    Raises `UnknownAccount`, `UnknownInstrument`.
    """
    account, instrument = wanted.account, wanted.instrument
    asked: dict[str, Any] = {
        "tenant": tenant,
        "since": since,
        "until": until,
        "low": first_uuid7(since),
        "high": min(before or LAST, first_uuid7(until + SLACK)),
        "account": reference.account_id_of(tenant, account) if account else None,
        "instrument": reference.find_instrument(tenant, instrument).pk if instrument else None,
        "state": wanted.state,
        "newest": wanted.newest_only,
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(LINES, asked)
        return [Line(*row) for row in cursor.fetchall()]
