"""What must be true of a corporate action before it is announced; every reason is found."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final, TypeGuard

from apps.calendars import selectors as calendars
from apps.calendars.exceptions import UnknownCalendar
from apps.core.exceptions import Fault, fault
from apps.core.money import SCALE_MAX, exact, round_to
from apps.trading.exceptions import ActionRefused
from apps.trading.models import ActionKind, ActionState, CorporateAction, Instrument, InstrumentKind
from apps.trading.selectors.actions import traded_since
from apps.trading.services import terms as check

SPLITTABLE: Final = frozenset({InstrumentKind.EQUITY.value, InstrumentKind.ETF.value})
RATIO_MAX: Final = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class ActionTerms:
    """What is announced. A split: `new_units` for `old_units`; a dividend: `amount` per unit."""

    reference: str
    instrument: str
    kind: str
    ex_date: date
    new_units: Decimal | None = None
    old_units: Decimal | None = None
    amount: Decimal | None = None
    currency: str | None = None
    pay_date: date | None = None


def begins(instrument: Instrument, day: date) -> datetime:
    """When a day begins where the instrument is traded (UTC)."""
    zone = settlement_of(instrument).calendar.tzinfo
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def settlement_of(instrument: Instrument) -> calendars.Terms:
    """The calendar that an instrument goes by. Raises `ActionRefused`."""
    try:
        return calendars.terms_for(
            instrument.kind,
            instrument.symbol,
            instrument.currency,
            instrument.settlement_calendar,
            instrument.settlement_days,
        )
    except UnknownCalendar as error:
        detail = "Its settlement calendar is unknown; name another one at the instrument."
        faults = [fault("instrument", "unknown_calendar", detail)]
        raise ActionRefused(errors=faults) from error


def factor_of(new: Decimal, old: Decimal) -> Decimal:
    """What one unit becomes, exactly. Raises `ArithmeticError` where no decimal is exactly that."""
    with exact():
        found = round_to(new / old, SCALE_MAX)
        if found * old != new:
            raise ArithmeticError
    return found.normalize()


def decimals_of(amount: Decimal) -> int:
    """How many decimals an amount needs."""
    exponent = amount.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def differing_from(
    known: CorporateAction, instrument: Instrument, terms: ActionTerms
) -> Iterator[Fault]:
    """What a repeated announcement says otherwise than the first."""
    asked: Mapping[str, Any] = {
        "instrument": instrument.pk,
        "kind": terms.kind,
        "ex_date": terms.ex_date,
        "new_units": terms.new_units,
        "old_units": terms.old_units,
        "amount": terms.amount,
        "pay_date": terms.pay_date,
        "currency": terms.currency or known.currency,
    }
    for name, value in asked.items():
        first = known.instrument_id if name == "instrument" else getattr(known, name)
        if first != value:
            yield fault(name, "differs", f"The first announcement had another {name}.")


def form_faults(terms: ActionTerms, instrument: Instrument) -> list[Fault]:
    """What cannot be of any action, or of one of this kind."""
    found: list[Fault] = []
    if terms.kind not in ActionKind.values:
        detail = (
            f"{terms.kind!r} is not applied here: splits and cash dividends are. Book what it moves"
            " as adjustments and trades."
        )
        return [*found, fault("kind", "unsupported_action", detail)]
    if instrument.kind not in SPLITTABLE or instrument.inverse:
        detail = f"Corporate actions are of {' and '.join(sorted(SPLITTABLE))}, not of this kind."
        found.append(fault("instrument", "has_no_actions", detail))
    faults = _split_faults if terms.kind == ActionKind.SPLIT else _dividend_faults
    return [*found, *faults(terms)]


def _split_faults(terms: ActionTerms) -> Iterator[Fault]:
    for name in ("amount", "currency", "pay_date"):
        if getattr(terms, name) is not None:
            yield fault(name, "not_wanted", "A split has none.")
    sizes: Sequence[tuple[str, Decimal | None]] = (
        ("new_units", terms.new_units),
        ("old_units", terms.old_units),
    )
    good = True
    for name, value in sizes:
        if not _is_between(value, RATIO_MAX) or value != value.to_integral_value():
            good = False
            yield fault(name, "not_whole", f"A whole number from 1 to {RATIO_MAX:f}.")
    if not good:
        return
    assert terms.new_units is not None
    assert terms.old_units is not None
    if terms.new_units == terms.old_units:
        yield fault("new_units", "no_change", "A unit stays a unit.")
    try:
        factor_of(terms.new_units, terms.old_units)
    except ArithmeticError:
        detail = (
            "No decimal number is exactly this ratio, and nothing is rounded here: sell fractions"
            " first, or adjust the books."
        )
        yield fault("old_units", "not_exact", detail)


def _is_between(value: Decimal | None, most: Decimal) -> TypeGuard[Decimal]:
    return value is not None and value.is_finite() and 0 < value <= most


def _dividend_faults(terms: ActionTerms) -> Iterator[Fault]:
    for name in ("new_units", "old_units"):
        if getattr(terms, name) is not None:
            yield fault(name, "not_wanted", "A cash dividend has none.")
    amount = terms.amount
    if not _is_between(amount, RATIO_MAX) or decimals_of(amount) > SCALE_MAX:
        yield fault("amount", "out_of_range", f"Per unit, above 0 and below {RATIO_MAX:f}.")
    if terms.currency is not None:
        yield from check.currency_faults("currency", terms.currency)
    if terms.pay_date is None or terms.pay_date < terms.ex_date:
        yield fault("pay_date", "too_early", "It is paid on the ex-date, or later.")


def place_faults(terms: ActionTerms, instrument: Instrument, now: datetime) -> Iterator[Fault]:
    """What stands against this day."""
    if instrument.closed_before is not None and terms.ex_date <= instrument.closed_before:
        detail = f"The action of {instrument.closed_before} is applied; this one is not after it."
        yield fault("ex_date", "too_late", detail)
    taken = CorporateAction.objects.for_tenant(instrument.tenant_id).filter(
        instrument=instrument, ex_date=terms.ex_date
    )
    if taken.exclude(state=ActionState.WITHDRAWN).exists():
        detail = "Another action has this ex-date: which comes first nobody has said."
        yield fault("ex_date", "taken", detail)
    today = calendars.business_date(settlement_of(instrument), now)
    if terms.ex_date <= today and traded_since(instrument.pk, terms.ex_date):
        detail = "It was traded on or after that day already, as if there were no such action."
        yield fault("ex_date", "traded_since", detail)
