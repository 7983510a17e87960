"""At which price the fractions of a split are paid: one person states it, another one confirms it.

Load and lock · seen before? · decide · write · tell. As long as nobody has confirmed it a price can be
taken back, or another one takes its place; only a confirmed one is applied (decision 0057).
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils import timezone

from apps.core.exceptions import Fault, fault
from apps.events.services import unit_of_work
from apps.tenants.selectors import is_one_person
from apps.trading.exceptions import (
    ActionDiffers,
    ActionIsApplied,
    ActionRefused,
    NoPriceStated,
    SecondPersonNeeded,
)
from apps.trading.models import ActionState, CashInLieuPrice, CorporateAction, PriceState
from apps.trading.services.action_checks import ActionTerms, begins, form_faults
from apps.trading.services.announcing import claim, locked, tell
from apps.trading.services.stating import decide_price, open_price, state_price, take_back


def price_fractions(
    tenant: int, uid: UUID, *, price: Decimal, pay_date: date | None = None, by: str
) -> CorporateAction:
    """State the price of a split's fractions, in place of what waits; the same again changes nothing.

    Raises `UnknownAction`, `ActionRefused`, `ActionIsApplied`, and `ActionDiffers` where another one
    is confirmed.
    """
    with unit_of_work() as work:
        claim(tenant)
        row = locked(tenant, uid)
        if faults := _faults(row, price, pay_date):
            raise ActionRefused(errors=faults)
        if _is_confirmed(row, price, pay_date or row.ex_date):
            return row
        stated = open_price(row)
        if stated is None or (stated.price, stated.pay_date) != (price, pay_date or row.ex_date):
            take_back(work, row, by=by, reason="Another price was stated.")
            state_price(work, row, price, pay_date, by=by, at=timezone.now())
    return row


def confirm_price(
    tenant: int, uid: UUID, *, price: Decimal, pay_date: date | None = None, by: str
) -> CorporateAction:
    """Confirm what another person has stated: the price that was looked at, and the day, if it is said.

    Raises `UnknownAction`, `ActionIsApplied`, `NoPriceStated`, `SecondPersonNeeded`, and
    `ActionDiffers` where another price, or day, is stated.
    """
    with unit_of_work() as work:
        claim(tenant)
        row = locked(tenant, uid)
        if _is_confirmed(row, price, pay_date):
            return row
        stated = _open(row)
        if differing := list(_differing(stated, price, pay_date)):
            raise ActionDiffers(errors=differing, action=str(row.pk))
        if is_one_person(stated.proposed_by, by):
            raise SecondPersonNeeded(proposed_by=stated.proposed_by)
        decide_price(work, row, stated, PriceState.CONFIRMED, by=by)
        row.cash_in_lieu_price, row.currency = stated.price, row.instrument.currency
        row.pay_date, row.pay_at = stated.pay_date, begins(row.instrument, stated.pay_date)
        row.save()
        tell(work, row, row.instrument, by)
    return row


def withdraw_price(tenant: int, uid: UUID, *, by: str, reason: str) -> CorporateAction:
    """Take back what nobody has confirmed: a slip of one's own, or what one does not agree to.

    Raises `UnknownAction`, `ActionIsApplied` and `NoPriceStated`.
    """
    with unit_of_work() as work:
        claim(tenant)
        row = locked(tenant, uid)
        decide_price(work, row, _open(row), PriceState.WITHDRAWN, by=by, reason=reason)
    return row


def _faults(row: CorporateAction, price: Decimal, pay_date: date | None) -> list[Fault]:
    terms = ActionTerms(
        row.reference, row.instrument.symbol, row.kind, row.ex_date, row.new_units, row.old_units,
        pay_date=pay_date, cash_in_lieu_price=price,
    )  # fmt: skip
    return form_faults(terms, row.instrument)


def _is_confirmed(row: CorporateAction, price: Decimal, pay_date: date | None) -> bool:
    """Whether it has just this price. Raises `ActionDiffers` where it is another, `ActionIsApplied`."""
    if row.cash_in_lieu_price is None:
        if row.state != ActionState.ANNOUNCED:
            raise ActionIsApplied(state=row.state)
        return False
    if differing := list(_differing(row, price, pay_date)):
        raise ActionDiffers(errors=differing, action=str(row.pk))
    return True


def _differing(
    known: CorporateAction | CashInLieuPrice, price: Decimal, pay_date: date | None
) -> Iterator[Fault]:
    first = known.price if isinstance(known, CashInLieuPrice) else known.cash_in_lieu_price
    said: dict[str, tuple[Any, Any]] = {
        "price": (first, price),
        "pay_date": (known.pay_date, pay_date or known.pay_date),
    }
    for name, (one, other) in said.items():
        if one != other:
            yield fault(name, "differs", f"Another {name} is stated: {one}.")


def _open(row: CorporateAction) -> CashInLieuPrice:
    """What waits for a second person. Raises `NoPriceStated` and `ActionIsApplied`."""
    if row.state != ActionState.ANNOUNCED:
        raise ActionIsApplied(state=row.state)
    if (stated := open_price(row)) is None:
        raise NoPriceStated(action=str(row.pk))
    return stated
