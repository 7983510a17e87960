"""What must be true of a trade before it is booked. Pure; every reason is found, not the first."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from apps.calendars.selectors import business_date
from apps.core.money import ZERO, round_to, scale_of
from apps.trading.events import Reason
from apps.trading.models import AccountStatus, CounterpartyStatus, InstrumentStatus, Side
from apps.trading.positions import notional
from apps.trading.services.intake.references import AccountRef, InstrumentRef, References
from apps.trading.services.intake.requests import Reading

TRADE_LIMIT: Final = Decimal("1e16")
"""Quantity, price and notional of one trade stay below this, so that it takes ten thousand of the
largest trades to bring a position to the edge of what the database holds."""
CLOCK_TOLERANCE: Final = timedelta(seconds=5)
FIRST_YEAR: Final = 1970
FEE_KINDS: Final = frozenset({"commission", "exchange", "tax", "other"})
SIDES: Final = frozenset(Side.values)
_OPEN: Final = AccountStatus.OPEN.value
_ACTIVE: Final = InstrumentStatus.ACTIVE.value


def _no(field: str, code: str, detail: str) -> Reason:
    return Reason(field=field, code=code, detail=detail)


def value_of(reading: Reading, instrument: InstrumentRef | None) -> Decimal | None:
    """The notional, if it can be known."""
    quantity, price = reading.quantity, reading.price
    if instrument is None or quantity is None or price is None or quantity <= 0 or price <= 0:
        return None
    if quantity >= TRADE_LIMIT or price >= TRADE_LIMIT:
        return None
    return notional(quantity, price, instrument.terms)


def faults(
    reading: Reading, found: References, value: Decimal | None, now: datetime
) -> Iterator[Reason]:
    """Every reason to refuse that needs no look at earlier trades."""
    asked = reading.request
    account = found.accounts.get(asked.account)
    instrument = found.instruments.get(asked.instrument)
    yield from _account(account, value)
    yield from _instrument(reading, instrument)
    if asked.side not in SIDES:
        yield _no("side", "unknown_side", "A side is buy or sell.")
    yield from _size("quantity", reading.quantity)
    yield from _size("price", reading.price)
    if value is not None and not ZERO < value < TRADE_LIMIT:
        yield _no(
            "quantity", "notional_out_of_range", "The trade's value is too small or too large."
        )
    if reading.executed_at is not None or reading.trade_date is not None:
        yield from _times(reading, now, instrument)
    if asked.counterparty is not None:
        yield from _counterparty(found.counterparties.get(asked.counterparty))
    if reading.fees:
        yield from _fees(reading, instrument)


def _account(account: AccountRef | None, value: Decimal | None) -> Iterator[Reason]:
    if account is None:
        yield _no("account", "unknown_account", "There is no such account.")
        return
    if account.status != _OPEN:
        yield _no("account", f"account_{account.status}", f"The account is {account.status}.")
    most = account.max_order_notional
    if most is not None and value is not None and value > most:
        detail = f"The value {value:f} is above the account's limit of {most:f} for one trade."
        yield _no("quantity", "order_notional_limit", detail)


def _instrument(reading: Reading, instrument: InstrumentRef | None) -> Iterator[Reason]:
    if instrument is None:
        yield _no("instrument", "unknown_instrument", "There is no such instrument.")
        return
    if (status := instrument.status) != _ACTIVE:
        yield _no("instrument", f"instrument_{status}", f"The instrument is {status}.")
    if reading.request.currency not in {None, instrument.currency}:
        yield _no("currency", "wrong_currency", f"It is settled in {instrument.currency}.")
    quantity, price = reading.quantity, reading.price
    if instrument.lot_size is not None and quantity is not None and quantity % instrument.lot_size:
        detail = f"Quantities are multiples of {instrument.lot_size.normalize():f}."
        yield _no("quantity", "off_lot", detail)
    if price is None:
        return
    if instrument.tick_size is not None and price % instrument.tick_size:
        detail = f"Prices are multiples of {instrument.tick_size.normalize():f}."
        yield _no("price", "off_tick", detail)
    band, last = instrument.price_band, instrument.last_price
    if band is not None and last is not None and abs(price - last) * 100 > band * last:
        detail = f"It is more than {band.normalize():f} % off the last price, {last.normalize():f}."
        yield _no("price", "outside_price_band", detail)


def _size(field: str, amount: Decimal | None) -> Iterator[Reason]:
    if amount is None:
        return
    if amount <= 0:
        yield _no(field, "not_positive", f"A {field} is greater than 0.")
    elif amount >= TRADE_LIMIT:
        yield _no(field, "too_large", f"A {field} is below {TRADE_LIMIT:f}.")


def _times(reading: Reading, now: datetime, instrument: InstrumentRef | None) -> Iterator[Reason]:
    executed_at, trade_date = reading.executed_at, reading.trade_date
    latest = now + CLOCK_TOLERANCE
    if executed_at is not None and executed_at > latest:
        yield _no("executed_at", "in_the_future", "It has not happened yet.")
    if executed_at is not None and executed_at.year < FIRST_YEAR:
        yield _no("executed_at", "too_old", f"Nothing before {FIRST_YEAR} is kept here.")
    if trade_date is not None and trade_date > _today(latest, instrument):
        yield _no("trade_date", "in_the_future", "The trade date has not come yet.")
    if trade_date is not None and trade_date.year < FIRST_YEAR:
        yield _no("trade_date", "too_old", f"Nothing before {FIRST_YEAR} is kept here.")


def _today(latest: datetime, instrument: InstrumentRef | None) -> date:
    """The latest day that has begun: where the market is, the day may be ahead of UTC's."""
    if instrument is None or instrument.settlement is None:
        return latest.date()
    return max(latest.date(), business_date(instrument.settlement, latest))


def _counterparty(status: str | None) -> Iterator[Reason]:
    if status is None:
        yield _no("counterparty", "unknown_counterparty", "There is no such counterparty.")
    elif status != CounterpartyStatus.ACTIVE.value:
        yield _no("counterparty", "counterparty_inactive", "The counterparty is inactive.")


def _fees(reading: Reading, instrument: InstrumentRef | None) -> Iterator[Reason]:
    for index, (kind, amount, currency) in enumerate(reading.fees):
        here = f"fees.{index}"
        if kind not in FEE_KINDS:
            kinds = ", ".join(sorted(FEE_KINDS))
            yield _no(f"{here}.kind", "unknown_fee_kind", f"A fee is one of {kinds}.")
        if instrument is not None and currency not in {None, instrument.currency}:
            detail = f"A fee is charged in the trade's currency, {instrument.currency}."
            yield _no(f"{here}.currency", "wrong_currency", detail)
        if amount is None:
            continue
        if abs(amount) >= TRADE_LIMIT:
            yield _no(f"{here}.amount", "too_large", f"A fee is below {TRADE_LIMIT:f}.")
        elif instrument is not None:
            scale = scale_of(instrument.currency)
            if round_to(amount, scale) != amount:
                detail = f"A fee has at most {scale} decimals in {instrument.currency}."
                yield _no(f"{here}.amount", "too_many_decimals", detail)
