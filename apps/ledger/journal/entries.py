"""Journal entries: what a business fact means in double entry. Pure; nothing is booked here.

Sign rule: + raises the holder's claim, - lowers it, and the legs of an entry sum to exactly zero
in every asset. Units of an instrument are an asset like a currency; the house's accounts carry the
other side of the clients'. A positive leg is shown as a debit, a negative one as a credit.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

from apps.core.money import AMOUNT_LIMIT, ZERO, exact
from apps.ledger.exceptions import AmountRefused, NotReversible, TooFewLegs, Unbalanced
from apps.trading.events import TradeAmended, TradeCancelled, TradeExecuted

LEGS_MIN: Final = 2
_DIGITS_MAX: Final = AMOUNT_LIMIT.adjusted()


class Code(StrEnum):
    """The chart of accounts. Client accounts belong to an owner, house accounts to the tenant."""

    SEC_UNSETTLED = "SEC:UNSETTLED"
    SEC_SETTLED = "SEC:SETTLED"
    CASH_UNSETTLED = "CASH:UNSETTLED"
    CASH_SETTLED = "CASH:SETTLED"

    STREET_SEC_UNSETTLED = "STREET:SEC:UNSETTLED"
    STREET_CASH_UNSETTLED = "STREET:CASH:UNSETTLED"
    DEPOT_SEC = "DEPOT:SEC"
    NOSTRO = "NOSTRO"
    FEE_COMMISSION = "FEE:COMMISSION"
    FEE_EXCHANGE = "FEE:EXCHANGE"
    FEE_OTHER = "FEE:OTHER"
    TAX = "TAX"
    PENALTY = "PENALTY"
    ROUNDING = "ROUNDING"
    SUSPENSE = "SUSPENSE"


CLIENT_CODES: Final = (
    Code.SEC_UNSETTLED,
    Code.SEC_SETTLED,
    Code.CASH_UNSETTLED,
    Code.CASH_SETTLED,
)
HOUSE_CODES: Final = tuple(code for code in Code if code not in CLIENT_CODES)
SECURITY_CODES: Final = frozenset(
    {Code.SEC_UNSETTLED, Code.SEC_SETTLED, Code.STREET_SEC_UNSETTLED, Code.DEPOT_SEC}
)
"""Accounts whose assets are instruments; all others hold currencies."""

_FEE_CODES: Final[Mapping[str, Code]] = {
    "commission": Code.FEE_COMMISSION,
    "exchange": Code.FEE_EXCHANGE,
    "tax": Code.TAX,
    "other": Code.FEE_OTHER,
}


class Kind(StrEnum):
    """Why an entry was booked."""

    TRADE = "TRADE"
    REVERSAL = "REVERSAL"
    SETTLEMENT = "SETTLEMENT"
    CASH = "CASH"
    FEE = "FEE"
    PENALTY = "PENALTY"
    ADJUSTMENT = "ADJUSTMENT"
    CORPORATE_ACTION = "CORPORATE_ACTION"


@dataclass(frozen=True, slots=True)
class Leg:
    """One line of an entry: what an account (by code; a client's by owner, too) gets or gives."""

    code: str
    owner: UUID | None
    asset: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class EntryDraft:
    """An entry that is ready to be booked."""

    kind: str
    source: str
    """What it stems from; one source is booked once per tenant, for ever."""
    tenant: int
    effective_at: datetime
    """When it happened in the business; the ledger adds when it knew of it."""
    legs: tuple[Leg, ...]
    owner: UUID | None = None
    """The client account in whose journal it is listed."""
    owner_number: str = ""
    trade_id: UUID | None = None
    reverses: UUID | None = None


@dataclass(frozen=True, slots=True)
class BookedEntry:
    """An entry as it stands in the journal."""

    id: UUID
    booked_at: datetime
    draft: EntryDraft


def source_of_trade(trade: UUID, version: int) -> str:
    """The source of the entry that books a version of a trade."""
    return f"trade:{trade}:{version}"


def replaced_by(event: TradeCancelled | TradeAmended) -> str:
    """The source of the entry that a cancellation or an amendment undoes."""
    return source_of_trade(event.trade_id, event.version_no - 1)


def entry_for_trade(event: TradeExecuted | TradeAmended, *, tenant: int) -> EntryDraft:
    """Units against cash at the notional, and fees: client against street and house, unsettled.

    An inverse instrument is worth more when its price falls, so its value in the base coin counts
    the other way round: a buy credits the client with it.
    """
    owner = event.account_id
    is_buy = event.side == "buy"
    units = event.quantity if is_buy else event.quantity.copy_negate()
    value = event.notional.copy_negate() if is_buy != event.inverse else event.notional
    with exact():
        cash, fees = _cash_and_fees(event, value)
    legs = [
        Leg(Code.SEC_UNSETTLED, owner, event.symbol, units),
        Leg(Code.STREET_SEC_UNSETTLED, None, event.symbol, units.copy_negate()),
    ]
    legs += [
        Leg(Code.CASH_UNSETTLED, owner, asset, total) for asset, total in cash.items() if total
    ]
    if value:
        street = value.copy_negate()
        legs.append(Leg(Code.STREET_CASH_UNSETTLED, None, event.currency, street))
    legs += [Leg(code, None, asset, total) for (code, asset), total in fees.items() if total]
    return EntryDraft(
        kind=Kind.TRADE,
        source=source_of_trade(event.trade_id, event.version_no),
        tenant=tenant,
        effective_at=event.executed_at,
        legs=tuple(legs),
        owner=owner,
        owner_number=event.account_number,
        trade_id=event.trade_id,
    )


def _cash_and_fees(
    event: TradeExecuted | TradeAmended, value: Decimal
) -> tuple[dict[str, Decimal], dict[tuple[Code, str], Decimal]]:
    """The client's cash per currency, net of fees, and the fees per account and currency."""
    cash = {event.currency: value}
    fees: dict[tuple[Code, str], Decimal] = {}
    for fee in event.fees:
        place = (_FEE_CODES.get(fee.kind, Code.FEE_OTHER), fee.currency)
        fees[place] = fees.get(place, ZERO) + fee.amount
        cash[fee.currency] = cash.get(fee.currency, ZERO) - fee.amount
    return cash, fees


def entry_for_cash_transfer(
    *,
    tenant: int,
    owner: UUID,
    owner_number: str,
    currency: str,
    amount: Decimal,
    reference: str,
    effective_at: datetime,
) -> EntryDraft:
    """Cash that has arrived (amount > 0) or left (amount < 0): the client against our bank account."""
    return EntryDraft(
        kind=Kind.CASH,
        source=f"cash:{owner}:{reference}",
        tenant=tenant,
        effective_at=effective_at,
        legs=(
            Leg(Code.CASH_SETTLED, owner, currency, amount),
            Leg(Code.NOSTRO, None, currency, amount.copy_negate()),
        ),
        owner=owner,
        owner_number=owner_number,
    )


@dataclass(frozen=True, slots=True)
class Delivery:
    """What moves when a trade, or a part of it, settles; signed as the client sees it."""

    tenant: int
    settlement: UUID
    part: int
    trade_id: UUID
    owner: UUID
    owner_number: str
    symbol: str
    units: Decimal
    """Positive: the client receives them."""
    currency: str
    cash: Decimal
    """At the bank: positive where the street is paid for the units."""
    client_cash: Mapping[str, Decimal]
    """Per currency, with the fees: what the client gets (+) or pays (-)."""
    effective_at: datetime


def entry_for_delivery(part: Delivery) -> EntryDraft:
    """Delivery versus payment: securities and cash from unsettled to settled, in one entry.

    A part of which a split has left no whole unit moves its cash alone.
    """
    owner, units = part.owner, part.units
    legs = []
    if units:
        legs += [
            Leg(Code.SEC_UNSETTLED, owner, part.symbol, units.copy_negate()),
            Leg(Code.SEC_SETTLED, owner, part.symbol, units),
            Leg(Code.STREET_SEC_UNSETTLED, None, part.symbol, units),
            Leg(Code.DEPOT_SEC, None, part.symbol, units.copy_negate()),
        ]
    for currency, amount in part.client_cash.items():
        if amount:
            legs.append(Leg(Code.CASH_UNSETTLED, owner, currency, amount.copy_negate()))
            legs.append(Leg(Code.CASH_SETTLED, owner, currency, amount))
    if part.cash:
        legs.append(Leg(Code.STREET_CASH_UNSETTLED, None, part.currency, part.cash.copy_negate()))
        legs.append(Leg(Code.NOSTRO, None, part.currency, part.cash))
    return EntryDraft(
        kind=Kind.SETTLEMENT,
        source=f"settlement:{part.settlement}:{part.part}",
        tenant=part.tenant,
        effective_at=part.effective_at,
        legs=tuple(legs),
        owner=owner,
        owner_number=part.owner_number,
        trade_id=part.trade_id,
    )


@dataclass(frozen=True, slots=True)
class PenaltyDay:
    """What a business day of failing costs: the client gets (+) or pays (-) it."""

    tenant: int
    settlement: UUID
    day: date
    trade_id: UUID
    owner: UUID
    owner_number: str
    currency: str
    amount: Decimal
    effective_at: datetime


def entry_for_penalty(one: PenaltyDay) -> EntryDraft:
    """A day of failing, out of settled cash."""
    return EntryDraft(
        kind=Kind.PENALTY,
        source=f"penalty:{one.settlement}:{one.day}",
        tenant=one.tenant,
        effective_at=one.effective_at,
        legs=(
            Leg(Code.CASH_SETTLED, one.owner, one.currency, one.amount),
            Leg(Code.PENALTY, None, one.currency, one.amount.copy_negate()),
        ),
        owner=one.owner,
        owner_number=one.owner_number,
        trade_id=one.trade_id,
    )


def entry_for_adjustment(
    uid: UUID, legs: tuple[Leg, ...], *, tenant: int, effective_at: datetime
) -> EntryDraft:
    """Lines that two people agreed on; listed in a client's journal where all are about one."""
    owners = {leg.owner for leg in legs if leg.owner is not None}
    return EntryDraft(
        kind=Kind.ADJUSTMENT,
        source=f"adjustment:{uid}",
        tenant=tenant,
        effective_at=effective_at,
        legs=legs,
        owner=owners.pop() if len(owners) == 1 else None,
    )


def reversal_of(entry: BookedEntry) -> EntryDraft:
    """The entry that undoes another: every leg negated, effective when the original was.

    Its source comes from the original, so that asking twice books once.
    Raises NotReversible for an entry that is itself a reversal.
    """
    draft = entry.draft
    if draft.reverses is not None:
        raise NotReversible(entry=str(entry.id))
    return EntryDraft(
        kind=Kind.REVERSAL,
        source=f"reversal:{entry.id}",
        tenant=draft.tenant,
        effective_at=draft.effective_at,
        legs=tuple(
            Leg(leg.code, leg.owner, leg.asset, leg.amount.copy_negate()) for leg in draft.legs
        ),
        owner=draft.owner,
        owner_number=draft.owner_number,
        trade_id=draft.trade_id,
        reverses=entry.id,
    )


def check_balanced(draft: EntryDraft) -> None:
    """Refuse an entry that the database would refuse, in words.

    Raises TooFewLegs, AmountRefused or Unbalanced; the last also where an account is named twice
    for one asset, since such legs hide what the entry does to it.
    """
    if len(draft.legs) < LEGS_MIN:
        raise TooFewLegs(source=draft.source)
    for leg in draft.legs:
        if not (leg.amount and leg.amount.is_finite() and leg.amount.adjusted() < _DIGITS_MAX):
            raise AmountRefused(source=draft.source, asset=leg.asset, amount=str(leg.amount))
    if rest := unbalanced(draft.legs):
        raise Unbalanced(source=draft.source, rest={name: str(sum_) for name, sum_ in rest.items()})
    if len({(leg.code, leg.owner, leg.asset) for leg in draft.legs}) < len(draft.legs):
        raise Unbalanced("An entry names an account once per asset.", source=draft.source)


def unbalanced(legs: Iterable[Leg]) -> dict[str, Decimal]:
    """What is left over per asset; empty where the legs balance."""
    sums: dict[str, Decimal] = defaultdict(lambda: ZERO)
    with exact():
        for leg in legs:
            sums[leg.asset] += leg.amount
    return {asset: rest for asset, rest in sums.items() if rest}
