"""Announce corporate actions, and take announcements back."""

from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection
from django.utils import timezone

from apps.events.services import UnitOfWork, unit_of_work
from apps.trading.events import CorporateActionChanged
from apps.trading.exceptions import ActionDiffers, ActionIsApplied, ActionRefused, UnknownAction
from apps.trading.models import ActionKind, ActionState, CorporateAction, Instrument
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
from apps.trading.services.stating import REASON_MAX, first_stated, state_price, take_back

CLAIM: Final = "SELECT pg_advisory_xact_lock(%s, %s)"


def announce_action(
    tenant: int, terms: ActionTerms, *, by: str, now: datetime | None = None
) -> tuple[CorporateAction, bool]:
    """Announce an action; and whether it is new. The same reference again is the same action.

    A price of fractions waits for a second person. `by` is who announces it: `user:<id>`, `key:<id>`.

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
            said = first_stated(known)
            if differing := list(differing_from(known, instrument, terms, said)):
                raise ActionDiffers(errors=differing, action=str(known.pk))
            return known, False
        instrument.refresh_from_db()
        refuse(terms, instrument, now)
        row = _announced(tenant, terms, instrument, by, now)
        row.save(force_insert=True)
        point_to_next(instrument)
        tell(work, row, instrument, by)
        if terms.cash_in_lieu_price is not None:
            state_price(work, row, terms.cash_in_lieu_price, terms.pay_date, by=by, at=now)
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
        take_back(work, row, by=by, reason="The split is withdrawn.")
        point_to_next(row.instrument)
        tell(work, row, row.instrument, by)
    return row


def _announced(
    tenant: int, terms: ActionTerms, instrument: Instrument, by: str, now: datetime
) -> CorporateAction:
    paid_on = terms.paid_on if terms.kind == ActionKind.DIVIDEND else None
    return CorporateAction(
        tenant_id=tenant,
        reference=terms.reference,
        instrument=instrument,
        kind=terms.kind,
        ex_date=terms.ex_date,
        effective_at=begins(instrument, terms.ex_date),
        new_units=terms.new_units,
        old_units=terms.old_units,
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
