"""Cash in and out, settled at once."""

from dataclasses import dataclass
from decimal import Decimal

from django.utils import timezone

from apps.core.exceptions import fault
from apps.core.money import AMOUNT_LIMIT, CURRENCIES, plain, round_to, scale_of
from apps.events.contracts import partition_of
from apps.events.services import unit_of_work
from apps.ledger import selectors
from apps.ledger.events import CashTransferred
from apps.ledger.exceptions import (
    InsufficientFunds,
    ReferenceTaken,
    SourceTaken,
    TransferRefused,
)
from apps.ledger.journal import Code, EntryDraft, entry_for_cash_transfer
from apps.ledger.selectors import Entry, Owner
from apps.ledger.services.posting import Booked, post_entries

REFERENCE_MAX = 200  # characters


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer that is booked: its entry, and whether it had been booked before."""

    owner: Owner
    currency: str
    amount: Decimal
    reference: str
    entry: Entry
    is_replay: bool


def transfer_cash(
    tenant: int, *, account: str, currency: str, amount: Decimal, reference: str
) -> Transfer:
    """Book cash that came in (amount > 0) or goes out (amount < 0) of an account (id or number).

    A reference is used once per account: the same transfer again gives the same entry. A withdrawal
    is covered by settled cash; what unsettled trades will bring does not count.
    Raises UnknownOwner, TransferRefused, InsufficientFunds, ReferenceTaken.
    """
    _check_terms(tenant, currency, amount, reference)
    owner = selectors.owner_of(tenant, account)
    draft = entry_for_cash_transfer(
        tenant=tenant,
        owner=owner.id,
        owner_number=owner.number,
        currency=currency,
        amount=amount,
        reference=reference,
        effective_at=timezone.now(),
    )
    try:
        booked = _book(draft, owner, amount, reference)
    except SourceTaken:
        raise _other_content(draft, reference) from None
    entry = selectors.entry(tenant, booked.id)
    return Transfer(owner, currency, amount, reference, entry, is_replay=not booked.is_new)


def _book(draft: EntryDraft, owner: Owner, amount: Decimal, reference: str) -> Booked:
    with unit_of_work() as work:
        (booked,) = post_entries([draft], partition=partition_of(str(owner.id)))
        if not booked.is_new:
            return booked
        currency = draft.legs[0].asset
        if amount < 0:
            # Checked after the move: the balance is locked by it, in the same order as everywhere.
            # Locking it first could deadlock with a batch that comes from the other end.
            settled = selectors.balance(draft.tenant, owner.id, Code.CASH_SETTLED, currency)
            if settled < 0:
                raise _insufficient(currency, settled - amount)
        fact = CashTransferred(
            account_id=owner.id,
            account_number=owner.number,
            entry_id=booked.id,
            currency=currency,
            amount=amount,
            reference=reference,
            booked_at=booked.booked_at,
        )
        work.publish(fact, tenant=draft.tenant, key=str(owner.id))
    return booked


def _check_terms(tenant: int, currency: str, amount: Decimal, reference: str) -> None:
    """Raises TransferRefused with every reason."""
    faults = []
    if currency not in CURRENCIES and not selectors.is_currency(tenant, currency):
        faults.append(fault("currency", "unknown_currency", f"{currency!r} is no known currency."))
    if not amount.is_finite() or not amount or abs(amount) >= AMOUNT_LIMIT:
        faults.append(fault("amount", "out_of_range", "An amount is not 0 and below 1e20."))
    elif round_to(amount, scale_of(currency)) != amount:
        detail = f"{currency} has at most {scale_of(currency)} decimals."
        faults.append(fault("amount", "too_many_decimals", detail))
    if not reference.strip() or len(reference) > REFERENCE_MAX or "\x00" in reference:
        detail = f"A reference has 1 to {REFERENCE_MAX} characters."
        faults.append(fault("reference", "bad_reference", detail))
    if faults:
        raise TransferRefused(errors=faults)


def _insufficient(currency: str, available: Decimal) -> InsufficientFunds:
    detail = f"{plain(available)} {currency} are settled and available."
    return InsufficientFunds(
        currency=currency,
        available=plain(available),
        errors=[fault("amount", "insufficient_funds", detail)],
    )


def _other_content(draft: EntryDraft, reference: str) -> ReferenceTaken:
    """Says which field differs from the transfer that has the reference."""
    known = selectors.entry_of_source(draft.tenant, draft.source)
    field = "currency" if known.legs[0].asset != draft.legs[0].asset else "amount"
    return ReferenceTaken(field=field, reference=reference, entry=str(known.id))
