"""Announce corporate actions, and take announcements back."""

from datetime import date, datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db import connection
from django.utils import timezone

from apps.events.services import UnitOfWork, unit_of_work
from apps.trading.events import CorporateActionChanged
from apps.trading.exceptions import ActionDiffers, ActionIsApplied, ActionRefused, UnknownAction
from apps.trading.models import ActionState, CorporateAction, Instrument
from apps.trading.selectors import find_instrument
from apps.trading.services import terms as check
from apps.trading.services.action_checks import (
    ActionTerms,
    begins,
    differing_from,
    form_faults,
    fraction_faults,
    place_faults,
)
from apps.trading.services.intake.references import ACTIONS

CLAIM: Final = "SELECT pg_advisory_xact_lock(%s, %s)"
REASON_MAX: Final = 1_000  # characters


def announce_action(
    tenant: int, terms: ActionTerms, *, by: str, now: datetime | None = None
) -> tuple[CorporateAction, bool]:
    """Announce an action; and whether it is new. The same reference again is the same action.

    Raises `UnknownInstrument`, `ActionRefused` with every reason, and `ActionDiffers`.
    """
    now = now or timezone.now()
    if faults := list(check.text_faults("reference", terms.reference)):
        raise ActionRefused(errors=faults)
    instrument = find_instrument(tenant, terms.instrument)
    with unit_of_work() as work:
        claim(tenant)
        known = CorporateAction.objects.for_tenant(tenant).filter(reference=terms.reference).first()
        if known is not None:
            if differing := list(differing_from(known, instrument, terms)):
                raise ActionDiffers(errors=differing, action=str(known.pk))
            return known, False
        instrument.refresh_from_db()
        refuse(terms, instrument, now)
        row = _announced(tenant, terms, instrument, by, now)
        row.save(force_insert=True)
        point_to_next(instrument)
        tell(work, row, instrument, by)
    return row, True


def refuse(terms: ActionTerms, instrument: Instrument, now: datetime) -> None:
    """Raises `ActionRefused` with every reason, if there is any."""
    faults = form_faults(terms, instrument)
    if not faults:
        faults += fraction_faults(terms, instrument)
    if faults := [*faults, *place_faults(terms, instrument, now)]:
        raise ActionRefused(errors=faults)


def withdraw_action(tenant: int, uid: UUID, *, by: str, reason: str) -> CorporateAction:
    """Take an announcement back. Raises `UnknownAction` and `ActionIsApplied`."""
    with unit_of_work() as work:
        claim(tenant)
        row = locked(tenant, uid)
        if row.state != ActionState.ANNOUNCED:
            raise ActionIsApplied(state=row.state)
        row.state, row.withdrawn_by = ActionState.WITHDRAWN, by
        row.reason = reason.strip()[:REASON_MAX]
        row.save()
        point_to_next(row.instrument)
        tell(work, row, row.instrument, by)
    return row


def price_fractions(
    tenant: int, uid: UUID, *, price: Decimal, pay_date: date | None = None, by: str
) -> CorporateAction:
    """State at which price the fractions of a split are paid; the same again changes nothing.

    Raises `UnknownAction`, `ActionRefused`, `ActionIsApplied`, and `ActionDiffers` where it has another.
    """
    with unit_of_work() as work:
        claim(tenant)
        row = locked(tenant, uid)
        terms = ActionTerms(
            row.reference, row.instrument.symbol, row.kind, row.ex_date, row.new_units, row.old_units,
            pay_date=pay_date, cash_in_lieu_price=price,
        )  # fmt: skip
        if faults := form_faults(terms, row.instrument):
            raise ActionRefused(errors=faults)
        if row.cash_in_lieu_price is not None:
            if differing := list(differing_from(row, row.instrument, terms)):
                raise ActionDiffers(errors=differing, action=str(row.pk))
            return row
        if row.state != ActionState.ANNOUNCED:
            raise ActionIsApplied(state=row.state)
        paid_on = terms.paid_on or row.ex_date
        row.cash_in_lieu_price, row.currency = price, row.instrument.currency
        row.pay_date, row.pay_at = paid_on, begins(row.instrument, paid_on)
        row.save()
        tell(work, row, row.instrument, by)
    return row


def _announced(
    tenant: int, terms: ActionTerms, instrument: Instrument, by: str, now: datetime
) -> CorporateAction:
    paid_on = terms.paid_on
    return CorporateAction(
        tenant_id=tenant,
        reference=terms.reference,
        instrument=instrument,
        kind=terms.kind,
        ex_date=terms.ex_date,
        effective_at=begins(instrument, terms.ex_date),
        new_units=terms.new_units,
        old_units=terms.old_units,
        cash_in_lieu_price=terms.cash_in_lieu_price,
        amount=terms.amount,
        currency=(terms.currency or instrument.currency) if paid_on else "",
        pay_date=paid_on,
        pay_at=begins(instrument, paid_on) if paid_on else None,
        state=ActionState.ANNOUNCED,
        announced_by=by,
        announced_at=now,
    )


def claim(tenant: int) -> None:
    """Nobody books a trade of this tenant meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, [ACTIONS, tenant])


def locked(tenant: int, uid: UUID) -> CorporateAction:
    """An action and its instrument, locked. Raises `UnknownAction`."""
    rows = CorporateAction.objects.for_tenant(tenant).select_related("instrument")
    found = rows.select_for_update(of=("self", "instrument"), no_key=True).filter(pk=uid).first()
    if found is None:
        raise UnknownAction(action=str(uid))
    return found


def point_to_next(instrument: Instrument) -> None:
    """Trades from the next ex-date on wait for it."""
    announced = CorporateAction.objects.for_tenant(instrument.tenant_id).filter(
        instrument=instrument, state=ActionState.ANNOUNCED
    )
    instrument.action_on = announced.order_by("ex_date").values_list("ex_date", flat=True).first()
    instrument.save(update_fields=["action_on"])


def tell(work: UnitOfWork, row: CorporateAction, instrument: Instrument, by: str) -> None:
    """Say where an action stands now."""
    fact = CorporateActionChanged(
        action_id=row.pk,
        reference=row.reference,
        instrument_id=instrument.pk,
        symbol=instrument.symbol,
        kind=row.kind,
        state=row.state,
        ex_date=row.ex_date,
        new_units=row.new_units,
        old_units=row.old_units,
        amount=row.amount,
        currency=row.currency or None,
        pay_date=row.pay_date,
        accounts=row.accounts,
        by=by,
        cash_in_lieu_price=row.cash_in_lieu_price,
    )
    work.publish(fact, tenant=row.tenant_id, key=str(instrument.pk))
