"""Adjust the books by hand: one person proposes lines, another decides, the ledger books them.

Load and lock · seen before? · decide · write · tell. What was proposed never changes, and the entry is
posted from what is stored, not from what the second person sends.
"""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import msgspec
from django.db import connection
from django.utils import timezone

from apps.core.exceptions import Fault, fault
from apps.core.ids import uuid7
from apps.events.contracts import partition_of
from apps.events.services import unit_of_work
from apps.ledger import selectors
from apps.ledger.events import AdjustmentDecided, AdjustmentProposed
from apps.ledger.exceptions import (
    AdjustmentChanged,
    AdjustmentIsDecided,
    AdjustmentNotFound,
    AdjustmentRefused,
    IdempotencyKeyUsed,
    SecondPersonNeeded,
)
from apps.ledger.journal import entry_for_adjustment
from apps.ledger.models import Adjustment, AdjustmentState, Break
from apps.ledger.reconciliation import BreakState
from apps.ledger.services import adjustment_checks as checks
from apps.ledger.services.accounts import open_client_accounts
from apps.ledger.services.adjustment_checks import AdjustmentTerms
from apps.ledger.services.posting import post_entries
from apps.ledger.services.reconciling import change_break
from apps.tenants.selectors import is_one_person

CLAIM: Final = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"


def propose_adjustment(
    tenant: int, terms: AdjustmentTerms, *, by: str, key: str
) -> tuple[Adjustment, bool]:
    """Propose lines; the adjustment, and whether it is new. The same key again gives the same one.

    Raises `AdjustmentRefused` with every reason, `UnknownBreak`, and `IdempotencyKeyUsed` where the
    key was used for something else.
    """
    with unit_of_work() as work:
        with connection.cursor() as cursor:
            cursor.execute(CLAIM, [f"adjustment:{tenant}:{by}:{key}"])
        known = Adjustment.objects.for_tenant(tenant).filter(proposed_by=by, key=key).first()
        if known is None:
            now = timezone.now()
            row = _checked(tenant, terms, now)
            row.key, row.proposed_by, row.proposed_at = key, by, now
            row.save(force_insert=True)
            fact = AdjustmentProposed(
                adjustment_id=row.pk,
                reason=row.reason,
                digest=row.digest,
                by=by,
                break_id=row.mends_id,
            )
            work.publish(fact, tenant=tenant, key=str(row.pk))
            return row, True
        if differing := list(_differing(tenant, known, terms)):
            raise IdempotencyKeyUsed(errors=differing, adjustment=str(known.pk))
        return known, False


def approve_adjustment(
    tenant: int, uid: UUID, *, by: str, reason: str = "", digest: str | None = None
) -> Adjustment:
    """Book what another person proposed. Approved before by the same person, it is left as it is.

    `digest` is that of what the second person has seen. Raises `AdjustmentNotFound`,
    `AdjustmentIsDecided`, `SecondPersonNeeded`, `AdjustmentChanged`, and `AdjustmentRefused` or what
    `post_entries` raises where the books have changed meanwhile.
    """
    with unit_of_work() as work:
        row = _locked(tenant, uid)
        if row.state == AdjustmentState.APPROVED and row.decided_by == by:
            return row
        _still_open(row)
        if is_one_person(row.proposed_by, by):
            raise SecondPersonNeeded(proposed_by=row.proposed_by)
        if row.digest != _digest(row) or digest not in {None, row.digest}:
            raise AdjustmentChanged(digest=row.digest)
        row.entry_id = _book(row)
        _decide(row, AdjustmentState.APPROVED, by, reason)
        if row.mends_id is not None:
            _close_break(row, by)
        work.publish(_decided(row), tenant=tenant, key=str(row.pk))
    return row


def reject_adjustment(tenant: int, uid: UUID, *, by: str, reason: str) -> Adjustment:
    """Refuse what another person proposed. Raises what `approve_adjustment` raises."""
    return _turn_down(tenant, uid, AdjustmentState.REJECTED, by, reason)


def withdraw_adjustment(tenant: int, uid: UUID, *, by: str, reason: str) -> Adjustment:
    """Take back what one proposed oneself. Raises what `approve_adjustment` raises."""
    return _turn_down(tenant, uid, AdjustmentState.WITHDRAWN, by, reason)


