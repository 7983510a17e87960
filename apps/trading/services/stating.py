"""The prices that are stated for a split's fractions: rows and facts of them, for those who decide."""

from datetime import date, datetime
from decimal import Decimal
from typing import Final, NamedTuple

from django.utils import timezone

from apps.events.services import UnitOfWork
from apps.trading.events import CashInLieuPriced
from apps.trading.models import ActionKind, CashInLieuPrice, CorporateAction, PriceState

REASON_MAX: Final = 1_000  # characters


class Stated(NamedTuple):
    """What is paid for a new unit, and when; nothing: nobody has said."""

    price: Decimal | None
    pay_date: date | None


def first_stated(row: CorporateAction) -> Stated:
    """What the announcement itself said is paid, whatever became of it."""
    found = list(row.prices.order_by("proposed_at", "pk")[:1])
    if row.kind == ActionKind.DIVIDEND or not found:  # nobody, or before a second person was asked
        return Stated(row.cash_in_lieu_price, row.pay_date)
    first = found[0]
    is_of_it = first.proposed_at == row.announced_at
    return Stated(first.price, first.pay_date) if is_of_it else Stated(None, None)


def open_price(row: CorporateAction) -> CashInLieuPrice | None:
    """What waits for a second person."""
    return row.prices.filter(state=PriceState.PROPOSED).first()


def state_price(
    work: UnitOfWork,
    row: CorporateAction,
    price: Decimal,
    pay_date: date | None,
    *,
    by: str,
    at: datetime,
) -> None:
    """State a price that a second person has to confirm; it is paid on the ex-date, unless said."""
    stated = CashInLieuPrice(
        tenant_id=row.tenant_id,
        action=row,
        price=price,
        pay_date=pay_date or row.ex_date,
        state=PriceState.PROPOSED,
        proposed_by=by,
        proposed_at=at,
    )
    stated.save(force_insert=True)
    _tell(work, row, stated, by)


def decide_price(
    work: UnitOfWork,
    row: CorporateAction,
    stated: CashInLieuPrice,
    state: PriceState,
    *,
    by: str,
    reason: str = "",
) -> None:
    """Write down what became of it."""
    stated.state, stated.decided_by, stated.decided_at = state, by, timezone.now()
    stated.reason = reason.strip()[:REASON_MAX]
    stated.save(update_fields=["state", "decided_by", "decided_at", "reason"])
    _tell(work, row, stated, by)


def take_back(work: UnitOfWork, row: CorporateAction, *, by: str, reason: str) -> None:
    """Take back what nobody has confirmed, if anything is."""
    if (stated := open_price(row)) is not None:
        decide_price(work, row, stated, PriceState.WITHDRAWN, by=by, reason=reason)


def _tell(work: UnitOfWork, row: CorporateAction, stated: CashInLieuPrice, by: str) -> None:
    fact = CashInLieuPriced(
        action_id=row.pk,
        reference=row.reference,
        instrument_id=row.instrument_id,
        symbol=row.instrument.symbol,
        price=stated.price,
        currency=row.instrument.currency,
        pay_date=stated.pay_date,
        state=stated.state,
        by=by,
        reason=stated.reason,
    )
    work.publish(fact, tenant=row.tenant_id, key=str(row.instrument_id))
