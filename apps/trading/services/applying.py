"""Apply corporate actions at their ex-dates, and pay dividends: each once.

An action is applied to whoever ever traded the instrument, by a fact in the order of each account: all
trades of before the ex-date are in the log before it, all others behind it, since intake waits for the
same lock and refuses what is on the wrong side (decision 0050). What an account holds at that place of
the log is then the same for everybody who reads it.
"""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import structlog

from apps.core.exceptions import DomainError, fault
from apps.core.money import SCALE_MAX, exact, round_to
from apps.events.services import UnitOfWork, unit_of_work
from apps.trading.events import DividendApplied, DividendPaid, PriceChanged, SplitApplied
from apps.trading.exceptions import ActionRefused
from apps.trading.models import ActionKind, ActionState, CorporateAction, Instrument
from apps.trading.selectors.actions import accounts_concerned, scale_needed
from apps.trading.services.action_checks import decimals_of, factor_of
from apps.trading.services.announcing import claim, locked, point_to_next, tell

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
    for row in CorporateAction.objects.filter(
        state=ActionState.APPLIED, kind=ActionKind.DIVIDEND, pay_at__lte=now
    ).order_by("pay_at", "pk"):
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
    factor = None
    if row.kind == ActionKind.SPLIT:
        assert row.new_units is not None
        assert row.old_units is not None
        factor = factor_of(row.new_units, row.old_units)
        _stays_exact(row, factor)
    concerned = accounts_concerned(row.tenant_id, instrument.pk)
    for account, number, method in concerned:
        fact = _fact_for(row, instrument, (account, number, method), factor)
        work.publish(fact, tenant=row.tenant_id, key=str(account), occurred_at=row.effective_at)
    row.state, row.applied_at, row.accounts = ActionState.APPLIED, now, len(concerned)
    row.problem = ""
    row.save()
    instrument.closed_before = row.ex_date
    instrument.save(update_fields=["closed_before"])
    point_to_next(instrument)
    if factor is not None:
        _price_in_new_units(work, instrument, factor)
    tell(work, row, instrument, "the clock")
    return True


def _pay(work: UnitOfWork, row: CorporateAction, now: datetime) -> bool:
    if row.state != ActionState.APPLIED:
        return False
    assert row.pay_date is not None
    assert row.pay_at is not None
    for account, number, _ in accounts_concerned(row.tenant_id, row.instrument_id):
        fact = DividendPaid(
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
    factor: Decimal | None,
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
    if factor is not None:
        return SplitApplied(
            **common,
            cost_method=method,
            currency=instrument.currency,
            new_units=row.new_units,
            old_units=row.old_units,
            factor=factor,
        )
    assert row.amount is not None
    assert row.pay_date is not None
    return DividendApplied(
        **common, currency=row.currency, amount=row.amount, pay_date=row.pay_date
    )


def _stays_exact(row: CorporateAction, factor: Decimal) -> None:
    """Raises `ActionRefused` where a holding would have to be rounded."""
    decimals = scale_needed(row.tenant_id, row.instrument_id) + decimals_of(factor)
    if decimals > SCALE_MAX:
        detail = f"Holdings would have {decimals} decimals, of which {SCALE_MAX} are kept."
        raise ActionRefused(detail, errors=[fault("new_units", "not_exact", detail)])


def _price_in_new_units(work: UnitOfWork, instrument: Instrument, factor: Decimal) -> None:
    """The last price of before is that of fewer units: unrealised profit and price bands go on."""
    if instrument.last_price is None or instrument.last_price_at is None:
        return
    with exact():
        price = round_to(instrument.last_price / factor, SCALE_MAX)
    if not price:
        return
    instrument.last_price = price
    instrument.save(update_fields=["last_price"])
    fact = PriceChanged(
        instrument_id=instrument.pk,
        symbol=instrument.symbol,
        price=price,
        at=instrument.last_price_at,
    )
    work.publish(fact, tenant=instrument.tenant_id, key=str(instrument.pk))
