"""List and change instruments."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Final

from django.db import connection
from django.utils import timezone

from apps.calendars.selectors import codes, knows_calendar
from apps.core.exceptions import Fault, fault
from apps.core.money import CURRENCIES
from apps.events.services import UnitOfWork, unit_of_work
from apps.trading.events import InstrumentChanged
from apps.trading.exceptions import InstrumentDiffers
from apps.trading.models import Instrument, InstrumentKind, InstrumentStatus
from apps.trading.selectors import find_instrument
from apps.trading.services import terms as check

CHANGEABLE: Final = (
    "name",
    "lot_size",
    "tick_size",
    "price_band",
    "settlement_days",
    "settlement_calendar",
    "status",
)
SIZES: Final = ("lot_size", "tick_size", "price_band")
DAYS_MAX: Final = 30

# A symbol is an asset code in the ledger, as a currency's code is: one name, one asset.
CLASHES: Final = """
SELECT EXISTS (SELECT FROM trading_instrument WHERE tenant_id = %s AND currency = %s)
           OR EXISTS (SELECT FROM trading_clientaccount WHERE tenant_id = %s AND base_currency = %s),
       EXISTS (SELECT FROM trading_instrument WHERE tenant_id = %s AND symbol = %s)
"""


@dataclass(frozen=True, slots=True)
class InstrumentTerms:
    """An instrument to be listed. `price_band` in per cent; sizes null: any."""

    symbol: str
    name: str
    kind: str
    currency: str
    lot_size: Decimal | None = None
    tick_size: Decimal | None = None
    multiplier: Decimal = Decimal(1)
    inverse: bool = False
    price_band: Decimal | None = None
    settlement_days: int | None = None
    settlement_calendar: str = ""


def list_instrument(tenant: int, terms: InstrumentTerms) -> tuple[Instrument, bool]:
    """The instrument of this symbol, and whether this call listed it.

    Raises `TermsRefused`, and `InstrumentDiffers` where the symbol has other terms.
    """
    check.refuse([*_faults(terms), *_clashes(tenant, terms)])
    with unit_of_work() as work:
        row, made = Instrument.objects.get_or_create(
            tenant_id=tenant, symbol=terms.symbol, defaults=asdict(terms)
        )
        if differences := check.differing(row, asdict(terms)):
            raise InstrumentDiffers(instrument=terms.symbol, errors=differences)
        if made:
            _tell(work, row, ())
    return row, made


def change_instrument(tenant: int, name: str, changes: Mapping[str, Any]) -> Instrument:
    """Change what may change of an instrument (`CHANGEABLE`), by id or symbol.

    Raises `UnknownInstrument` and `TermsRefused`.
    """
    with unit_of_work() as work:
        pk = find_instrument(tenant, name).pk
        row = Instrument.objects.for_tenant(tenant).select_for_update(no_key=True).get(pk=pk)
        check.refuse([*check.fixed_faults(changes, CHANGEABLE), *_change_faults(changes, row.kind)])
        changed = check.assign(row, changes)
        if changed:
            row.updated_at = timezone.now()
            row.save(update_fields=[*changed, "updated_at"])
            _tell(work, row, tuple(changed))
    return row


def _faults(terms: InstrumentTerms) -> list[Fault]:
    found = [
        *check.natural_name_faults("symbol", terms.symbol, check.SYMBOL),
        *check.choice_faults("kind", terms.kind, InstrumentKind.values),
        *check.currency_faults("currency", terms.currency),
        *check.positive_faults("multiplier", terms.multiplier),
        *_change_faults(asdict(terms), terms.kind),
    ]
    if terms.symbol in CURRENCIES:
        detail = f"{terms.symbol} is a currency; call the instrument {terms.symbol}.<market>."
        found.append(fault("symbol", "is_a_currency", detail))
    return found


def _clashes(tenant: int, terms: InstrumentTerms) -> list[Fault]:
    symbol, currency = terms.symbol, terms.currency
    with connection.cursor() as cursor:
        cursor.execute(CLASHES, [tenant, symbol, tenant, symbol, tenant, currency])
        symbol_is_currency, currency_is_symbol = cursor.fetchone()
    found = []
    if symbol_is_currency and symbol not in CURRENCIES:
        found.append(fault("symbol", "is_a_currency", f"{symbol} is in use as a currency."))
    if currency_is_symbol:
        detail = f"{currency} is in use as an instrument's symbol."
        found.append(fault("currency", "is_an_instrument", detail))
    return found


def _change_faults(changes: Mapping[str, Any], kind: str) -> list[Fault]:
    found: list[Fault] = []
    if "name" in changes:
        found += check.text_faults("name", changes["name"])
    for size in SIZES:
        found += check.positive_faults(size, changes.get(size))
    if not 0 <= (changes.get("settlement_days") or 0) <= DAYS_MAX:
        detail = f"Between 0 and {DAYS_MAX} business days."
        found.append(fault("settlement_days", "out_of_range", detail))
    if calendar := changes.get("settlement_calendar"):
        found += _calendar_faults(calendar, kind)
    if "status" in changes:
        found += check.choice_faults("status", changes["status"], InstrumentStatus.values)
    return found


def _calendar_faults(calendar: str, kind: str) -> Iterator[Fault]:
    if not knows_calendar(calendar, kind):
        detail = (
            "A market, a currency or, of foreign exchange, a pair; "
            f"of its own name: {', '.join(codes())}."
        )
        yield fault("settlement_calendar", "unknown_calendar", detail)


def _tell(work: UnitOfWork, row: Instrument, changed: tuple[str, ...]) -> None:
    fact = InstrumentChanged(
        instrument_id=row.pk,
        symbol=row.symbol,
        kind=row.kind,
        currency=row.currency,
        multiplier=row.multiplier,
        inverse=row.inverse,
        status=row.status,
        changed=changed,
    )
    work.publish(fact, tenant=row.tenant_id, key=str(row.pk))
