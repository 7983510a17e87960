"""A tenant's whole book: every position with its mark, now or as of two times."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.db import connection
from django.utils import timezone

from apps.trading import positions
from apps.trading.positions import PositionState
from apps.trading.selectors import reference
from apps.trading.selectors.exposure import terms_of
from apps.trading.selectors.marks import marks_at
from apps.trading.selectors.past import found_as_of, view_of

SCOPE: Final = (
    "a.tenant_id = %(tenant)s"
    " AND (%(account)s::uuid IS NULL OR a.id = %(account)s)"
    " AND (%(instrument)s::uuid IS NULL OR p.instrument_id = %(instrument)s)"
)
NOW: Final = f"""
SELECT a.number, i.kind, i.symbol, p.currency, i.multiplier, i.inverse, p.quantity, p.cost,
       p.realised_pnl, p.fees, i.last_price
FROM trading_clientaccount a
JOIN trading_position p ON p.account_id = a.id
JOIN trading_instrument i ON i.id = p.instrument_id
WHERE {SCOPE}
LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Held:
    """A position with its mark. Amounts in `currency`, `quantity` in units, `mark` as quoted."""

    account: str
    kind: str
    instrument: str
    currency: str
    multiplier: Decimal
    inverse: bool
    quantity: Decimal
    cost: Decimal
    realised_pnl: Decimal
    fees: Decimal
    mark: Decimal | None

    @property
    def value(self) -> Decimal | None:
        """The contract value at the mark, signed like the quantity; nothing without a mark."""
        if self.mark is None:
            return None
        return positions.market_value(self._state, self.mark, self._terms)

    @property
    def unrealised_pnl(self) -> Decimal | None:
        """What closing at the mark would bring before fees; nothing without a mark."""
        if self.mark is None:
            return None
        return positions.unrealised_pnl(self._state, self.mark, self._terms)

    @property
    def _state(self) -> PositionState:
        return PositionState(self.quantity, self.cost)

    @property
    def _terms(self) -> positions.Terms:
        return terms_of(self.currency, self.multiplier, self.inverse)


def book_of(
    tenant: int,
    *,
    limit: int,
    account: str | None = None,
    instrument: str | None = None,
    effective: datetime | None = None,
    known: datetime | None = None,
) -> Sequence[Held]:
    """At most `limit` positions of a tenant, closed ones included, in two questions at most; and
    four for each position whose past was told late.

    Without `effective` all that was known counts; without `known` all that is known now.
    Raises `UnknownAccount`, `UnknownInstrument`.
    """
    asked: dict[str, Any] = {
        "tenant": tenant,
        "account": reference.account_id_of(tenant, account) if account else None,
        "instrument": reference.find_instrument(tenant, instrument).pk if instrument else None,
        "limit": limit,
    }
    if effective is None and known is None:
        with connection.cursor() as cursor:
            cursor.execute(NOW, asked)
            return [Held(*row) for row in cursor.fetchall()]
    now = timezone.now()
    return _as_of(asked, effective or known or now, known or now, limit)


def _as_of(
    asked: dict[str, Any], effective: datetime, known: datetime, limit: int
) -> Sequence[Held]:
    rows = found_as_of(SCOPE, {**asked, "effective": effective, "known": known}, limit)
    marks = marks_at({row.instrument for row in rows}, effective=effective, known=known)
    held = []
    for row in rows:
        state = view_of(row, effective).stored
        held.append(
            Held(
                row.number,
                row.kind,
                row.symbol,
                row.currency,
                row.multiplier,
                row.inverse,
                state.quantity,
                state.cost,
                state.realised_pnl,
                state.fees,
                marks[row.instrument],
            )
        )
    return held
