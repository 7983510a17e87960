"""Fails age: every business day on which something that was due has not settled has its price."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Final

from django.db import connection
from django.utils import timezone

from apps.calendars import selectors as calendars
from apps.calendars.exceptions import BeyondCalendar, UnknownCalendar
from apps.core.money import ZERO, exact, scale_of
from apps.events.services import unit_of_work
from apps.ledger import services as books
from apps.ledger.services import PenaltyDay
from apps.settlement.events import PenaltyAccrued
from apps.settlement.penalties import is_ours, penalty, rate_for
from apps.settlement.services import rows
from apps.settlement.services.rows import Row
from apps.trading import selectors as trading
from apps.trading.selectors import SettlementTerms, quotes

BATCH: Final = 500
FAILING: Final = f"""
{rows.SELECT} WHERE s.due_on < %s AND s.state NOT IN ('settled', 'cancelled', 'compensated')
  AND s.instructed_at IS NOT NULL AND NOT s.is_unwanted
  AND NOT EXISTS (SELECT FROM settlement_penalty p WHERE p.settlement_id = s.id AND p."on" = %s)
  AND (%s::uuid IS NULL OR s.id > %s)
ORDER BY s.id LIMIT %s
"""
INSERT: Final = """
INSERT INTO settlement_penalty (settlement_id, "on", tenant_id, quantity, price, rate, amount,
                                currency, accrued_at)
SELECT * FROM unnest(%s::uuid[], %s::date[], %s::int[], %s::numeric[], %s::numeric[], %s::numeric[],
                     %s::numeric[], %s::text[], %s::timestamptz[])
ON CONFLICT DO NOTHING RETURNING settlement_id
"""


@dataclass(frozen=True, slots=True)
class _Day:
    row: Row
    price: Decimal
    rate: Decimal
    amount: Decimal
    """Positive: what it costs whoever caused it."""


def accrue_penalties(day: date) -> int:
    """Accrue a business day of every fail, once; how many there were. Safe to repeat."""
    count, last = 0, None
    while found := rows.read(FAILING, [day, day, last, last, BATCH]):
        last = found[-1].id
        with unit_of_work():
            count += _accrue(_days(found, day), day)
    return count


def _days(found: Sequence[Row], day: date) -> list[_Day]:
    """Those whose market was open on that day, with their price."""
    instruments = {one.instrument_id for one in found}
    terms, last = trading.settlement_terms(instruments), quotes.of(instruments)
    days = []
    for one in found:
        known = terms[one.instrument_id]
        if not _is_business_day(one, known, day):
            continue
        price = last[one.instrument_id].last_price or _own_price(one)
        rate = rate_for(known.kind)
        amount = penalty(one.units(one.saga.open), price, rate, scale_of(one.currency))
        if amount:
            days.append(_Day(one, price, rate, amount))
    return days


def _is_business_day(one: Row, terms: SettlementTerms, day: date) -> bool:
    try:
        found = calendars.terms_for(terms.kind, one.symbol, one.currency, one.market, terms.days)
        return calendars.is_settlement_day(one.tenant_id, found.calendar.code, day)
    except (BeyondCalendar, UnknownCalendar):
        return False


def _own_price(one: Row) -> Decimal:
    """At which it was dealt, where the market has told none."""
    with exact():
        units = one.quantity * one.units_to_move
        return abs(one.amount) * (one.quantity - one.settled) / units if units else ZERO


def _accrue(days: Sequence[_Day], day: date) -> int:
    if not days:
        return 0
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(
            INSERT,
            [
                [one.row.id for one in days],
                [day] * len(days),
                [one.row.tenant_id for one in days],
                [one.row.units(one.row.saga.open) for one in days],
                [one.price.quantize(Decimal("1e-18")) for one in days],
                [one.rate for one in days],
                [one.amount for one in days],
                [one.row.currency for one in days],
                [now] * len(days),
            ],
        )
        new = {uid for (uid,) in cursor.fetchall()}
    fresh = [one for one in days if one.row.id in new]
    effective = datetime.combine(day, time.max, UTC)
    by_partition: dict[int, list[PenaltyDay]] = defaultdict(list)
    for one in fresh:
        by_partition[one.row.partition].append(_booked(one, day, effective))
    for partition, entries in sorted(by_partition.items()):
        books.post_penalties(entries, partition=partition)
    _tell(fresh, day)
    return len(fresh)


def _booked(one: _Day, day: date, effective: datetime) -> PenaltyDay:
    row = one.row
    pays = is_ours(row.code, delivers=not row.is_receipt)
    return PenaltyDay(
        tenant=row.tenant_id,
        settlement=row.id,
        day=day,
        trade_id=row.trade_id,
        owner=row.account_id,
        owner_number=row.account_number,
        currency=row.currency,
        amount=one.amount.copy_negate() if pays else one.amount,
        effective_at=effective,
    )


def _tell(fresh: Sequence[_Day], day: date) -> None:
    with unit_of_work() as work:
        for one in fresh:
            row = one.row
            pays = is_ours(row.code, delivers=not row.is_receipt)
            fact = PenaltyAccrued(
                settlement_id=row.id,
                account_id=row.account_id,
                account_number=row.account_number,
                symbol=row.symbol,
                on=day,
                quantity=row.units(row.saga.open),
                rate=one.rate,
                amount=ZERO - one.amount if pays else one.amount,
                currency=row.currency,
            )
            work.publish(fact, tenant=row.tenant_id, key=str(row.account_id))