def _turn_down(tenant: int, uid: UUID, state: AdjustmentState, by: str, reason: str) -> Adjustment:
    if faults := list(checks.reason_faults(reason)):
        raise AdjustmentRefused(errors=faults)
    with unit_of_work() as work:
        row = _locked(tenant, uid)
        if row.state == state and row.decided_by == by:
            return row
        _still_open(row)
        withdraws = state == AdjustmentState.WITHDRAWN
        if row.proposed_by != by if withdraws else is_one_person(row.proposed_by, by):
            raise SecondPersonNeeded(proposed_by=row.proposed_by)
        _decide(row, state, by, reason)
        work.publish(_decided(row), tenant=tenant, key=str(row.pk))
    return row


def _checked(tenant: int, terms: AdjustmentTerms, now: datetime) -> Adjustment:
    """A row of these terms. Raises `AdjustmentRefused` with every reason, and `UnknownBreak`."""
    effective_at = terms.effective_at or now
    owners = checks.owners_of(tenant, terms.lines)
    if faults := checks.faults(tenant, terms, effective_at, owners, now):
        raise AdjustmentRefused(errors=faults)
    row = Adjustment(
        id=uuid7(),
        tenant_id=tenant,
        reason=terms.reason.strip(),
        lines=checks.stored(terms.lines, owners),
        effective_at=effective_at,
        mends_id=terms.mends,
        state=AdjustmentState.PROPOSED,
    )
    row.digest = _digest(row)
    return row


def _digest(row: Adjustment) -> str:
    """What is proposed, in 64 digits."""
    content = [
        str(row.pk),
        row.tenant_id,
        row.reason,
        row.lines,
        row.effective_at.astimezone(UTC).isoformat(),
        str(row.mends_id or ""),
    ]
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()


def _locked(tenant: int, uid: UUID) -> Adjustment:
    found = Adjustment.objects.for_tenant(tenant).select_for_update().filter(pk=uid).first()
    if found is None:
        raise AdjustmentNotFound(adjustment=str(uid))
    return found


def _still_open(row: Adjustment) -> None:
    if row.state != AdjustmentState.PROPOSED:
        raise AdjustmentIsDecided(state=row.state, decided_by=row.decided_by)


def _book(row: Adjustment) -> UUID:
    """Post the stored lines; the entry. What became impossible since the proposal is refused."""
    legs = checks.legs_of(row.lines)
    numbers = {leg.owner: line["owner_number"] for leg, line in zip(legs, row.lines, strict=True)}
    owners = {owner: number for owner, number in numbers.items() if owner is not None}
    if closed := selectors.closed_owners(row.tenant_id, owners):
        raise AdjustmentRefused(
            errors=[
                fault("lines", "account_closed", f"{owners[owner]} is closed.")
                for owner in sorted(closed)
            ]
        )
    if owners:
        open_client_accounts((row.tenant_id, owner, number) for owner, number in owners.items())
    draft = entry_for_adjustment(row.pk, legs, tenant=row.tenant_id, effective_at=row.effective_at)
    (booked,) = post_entries([draft], partition=partition_of(str(draft.owner or row.pk)))
    return booked.id


def _decide(row: Adjustment, state: AdjustmentState, by: str, reason: str) -> None:
    row.state, row.decided_by, row.decided_at = state, by, timezone.now()
    row.decision_reason = reason.strip()[: checks.REASON_MAX]
    row.save(update_fields=["state", "decided_by", "decided_at", "decision_reason", "entry_id"])


def _close_break(row: Adjustment, by: str) -> None:
    assert row.mends_id is not None
    found = Break.objects.for_tenant(row.tenant_id).get(pk=row.mends_id)
    if found.state != BreakState.CLOSED:  # a run may have found it gone meanwhile
        note = f"Adjusted by entry {row.entry_id}: {row.reason}"
        change_break(row.tenant_id, found.pk, state=BreakState.CLOSED.value, by=by, note=note)


def _decided(row: Adjustment) -> AdjustmentDecided:
    return AdjustmentDecided(
        adjustment_id=row.pk,
        state=row.state,
        by=row.decided_by or "",
        reason=row.decision_reason,
        entry_id=row.entry_id,
        break_id=row.mends_id,
    )


def _differing(tenant: int, known: Adjustment, terms: AdjustmentTerms) -> Iterator[Fault]:
    """What a repeated proposal says otherwise than the first."""
    owners = checks.owners_of(tenant, terms.lines)
    is_known = all(not line.owner or line.owner in owners for line in terms.lines)
    for name, same in (
        ("reason", known.reason == terms.reason.strip()),
        ("lines", is_known and known.lines == checks.stored(terms.lines, owners)),
        ("effective_at", terms.effective_at in {None, known.effective_at}),
        ("break", known.mends_id == terms.mends),
    ):
        if not same:
            yield fault(name, "differs", f"The first request had another {name}.")
