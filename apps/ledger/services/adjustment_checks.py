"""What must be true of an adjustment before it is proposed; every reason is found, not the first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from apps.core.exceptions import Fault, fault
from apps.core.money import AMOUNT_LIMIT, SCALE_MAX, plain, round_to, scale_of
from apps.ledger import selectors
from apps.ledger.exceptions import UnknownBreak, UnknownOwner
from apps.ledger.journal import CLIENT_CODES, LEGS_MIN, SECURITY_CODES, Code, Leg, unbalanced
from apps.ledger.models import Adjustment, AdjustmentState, Break
from apps.ledger.reconciliation import BreakState
from apps.ledger.selectors import Owner
from apps.ledger.services.accounts import INSTRUMENT

LINES_MAX: Final = 100
REASON_MIN, REASON_MAX = 3, 1_000  # characters
FIRST_DAY: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an adjustment, as a person writes it."""

    account: str
    """Code in the chart of accounts."""
    owner: str
    """Id or number of a client account; empty for the house's own."""
    asset: str
    side: str
    """`debit` or `credit`."""
    amount: Decimal
    """Above zero."""


@dataclass(frozen=True, slots=True)
class AdjustmentTerms:
    """What is proposed, and why; `mends` is the break that it closes."""

    reason: str
    lines: Sequence[Line]
    effective_at: datetime | None = None
    mends: UUID | None = None


def owners_of(tenant: int, lines: Sequence[Line]) -> dict[str, Owner]:
    """The client accounts that lines name, as far as there are any."""
    found = {}
    for name in {line.owner for line in lines if line.owner}:
        try:
            found[name] = selectors.owner_of(tenant, name)
        except UnknownOwner:
            continue  # `faults` says so of each line that names it
    return found


def stored(lines: Sequence[Line], owners: Mapping[str, Owner]) -> list[dict[str, Any]]:
    """Lines as they are kept."""
    return [
        {
            "account": line.account,
            "owner": str(owners[line.owner].id) if line.owner else None,
            "owner_number": owners[line.owner].number if line.owner else "",
            "asset": line.asset,
            "side": line.side,
            "amount": plain(line.amount),
        }
        for line in lines
    ]


def legs_of(lines: Sequence[Mapping[str, Any]]) -> tuple[Leg, ...]:
    """The legs that kept lines stand for."""
    return tuple(
        Leg(
            line["account"],
            UUID(line["owner"]) if line["owner"] else None,
            line["asset"],
            _signed(Decimal(line["amount"]), line["side"]),
        )
        for line in lines
    )


def _signed(amount: Decimal, side: str) -> Decimal:
    return amount if side == "debit" else amount.copy_negate()


def faults(
    tenant: int, terms: AdjustmentTerms, at: datetime, owners: Mapping[str, Owner], now: datetime
) -> list[Fault]:
    """Every reason to refuse what is proposed. Raises `UnknownBreak`."""
    found = [
        *reason_faults(terms.reason),
        *_time_faults(at, now),
        *_line_faults(tenant, terms.lines, owners),
        *_break_faults(tenant, terms.mends),
    ]
    return found or list(_balance_faults(legs_of(stored(terms.lines, owners))))


def reason_faults(reason: str) -> Iterator[Fault]:
    """Why this says nothing."""
    text = reason.strip()
    if not REASON_MIN <= len(text) <= REASON_MAX or "\x00" in text:
        detail = f"A reason has {REASON_MIN} to {REASON_MAX} characters."
        yield fault("reason", "bad_reason", detail)


def _time_faults(at: datetime, now: datetime) -> Iterator[Fault]:
    if at > now:
        yield fault("effective_at", "in_the_future", "It has not happened yet.")
    elif at < FIRST_DAY:
        yield fault("effective_at", "too_old", f"Nothing before {FIRST_DAY.year} is kept here.")


def _break_faults(tenant: int, mends: UUID | None) -> Iterator[Fault]:
    """Raises `UnknownBreak`."""
    if mends is None:
        return
    # Locked: of two who propose at once for one break, the second waits and is told.
    found = Break.objects.for_tenant(tenant).select_for_update().filter(pk=mends).first()
    if found is None:
        raise UnknownBreak(id=str(mends))
    if found.state == BreakState.CLOSED:
        yield fault("break", "closed", "The break is closed.")
    waiting = Adjustment.objects.for_tenant(tenant).filter(
        mends=mends, state=AdjustmentState.PROPOSED
    )
    if waiting.exists():
        yield fault("break", "proposed_already", "Another adjustment of it waits for a decision.")


def _line_faults(
    tenant: int, lines: Sequence[Line], owners: Mapping[str, Owner]
) -> Iterator[Fault]:
    if not LEGS_MIN <= len(lines) <= LINES_MAX:
        detail = f"An adjustment has {LEGS_MIN} to {LINES_MAX} lines."
        yield fault("lines", "bad_number", detail)
        return
    kinds = selectors.asset_kinds(tenant, {line.asset for line in lines})
    closed = selectors.closed_owners(tenant, {one.id for one in owners.values()})
    for number, line in enumerate(lines):
        here = f"lines.{number}"
        yield from _owner_faults(here, line, owners.get(line.owner), closed)
        yield from _asset_faults(tenant, here, line, kinds.get(line.asset))
        if line.side not in {"debit", "credit"}:
            yield fault(f"{here}.side", "unknown_side", "A side is debit or credit.")
        scale = SCALE_MAX if line.account in SECURITY_CODES else scale_of(line.asset)
        if not line.amount.is_finite() or not 0 < line.amount < AMOUNT_LIMIT:
            detail = "An amount is above 0 and below 1e20; the side gives it its sign."
            yield fault(f"{here}.amount", "out_of_range", detail)
        elif round_to(line.amount, scale) != line.amount:
            detail = f"{line.asset} has at most {scale} decimals."
            yield fault(f"{here}.amount", "too_many_decimals", detail)


def _owner_faults(here: str, line: Line, owner: Owner | None, closed: set[UUID]) -> Iterator[Fault]:
    if line.account not in set(Code):
        codes = ", ".join(Code)
        yield fault(f"{here}.account", "unknown_account", f"One of {codes}.")
    elif line.account in CLIENT_CODES and not line.owner:
        yield fault(f"{here}.owner", "required", "It is a client's: say whose.")
    elif line.account not in CLIENT_CODES and line.owner:
        yield fault(f"{here}.owner", "not_wanted", "It is the house's own account.")
    elif line.owner and owner is None:
        yield fault(f"{here}.owner", "unknown_account", "There is no such client account.")
    elif owner is not None and owner.id in closed:
        yield fault(f"{here}.owner", "account_closed", f"{owner.number} is closed.")


def _asset_faults(tenant: int, here: str, line: Line, kind: str | None) -> Iterator[Fault]:
    if line.account in SECURITY_CODES:
        if kind != INSTRUMENT:
            detail = "The books have never held units of it."
            yield fault(f"{here}.asset", "unknown_instrument", detail)
    elif kind == INSTRUMENT or not selectors.is_currency(tenant, line.asset):
        yield fault(f"{here}.asset", "unknown_currency", "It is no known currency.")


def _balance_faults(legs: Sequence[Leg]) -> Iterator[Fault]:
    for asset, rest in unbalanced(legs).items():
        detail = f"The lines leave {plain(rest)} {asset} over."
        yield fault("lines", "unbalanced", detail)
    if len({(leg.code, leg.owner, leg.asset) for leg in legs}) < len(legs):
        yield fault("lines", "named_twice", "An entry names an account once per asset.")
