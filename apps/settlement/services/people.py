"""What people decide about settlements: each with a reason, a step and an event.

Settling by hand takes two: one says that it has settled outside, another confirms it. The database
refuses it otherwise.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.utils import timezone

from apps.core.ids import uuid7
from apps.events.services import unit_of_work
from apps.settlement.events import SettlementDecided
from apps.settlement.exceptions import (
    AlreadyProposed,
    NothingProposed,
    NoticeNotFound,
    NotNow,
    ReasonMissing,
    SecondPersonNeeded,
    SettlementNotFound,
)
from apps.settlement.models import ClearingNotice, Kind, NoticeState, Proposal, SettlementPolicy
from apps.settlement.saga import FINAL, PERSONS, Action, State, facts
from apps.settlement.services import posting, rows
from apps.settlement.services.moving import Moves, Record
from apps.settlement.services.returning import open_return
from apps.settlement.services.rows import Row
from apps.tenants.selectors import is_one_person
from apps.trading import services as trading

REASON_MIN, REASON_MAX = 3, 1_000  # characters
OPEN: Final = frozenset(State) - FINAL


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decides what, and why."""

    by: str
    reason: str


def retry(tenant: int, uid: UUID, decision: Decision) -> None:
    """Try again what a person has to look at. Raises SettlementNotFound, NotNow, ReasonMissing."""
    with _deciding(tenant, uid, decision, PERSONS) as (moves, row):
        was_out = row.may_be_out or row.pending
        moves.tell(row, facts.RetryDecided(), _record("retry", decision))
        if not was_out and row.state is State.VALIDATING:
            row.round += 1  # clearing has ended what was sent before: a new instruction
        if row.state is State.CONFIRMED:
            posting.post(moves, [row])


def settle_by_hand(tenant: int, uid: UUID, decision: Decision, said: str | None = None) -> bool:
    """Say that it has settled outside; the second person who says so settles it. Whether it did.

    `said` is `propose`, `approve` or `refuse`; without it the first call proposes and the next one, by
    another, approves. Raises SettlementNotFound, NotNow, ReasonMissing, AlreadyProposed,
    NothingProposed, SecondPersonNeeded.
    """
    with _deciding(tenant, uid, decision, PERSONS) as (moves, row):
        found = Proposal.objects.for_tenant(tenant).filter(settlement_id=uid, is_approved=None)
        proposal = found.select_for_update().first()
        if proposal is None:
            if said in {"approve", "refuse"}:
                raise NothingProposed(settlement=str(uid))
            _propose(moves, row, decision)
            return False
        if said == "propose":
            raise AlreadyProposed(proposed_by=proposal.proposed_by)
        return _decide(moves, row, proposal, decision, is_approved=said != "refuse")


def _propose(moves: Moves, row: Row, decision: Decision) -> None:
    Proposal.objects.create(
        id=uuid7(),
        tenant_id=row.tenant_id,
        settlement_id=row.id,
        reason=decision.reason,
        proposed_by=decision.by,
    )
    moves.touch(row)
    moves.record(row, row.state, _record("propose", decision))


def _decide(
    moves: Moves, row: Row, proposal: Proposal, decision: Decision, *, is_approved: bool
) -> bool:
    if is_one_person(proposal.proposed_by, decision.by):
        raise SecondPersonNeeded(proposed_by=proposal.proposed_by)
    proposal.is_approved, proposal.decided_by = is_approved, decision.by
    proposal.decided_at, proposal.decision_reason = moves.now, decision.reason
    proposal.save()
    if not is_approved:
        moves.touch(row)
        moves.record(row, row.state, _record("refuse", decision))
        return False
    row.by_hand_id = proposal.pk
    moves.tell(row, facts.SettledByHand(), _record("approve", decision))
    posting.post(moves, [row])
    return True


