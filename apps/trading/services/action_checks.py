"""What must be true of a corporate action before it is announced; every reason is found."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final, TypeGuard

from apps.calendars import selectors as calendars
from apps.calendars.exceptions import UnknownCalendar
from apps.core.exceptions import Fault, fault
from apps.core.money import SCALE_MAX, plain
from apps.core.units import Ratio
from apps.trading.exceptions import ActionRefused
from apps.trading.models import ActionKind, ActionState, CorporateAction, Instrument, InstrumentKind
from apps.trading.selectors.actions import fractions_left, traded_since
from apps.trading.services import terms as check
from apps.trading.services.stating import Stated

SPLITTABLE: Final = frozenset({InstrumentKind.EQUITY.value, InstrumentKind.ETF.value})
RATIO_MAX: Final = Decimal(1_000_000)
PRICE_MAX: Final = Decimal(1_000_000_000)


@dataclass(frozen=True, slots=True)
class ActionTerms:
    """What is announced. A split: `new_units` for `old_units`; a dividend: `amount` per unit.

    Fractions that a split leaves are paid at `cash_in_lieu_price` per new unit, on `pay_date` or, where
    none is said, on the ex-date.
    """

    reference: str
    instrument: str
    kind: str
    ex_date: date
    new_units: Decimal | None = None
    old_units: Decimal | None = None
    amount: Decimal | None = None
    currency: str | None = None
    pay_date: date | None = None
    cash_in_lieu_price: Decimal | None = None

    @property
    def paid_on(self) -> date | None:
        """The day on which something is paid, if anything is."""
        is_lieu = self.kind == ActionKind.SPLIT and self.cash_in_lieu_price is not None
        return self.pay_date or (self.ex_date if is_lieu else None)


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


def ratio_of(new: Decimal, old: Decimal, lot_size: Decimal | None) -> Ratio:
    """What a split makes of units: whole lots, but where every unit becomes whole units anyway."""
    found = Ratio(new, old)
    return found if found.is_whole else Ratio.of(new, old, lot_size)


def decimals_of(amount: Decimal) -> int:
    """How many decimals an amount needs."""
    exponent = amount.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def differing_from(
    known: CorporateAction, instrument: Instrument, terms: ActionTerms, stated: Stated
) -> Iterator[Fault]:
    """What a repeated announcement says otherwise than the first, which stated what is paid."""
    asked: Mapping[str, Any] = {
        "instrument": instrument.pk,
        "kind": terms.kind,
        "ex_date": terms.ex_date,
        "new_units": terms.new_units,
        "old_units": terms.old_units,
        "amount": terms.amount,
        "cash_in_lieu_price": terms.cash_in_lieu_price,
        "pay_date": terms.paid_on,
        "currency": terms.currency or known.currency,
    }
    said: Mapping[str, Any] = {
        "instrument": known.instrument_id,
        "cash_in_lieu_price": stated.price,
        "pay_date": stated.pay_date,
    }
    for name, value in asked.items():
        first = said.get(name, getattr(known, name, None))
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
    for name in ("amount", "currency"):
        if getattr(terms, name) is not None:
            yield fault(name, "not_wanted", "A split has none.")
    yield from _lieu_faults(terms)
    sizes: Sequence[tuple[str, Decimal | None]] = (
        ("new_units", terms.new_units),
        ("old_units", terms.old_units),
    )
    faults = [
        fault(name, "not_whole", f"A whole number from 1 to {RATIO_MAX:f}.")
        for name, value in sizes
        if not _is_between(value, RATIO_MAX) or value != value.to_integral_value()
    ]
    yield from faults
    if not faults and terms.new_units == terms.old_units:
        yield fault("new_units", "no_change", "A unit stays a unit.")


def _lieu_faults(terms: ActionTerms) -> Iterator[Fault]:
    price = terms.cash_in_lieu_price
    if price is None:
        if terms.pay_date is not None:
            yield fault("pay_date", "not_wanted", "Without cash in lieu nothing is paid.")
        return
    if not _is_between(price, PRICE_MAX) or decimals_of(price) > SCALE_MAX:
        detail = f"Per new unit, above 0, and at most {PRICE_MAX:f}."
        yield fault("cash_in_lieu_price", "out_of_range", detail)
    if terms.pay_date is not None and terms.pay_date < terms.ex_date:
        yield fault("pay_date", "too_early", "It is paid on the ex-date, or later.")


def _is_between(value: Decimal | None, most: Decimal) -> TypeGuard[Decimal]:
    return value is not None and value.is_finite() and 0 < value <= most


def _dividend_faults(terms: ActionTerms) -> Iterator[Fault]:
    for name in ("new_units", "old_units", "cash_in_lieu_price"):
        if getattr(terms, name) is not None:
            yield fault(name, "not_wanted", "A cash dividend has none.")
    amount = terms.amount
    if not _is_between(amount, RATIO_MAX) or decimals_of(amount) > SCALE_MAX:
        yield fault("amount", "out_of_range", f"Per unit, above 0 and below {RATIO_MAX:f}.")
    if terms.currency is not None:
        yield from check.currency_faults("currency", terms.currency)
    if terms.pay_date is None or terms.pay_date < terms.ex_date:
        yield fault("pay_date", "too_early", "It is paid on the ex-date, or later.")


def fraction_faults(terms: ActionTerms, instrument: Instrument) -> Iterator[Fault]:
    """Whether holdings of today would leave fractions that nobody said how to pay."""
    if terms.kind != ActionKind.SPLIT or terms.cash_in_lieu_price is not None:
        return
    assert terms.new_units is not None
    assert terms.old_units is not None
    ratio = ratio_of(terms.new_units, terms.old_units, instrument.lot_size)
    if accounts := fractions_left(instrument.tenant_id, instrument.pk, ratio).accounts:
        yield price_is_needed(accounts)


def price_is_needed(accounts: int, stated: Decimal | None = None) -> Fault:
    """The fault of a split that leaves fractions without a price, or with one of a single person."""
    detail = f"A fraction is left to {accounts} of the accounts. " + (
        "State the price per new unit at which it is paid in cash."
        if stated is None
        else f"A second person has to confirm the price {plain(stated)} at which it is paid in cash."
    )
    return fault("cash_in_lieu_price", "required", detail)


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
