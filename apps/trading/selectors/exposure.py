"""What accounts hold this very moment, trades included that no handler has folded yet."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final
from uuid import UUID

from django.db import connection

from apps.core.money import ZERO, exact, scale_of
from apps.events.contracts import partition_of
from apps.trading.positions import AVERAGE, Terms, notional

FOLDER: Final = "trading.apply_trades"
"""The handler that folds trades into positions."""

# One statement, hence one snapshot: the handler moves its cursor and its positions in one
# transaction, so a trade is counted on exactly one side. What is parked or held counts as told;
# `last_offset` decides where the cursor stands too early.
HOLDINGS = """
WITH asked AS (
    SELECT * FROM unnest(%s::uuid[], %s::text[], %s::smallint[]) AS u (account, key, part)
), told AS (
    SELECT a.account, (e.data ->> 'instrument_id')::uuid AS instrument, e."offset" AS at,
           CASE e.data ->> 'side' WHEN 'buy' THEN 1 ELSE -1 END
               * CASE e.name WHEN 'trading.trade.cancelled' THEN -(e.data ->> 'quantity')::numeric
                      ELSE (e.data ->> 'quantity')::numeric
                           - coalesce((e.data #>> '{previous,quantity}')::numeric, 0) END AS quantity,
           CASE e.name WHEN 'trading.trade.cancelled' THEN 0
                ELSE (e.data ->> 'notional')::numeric END AS book
    FROM asked a
    LEFT JOIN events_cursor c
        ON c.handler = %s AND c.topic = 'trade' AND c.partition = a.part
    LEFT JOIN events_parkedkey k
        ON k.handler = c.handler AND k.topic = c.topic AND k.partition = c.partition
       AND k.key = a.key
    JOIN events_event e ON e.key = a.key AND e.topic = 'trade'
       AND e."offset" > least(coalesce(c."offset", 0), k.first_offset - 1)
       AND e.name IN ('trading.trade.executed', 'trading.trade.amended', 'trading.trade.cancelled')
), held AS (
    SELECT p.account_id AS account, p.instrument_id AS instrument, p.quantity, abs(p.cost) AS book
    FROM asked a JOIN trading_position p ON p.account_id = a.account
    UNION ALL
    SELECT t.account, t.instrument, t.quantity, t.book
    FROM told t LEFT JOIN trading_position p
        ON p.account_id = t.account AND p.instrument_id = t.instrument
    WHERE t.at > coalesce(p.last_offset, 0)
)
SELECT h.account, h.instrument, i.currency, i.multiplier, i.inverse, i.last_price,
       sum(h.quantity), sum(h.book)
FROM held h JOIN trading_instrument i ON i.id = h.instrument
GROUP BY h.account, h.instrument, i.id
"""


@dataclass(frozen=True, slots=True)
class Holding:
    """Units of one instrument in one account, and how they are valued."""

    account_id: UUID
    instrument_id: UUID
    currency: str
    terms: Terms
    last_price: Decimal | None
    quantity: Decimal
    book: Decimal
    """What it cost, or more: the value where there is no price."""

    def value(self, quantity: Decimal | None = None, price: Decimal | None = None) -> Decimal:
        """The contract value, never negative, in the instrument's settlement currency.

        Valued at the last price; without one at `price`; without that at what it cost.
        """
        price = self.last_price or price
        units = self.quantity if quantity is None else quantity
        if not units:
            return ZERO
        return notional(units, price, self.terms) if price else self.book


def holdings_of(accounts: Sequence[UUID]) -> list[Holding]:
    """What accounts hold, as of now: their positions and the trades that these do not know yet."""
    keys = [str(account) for account in accounts]
    parts = [partition_of(key) for key in keys]
    with connection.cursor() as cursor:
        cursor.execute(HOLDINGS, [list(accounts), keys, parts, FOLDER])
        return [
            Holding(account, instrument, currency, terms_of(currency, multiplier, inverse), *rest)
            for account, instrument, currency, multiplier, inverse, *rest in cursor.fetchall()
        ]


@lru_cache(maxsize=4_096)
def terms_of(currency: str, multiplier: Decimal, inverse: bool, method: str = AVERAGE) -> Terms:
    """How a position is valued. There are few kinds of terms, and every position asks for its own."""
    return Terms(multiplier, inverse, method, scale_of(currency))


def gross_exposure(holdings: Iterable[Holding]) -> dict[str, Decimal]:
    """The sum of all position values, long and short alike, by settlement currency."""
    found: dict[str, Decimal] = {}
    with exact():
        for holding in holdings:
            found[holding.currency] = found.get(holding.currency, ZERO) + holding.value()
    return found