def compensate(tenant: int, uid: UUID, decision: Decision) -> None:
    """Undo it: its trade is cancelled, and what may be at clearing is withdrawn.

    Ledger and positions follow the trade. What has settled already goes back by a return. Raises
    SettlementNotFound, NotNow, ReasonMissing, and what trading refuses.
    """
    with _deciding(tenant, uid, decision, OPEN) as (moves, row):
        if row.kind != Kind.SETTLEMENT:
            raise NotNow("What is owed back cannot be undone.", state=row.state, allowed=[])
        if not row.is_gone:
            asked = trading.Revision(
                trade=str(row.trade_id), reason=decision.reason, key=str(uuid7())
            )
            outcome = trading.cancel_trade(tenant, decision.by, asked, now=moves.now)
            if outcome.error is not None:
                raise outcome.error
        row.is_gone = True
        actions = moves.tell(row, facts.Unwanted(), _record("compensate", decision))
        if Action.RETURN in actions:
            open_return(moves, row)


def assign(tenant: int, uid: UUID, decision: Decision, *, to: str) -> None:
    """Give it to somebody to work on; nobody takes it back into the queue."""
    with _deciding(tenant, uid, decision, PERSONS) as (moves, row):
        moves.touch(row)
        row.assigned_to = to[:REASON_MAX]
        note = f"{to or 'nobody'}: {decision.reason}"
        moves.record(row, row.state, Record("assign", note=note, by=decision.by))


def comment(tenant: int, uid: UUID, decision: Decision) -> None:
    """Say something about it, for whoever looks at it next."""
    with _deciding(tenant, uid, decision, frozenset(State)) as (moves, row):
        moves.touch(row)
        moves.record(row, row.state, _record("comment", decision))


def set_policy(tenant: int, short_deliveries: str, decision: Decision) -> SettlementPolicy:
    """Say what becomes of deliveries of more than an account holds. Raises ReasonMissing."""
    _check(decision)
    with unit_of_work():
        row, _ = SettlementPolicy.objects.update_or_create(
            tenant_id=tenant,
            defaults={
                "short_deliveries": short_deliveries,
                "reason": decision.reason,
                "decided_by": decision.by,
                "decided_at": timezone.now(),
            },
        )
    return row


def resolve_notice(tenant: int, number: int, decision: Decision) -> None:
    """Say what a suspended notice was about. Raises NoticeNotFound, ReasonMissing, NotNow."""
    _check(decision)
    with unit_of_work():
        found = ClearingNotice.objects.for_tenant(tenant).select_for_update().filter(pk=number)
        notice = found.first()
        if notice is None:
            raise NoticeNotFound(notice=number)
        if notice.state != NoticeState.SUSPENDED:
            raise NotNow(state=notice.state, allowed=[NoticeState.SUSPENDED.value])
        notice.state, notice.reason = NoticeState.RESOLVED, decision.reason
        notice.resolved_by, notice.settled_at = decision.by, timezone.now()
        notice.save()


@contextmanager
def _deciding(
    tenant: int, uid: UUID, decision: Decision, allowed: Collection[State]
) -> Iterator[tuple[Moves, Row]]:
    """A settlement, locked, in a state that allows the decision; told and written afterwards.

    What was decided is the step that was recorded for it.
    """
    _check(decision)
    with unit_of_work() as work:
        row = rows.lock([uid]).get(uid)
        if row is None or row.tenant_id != tenant:
            raise SettlementNotFound(settlement=str(uid))
        if row.state not in allowed:
            raise NotNow(state=row.state.value, allowed=sorted(one.value for one in allowed))
        moves = Moves(work, timezone.now())
        yield moves, row
        name = next(one.step for one in moves.steps if one.by == decision.by)
        moves.write()
        fact = SettlementDecided(
            settlement_id=row.id,
            trade_id=row.trade_id,
            account_id=row.account_id,
            decision=name,
            by=decision.by,
            reason=decision.reason,
            state=row.state,
        )
        work.publish(fact, tenant=tenant, key=str(row.account_id))


def _check(decision: Decision) -> None:
    text = decision.reason.strip()
    if not REASON_MIN <= len(text) <= REASON_MAX or "\x00" in text:
        raise ReasonMissing(field="reason")


def _record(step: str, decision: Decision) -> Record:
    return Record(step, note=decision.reason, by=decision.by)
