"""Apply corporate actions at their ex-dates, and pay dividends and cash in lieu: each once.

An action is applied to whoever ever traded the instrument, by a fact in the order of each account: all
trades of before the ex-date are in the log before it, all others behind it, since intake waits for the
same lock and refuses what is on the wrong side (decision 0050). What an account holds at that place of
the log is then the same for everybody who reads it.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from apps.core.exceptions import DomainError
from apps.core.money import SCALE_MAX, exact, round_to
from apps.core.units import Ratio
from apps.events.services import UnitOfWork, unit_of_work
from apps.trading.events import (
    CashInLieuPaid,
    DividendApplied,
    DividendPaid,
    PriceChanged,
    SplitApplied,
)
from apps.trading.exceptions import ActionRefused
from apps.trading.models import ActionKind, ActionState, CorporateAction, Instrument
from apps.trading.selectors.actions import accounts_concerned, fractions_left
from apps.trading.services.action_checks import price_is_needed, ratio_of
from apps.trading.services.announcing import claim, locked, point_to_next, tell
from apps.trading.services.stating import open_price, take_back

log = structlog.get_logger(__name__)


def apply_actions(now: datetime) -> int:
    """Apply what has reached its ex-date and pay what has reached its pay date; how many those were.

    One that cannot be applied says why, and stands in the way of no other instrument's.
    """
    done = 0
    for row in CorporateAction.objects.filter(
        state=ActionState.ANNOUNCED, effective_at__lte=now
    ).order_by("effective_at", "pk"):
        done += _tried(row, _apply, now)
    for row in CorporateAction.objects.filter(state=ActionState.APPLIED, pay_at__lte=now).order_by(
        "pay_at", "pk"
    ):
        done += _tried(row, _pay, now)
    return done


def _tried(
    row: CorporateAction,
    act: Callable[[UnitOfWork, CorporateAction, datetime], bool],
    now: datetime,
) -> bool:
    try:
        with unit_of_work() as work:
            claim(row.tenant_id)
            return act(work, locked(row.tenant_id, row.pk), now)
    except DomainError as refusal:
        CorporateAction.objects.filter(pk=row.pk).update(problem=str(refusal))
        log.error("corporate action not applied", action=str(row.pk), reason=str(refusal))
        return False


def _apply(work: UnitOfWork, row: CorporateAction, now: datetime) -> bool:
    """Tell every account that it concerns. Raises `ActionRefused` where nothing can be exact."""
    if row.state != ActionState.ANNOUNCED:
        return False
    instrument = row.instrument
    earlier = CorporateAction.objects.for_tenant(row.tenant_id).filter(
        instrument=instrument, state=ActionState.ANNOUNCED, ex_date__lt=row.ex_date
    )
    if earlier.exists():
        raise ActionRefused("An earlier action of the instrument comes first.")
    ratio = _ratio(row) if row.kind == ActionKind.SPLIT else None
    concerned = accounts_concerned(row.tenant_id, instrument.pk)
    for account, number, method in concerned:
        fact = _fact_for(row, instrument, (account, number, method), ratio)
        work.publish(fact, tenant=row.tenant_id, key=str(account), occurred_at=row.effective_at)
    row.state, row.applied_at, row.accounts = ActionState.APPLIED, now, len(concerned)
    row.problem = ""
    row.lot_size = None if ratio is None else ratio.lot_size
    row.save()
    take_back(work, row, by="the clock", reason="No fraction was left.")
    instrument.closed_before = row.ex_date
    instrument.save(update_fields=["closed_before"])
    point_to_next(instrument)
    if ratio is not None:
        _price_in_new_units(work, instrument, ratio, row.effective_at)
    tell(work, row, instrument, "the clock")
    return True


def _pay(work: UnitOfWork, row: CorporateAction, now: datetime) -> bool:
    if row.state != ActionState.APPLIED:
        return False
    assert row.pay_date is not None
    assert row.pay_at is not None
    paid = DividendPaid if row.kind == ActionKind.DIVIDEND else CashInLieuPaid
    for account, number, _ in accounts_concerned(row.tenant_id, row.instrument_id):
        fact = paid(
            action_id=row.pk,
            account_id=account,
            account_number=number,
            instrument_id=row.instrument_id,
            symbol=row.instrument.symbol,
            currency=row.currency,
            pay_date=row.pay_date,
            effective_at=row.pay_at,
        )
        work.publish(fact, tenant=row.tenant_id, key=str(account), occurred_at=row.pay_at)
    row.state, row.paid_at = ActionState.PAID, now
    row.save()
    tell(work, row, row.instrument, "the clock")
    return True


def _fact_for(
    row: CorporateAction,
    instrument: Instrument,
    holder: tuple[UUID, str, str],
    ratio: Ratio | None,
) -> SplitApplied | DividendApplied:
    account, number, method = holder
    common: dict[str, Any] = {
        "action_id": row.pk,
        "account_id": account,
        "account_number": number,
        "instrument_id": instrument.pk,
        "symbol": instrument.symbol,
        "ex_date": row.ex_date,
        "effective_at": row.effective_at,
    }
    if ratio is not None:
        return SplitApplied(
            **common,
            cost_method=method,
            currency=instrument.currency,
            new_units=ratio.new,
            old_units=ratio.old,
            factor=ratio.rounded,
            lot_size=ratio.lot_size,
            cash_in_lieu_price=row.cash_in_lieu_price,
            multiplier=instrument.multiplier,
        )
    assert row.amount is not None
    assert row.pay_date is not None
    return DividendApplied(
        **common, currency=row.currency, amount=row.amount, pay_date=row.pay_date
    )


def _ratio(row: CorporateAction) -> Ratio:
    """What the split makes of units. Raises `ActionRefused` where a fraction would be paid by nobody."""
    assert row.new_units is not None
    assert row.old_units is not None
    ratio = ratio_of(row.new_units, row.old_units, row.instrument.lot_size)
    if row.cash_in_lieu_price is None:
        accounts, unfolded = fractions_left(row.tenant_id, row.instrument_id, ratio)
        if unfolded:
            raise ActionRefused(f"Positions have yet to take {unfolded} facts; then it is applied.")
        if accounts:
            stated = open_price(row)
            needed = price_is_needed(accounts, stated.price if stated else None)
            raise ActionRefused(needed["detail"], errors=[needed])
    return ratio


def _price_in_new_units(
    work: UnitOfWork, instrument: Instrument, ratio: Ratio, since: datetime
) -> None:
    """The last price of before, as it is from the ex-date on: unrealised profit and price bands go on.

    A price of the ex-date, or later, is in new units already.
    """
    at = instrument.last_price_at
    if instrument.last_price is None or at is None or at >= since:
        return
    with exact():
        price = round_to(instrument.last_price * ratio.old / ratio.new, SCALE_MAX)
    if not price:
        return
    instrument.last_price, instrument.last_price_at = price, since
    instrument.save(update_fields=["last_price", "last_price_at"])
    fact = PriceChanged(
        instrument_id=instrument.pk, symbol=instrument.symbol, price=price, at=since
    )
    work.publish(fact, tenant=instrument.tenant_id, key=str(instrument.pk), occurred_at=since)
