"""Journal entries of corporate actions. Pure; nothing is booked here."""

from decimal import Decimal

from apps.core.money import exact, minor_units, round_to
from apps.core.units import Ratio
from apps.ledger.journal.entries import Code, EntryDraft, Kind, Leg
from apps.trading.events import CashInLieuPaid, DividendApplied, DividendPaid, SplitApplied

Paid = DividendPaid | CashInLieuPaid
LIEU = ":lieu"
"""How the source of an entry of cash in lieu ends."""


def entry_for_split(event: SplitApplied, units: Decimal, *, tenant: int) -> EntryDraft | None:
    """What a split makes of the units that a client has, settled or not; what it cost stays.

    Unsettled: the depository credits them by what it holds for the client, which settlement moves on.
    """
    with exact():
        made = _ratio(event).entitled(units) - units
    legs = (
        Leg(Code.SEC_UNSETTLED, event.account_id, event.symbol, made),
        Leg(Code.STREET_SEC_UNSETTLED, None, event.symbol, made.copy_negate()),
    )
    return _action(event, "", legs, tenant=tenant) if made else None


def entry_for_cash_in_lieu(
    event: SplitApplied, units: Decimal, *, tenant: int
) -> EntryDraft | None:
    """What a client is owed, or short owes, for the fraction beside its whole units; not paid yet.

    Raises ValueError where there is a fraction and no price.
    """
    if not _ratio(event).rest(units):
        return None
    if event.cash_in_lieu_price is None:
        raise ValueError(f"a fraction of {units} {event.symbol} is left, and no price to pay it at")
    with exact():
        value = event.cash_in_lieu_price * event.multiplier
    amount = _ratio(event).cash(units, value, minor_units(event.currency))
    return _owed(event, LIEU, event.currency, amount, tenant=tenant)


def _ratio(event: SplitApplied) -> Ratio:
    return Ratio.of(event.new_units, event.old_units, event.lot_size)


def _owed(
    event: SplitApplied | DividendApplied, part: str, currency: str, amount: Decimal, *, tenant: int
) -> EntryDraft | None:
    legs = (
        Leg(Code.CASH_UNSETTLED, event.account_id, currency, amount),
        Leg(Code.STREET_CASH_UNSETTLED, None, currency, amount.copy_negate()),
    )
    return _action(event, part, legs, tenant=tenant) if amount else None


def entry_for_split_settled(
    event: SplitApplied, units: Decimal, *, tenant: int
) -> EntryDraft | None:
    """The part of a split's units that the depot holds: from unsettled to settled."""
    owner, asset = event.account_id, event.symbol
    legs = (
        Leg(Code.SEC_UNSETTLED, owner, asset, units.copy_negate()),
        Leg(Code.SEC_SETTLED, owner, asset, units),
        Leg(Code.STREET_SEC_UNSETTLED, None, asset, units),
        Leg(Code.DEPOT_SEC, None, asset, units.copy_negate()),
    )
    return _action(event, ":settled", legs, tenant=tenant) if units else None


def entry_for_dividend(event: DividendApplied, units: Decimal, *, tenant: int) -> EntryDraft | None:
    """What a client is owed, or short owes, for the units of before the ex-date; not paid yet."""
    with exact():
        amount = round_to(units * event.amount, minor_units(event.currency))
    return _owed(event, "", event.currency, amount, tenant=tenant)


def entry_for_payment(event: Paid, amount: Decimal, *, tenant: int) -> EntryDraft:
    """The payment of what was owed: from unsettled to settled, and at the bank."""
    owner, currency = event.account_id, event.currency
    legs = (
        Leg(Code.CASH_UNSETTLED, owner, currency, amount.copy_negate()),
        Leg(Code.CASH_SETTLED, owner, currency, amount),
        Leg(Code.STREET_CASH_UNSETTLED, None, currency, amount),
        Leg(Code.NOSTRO, None, currency, amount.copy_negate()),
    )
    return _action(event, ":paid", legs, tenant=tenant)


def source_of_action(event: SplitApplied | DividendApplied | Paid) -> str:
    """The source of the entry that an action makes for an account at its ex-date."""
    return f"action:{event.action_id}:{event.account_id}"


def source_of_debt(event: Paid) -> str:
    """The source of the entry that says how much is to be paid."""
    return source_of_action(event) + (LIEU if isinstance(event, CashInLieuPaid) else "")


def _action(
    event: SplitApplied | DividendApplied | Paid,
    part: str,
    legs: tuple[Leg, ...],
    *,
    tenant: int,
) -> EntryDraft:
    return EntryDraft(
        kind=Kind.CORPORATE_ACTION,
        source=source_of_action(event) + part,
        tenant=tenant,
        effective_at=event.effective_at,
        legs=legs,
        owner=event.account_id,
        owner_number=event.account_number,
    )
