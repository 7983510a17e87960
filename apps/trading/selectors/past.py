"""Positions as of two times: of what was dealt up to then, as we knew it at that time.

A change has two times that never fall from one version to the next, so the version that answers is
found by halves, however long the history is. Trades that became known late, and revisions, are
looked up beside it; only where there are any, the position is folded again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.utils import timezone

from apps.trading.exceptions import UnknownPosition
from apps.trading.positions import PositionState
from apps.trading.selectors import reference
from apps.trading.selectors.exposure import terms_of
from apps.trading.selectors.history import History
from apps.trading.selectors.position_cache import StoredPosition
from apps.trading.selectors.positions import Positions, PositionView
from apps.trading.selectors.quotes import Quote

# OFFSET 0: the searches would be merged into every place that mentions them, and made there again.
# Of what the newest change is older than, that is the version, and nothing has to be searched.
AS_OF: Final = """
SELECT p.account_id, a.number, i.kind, i.symbol, p.instrument_id, p.currency, i.multiplier, i.inverse, a.cost_method, known.version,
       coalesce(c."offset", 0), c.quantity, c.cost, c.realised_pnl, c.fees,
       greatest(c.booked_at, late.booked_at), late.booked_at IS NOT NULL
FROM trading_position p
JOIN trading_instrument i ON i.id = p.instrument_id
JOIN trading_clientaccount a ON a.id = p.account_id
CROSS JOIN LATERAL (
    SELECT CASE WHEN p.known_to <= %(known)s THEN p.version
           ELSE trading_version_at(p.account_id, p.instrument_id, 'infinity', %(known)s)
           END AS version OFFSET 0
) AS known
CROSS JOIN LATERAL (
    SELECT CASE WHEN p.known_to <= %(known)s AND p.effective_to <= %(effective)s THEN p.version
           ELSE trading_version_at(p.account_id, p.instrument_id, %(effective)s, %(known)s)
           END AS version OFFSET 0
) AS dealt
LEFT JOIN trading_positionchange c ON c.account_id = p.account_id
    AND c.instrument_id = p.instrument_id AND c.version = dealt.version
LEFT JOIN LATERAL (
    SELECT max(x.booked_at) AS booked_at FROM trading_positionchange x
    WHERE x.account_id = p.account_id AND x.instrument_id = p.instrument_id
      AND x.version > dealt.version AND x.version <= known.version
      AND (x.kind <> 'executed' OR x.effective_at < x.effective_to)
      AND x.effective_at <= %(effective)s
) AS late ON true
WHERE {scope} AND (c.version IS NOT NULL OR late.booked_at IS NOT NULL)
"""


@dataclass(frozen=True, slots=True)
class Found:
    """A row of the query."""

    account: UUID
    number: str
    kind: str
    symbol: str
    instrument: UUID
    currency: str
    multiplier: Decimal
    inverse: bool
    cost_method: str
    version: int
    offset: int
    quantity: Decimal | None
    cost: Decimal | None
    realised_pnl: Decimal | None
    fees: Decimal | None
    updated_at: datetime
    is_late: bool


def positions_as_of(
    tenant: int, account: str, *, effective: datetime | None = None, known: datetime | None = None
) -> Positions:
    """All positions of an account (id or number) that there were; without prices of then,
    and without what had settled by then (the ledger's balances know).

    Without `effective` all that was known counts; without `known` all that is known now.
    Raises `UnknownAccount`.
    """
    account_id = reference.account_id_of(tenant, account)
    now = timezone.now()
    times = {"effective": effective or known or now, "known": known or now}
    rows = found_as_of("p.account_id = %(account)s", {**times, "account": account_id})
    views = [view_of(row, times["effective"]) for row in sorted(rows, key=lambda row: row.symbol)]
    return Positions(account_id, times["effective"], views)


def position_as_of(tenant: int, account: str, symbol: str, **times: Any) -> PositionView:
    """One position of then. Raises `UnknownAccount`, `UnknownPosition`."""
    for view in positions_as_of(tenant, account, **times).positions:
        if symbol in {view.stored.symbol, str(view.stored.instrument_id)}:
            return view
    raise UnknownPosition(account=account, instrument=symbol)


def found_as_of(scope: str, asked: Mapping[str, Any], limit: int | None = None) -> list[Found]:
    """Positions of a scope (SQL over `p`, `a` and `i`) as of `effective` and `known`."""
    with connection.cursor() as cursor:
        cursor.execute(AS_OF.format(scope=scope) + "LIMIT %(limit)s", {**asked, "limit": limit})
        return [Found(*row) for row in cursor.fetchall()]


def view_of(row: Found, effective: datetime) -> PositionView:
    """The position of a row; folded again where its past was told late (four more questions)."""
    terms = terms_of(row.currency, row.multiplier, row.inverse, row.cost_method)
    if row.is_late:
        history = History(row.account, row.instrument, ())
        state = history.at(row.offset + 1, row.version, effective, terms)
    else:
        assert row.quantity is not None
        assert row.cost is not None
        assert row.realised_pnl is not None
        assert row.fees is not None
        state = PositionState(row.quantity, row.cost, row.realised_pnl, row.fees)
    stored = StoredPosition(
        row.symbol,
        row.instrument,
        row.currency,
        state.quantity,
        state.cost,
        state.realised_pnl,
        state.fees,
        row.version,
        row.updated_at,
    )
    return PositionView(stored, Quote(row.multiplier, row.inverse, None, None), None)
