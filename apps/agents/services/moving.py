"""The moves that every way of giving and taking work is made of.

Each takes rows that its caller has locked: the work first, by id, then agents, by id. All of this
app's transactions lock in that order, so that no two can wait for each other.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from apps.agents import broadcasts
from apps.agents.events import (
    AgentEased,
    AgentMatched,
    AgentOffered,
    OfferDeclined,
    OfferTimedOut,
    WorkFinished,
    WorkReleased,
    WorkReturned,
)
from apps.agents.exceptions import UnknownWork
from apps.agents.models import (
    LIVE,
    Agent,
    Assignment,
    AssignmentState,
    Outcome,
    Work,
    WorkState,
)
from apps.agents.services.times import millis
from apps.agents.services.touching import touch
from apps.events.contracts import Event
from apps.events.services import UnitOfWork

RETURNED: Final = {
    Outcome.DECLINED: "declined",
    Outcome.TIMED_OUT: "timed_out",
    Outcome.TRANSFERRED: "transferred",
}
"""The reasons of `WorkReturned` that an outcome gives."""
OFFER_ENDS: Final = (Outcome.DECLINED, Outcome.TIMED_OUT)


def lock_work(tenant: int, work_id: UUID) -> tuple[Work, Assignment | None]:
    """Live work, locked, and who has it. Raises `UnknownWork`."""
    rows = Work.objects.for_tenant(tenant).exclude(state=WorkState.DONE)
    row = rows.select_for_update(no_key=True).filter(work_id=work_id).first()
    if row is None:
        raise UnknownWork(work=str(work_id))
    return row, held_of(row)


def lock_rows(tenant: int, ids: Collection[UUID]) -> dict[UUID, Work]:
    """Works by row, locked in the order of their ids."""
    rows = Work.objects.for_tenant(tenant).filter(pk__in=ids).order_by("pk")
    return {row.pk: row for row in rows.select_for_update(no_key=True)}


def lock_works(tenant: int, ids: Collection[UUID]) -> list[tuple[Work, Assignment | None]]:
    """Works by row, locked in the order of their ids, each with who has it."""
    found = lock_rows(tenant, ids)
    live = Assignment.objects.for_tenant(tenant).filter(work__in=list(found), state__in=LIVE)
    held = {one.work_id: one for one in live.select_related("agent")}
    return [(row, held.get(key)) for key, row in found.items()]


def held_of(row: Work) -> Assignment | None:
    """The live assignment of locked work."""
    return row.assignments.filter(state__in=LIVE).select_related("agent").first()


def lock_agents(tenant: int, ids: Collection[UUID]) -> dict[UUID, Agent]:
    """Agents, locked in the order of their ids."""
    rows = Agent.objects.for_tenant(tenant).filter(pk__in=ids).order_by("pk")
    return {row.pk: row for row in rows.select_for_update(no_key=True)}


def publish(work: UnitOfWork, row: Work, fact: Event) -> None:
    """Tell a fact about work, to the log and to screens."""
    work.publish(fact, tenant=row.tenant_id, key=str(row.work_id))
    broadcasts.tell(work, row.tenant_id, fact)


def tell_offer(work: UnitOfWork, row: Work, held: Assignment, agent: Agent) -> None:
    """Tell that an agent is asked."""
    fact = AgentOffered(
        work_id=row.work_id,
        agent_id=agent.pk,
        user_id=agent.user_id,
        fence=held.fence,
        offered_at=held.offered_at,
        expires_at=held.expires_at or held.offered_at,
    )
    publish(work, row, fact)


def tell_match(work: UnitOfWork, row: Work, held: Assignment, agent: Agent) -> None:
    """Tell that an agent has the work."""
    at = held.accepted_at or held.offered_at
    fact = AgentMatched(
        work_id=row.work_id,
        agent_id=agent.pk,
        user_id=agent.user_id,
        agent_name=agent.name,
        fence=held.fence,
        how=held.how,
        matched_at=at,
        waited_seconds=max(0, int((at - row.queued_at).total_seconds())),
    )
    publish(work, row, fact)


def tell_room(work: UnitOfWork, row: Work, held: Assignment, now: datetime) -> None:
    """Tell that work weighs less than before."""
    fact = AgentEased(work_id=row.work_id, agent_id=held.agent_id, weight=held.weight, at=now)
    publish(work, row, fact)


def lose(
    work: UnitOfWork, row: Work, held: Assignment, outcome: str, now: datetime, *, reason: str = ""
) -> None:
    """An agent is rid of the work; the trigger gives the room back."""
    was_offer = held.state == AssignmentState.OFFERED
    held.state, held.outcome, held.ended_at = AssignmentState.ENDED, outcome, now
    held.reason = reason[:200]
    held.save(update_fields=["state", "outcome", "ended_at", "reason"])
    names = {"work_id": row.work_id, "agent_id": held.agent_id}
    fact: Event
    if outcome == Outcome.TIMED_OUT:
        fact = OfferTimedOut(fence=held.fence, **names)
    elif was_offer:
        fact = OfferDeclined(fence=held.fence, reason=reason or outcome, **names)
    else:
        fact = WorkReleased(outcome=outcome, at=now, **names)
    publish(work, row, fact)


def give_back(
    work: UnitOfWork,
    row: Work,
    held: Assignment | None,
    outcome: str,
    now: datetime,
    *,
    reason: str = "",
    pause: int = 0,
) -> None:
    """Work waits again, at its old place. Who had it is not asked again for `pause` seconds.

    What was served waits for its skills anew: the time with an agent was no waiting.
    """
    if held is not None:
        if held.accepted_at is not None:
            row.asked_at = now
        lose(work, row, held, outcome, now, reason=reason)
        if pause:
            until = millis(now + timedelta(seconds=pause))
            row.declined = {**row.declined, str(held.agent_id): until}
    row.state, row.on_hold = WorkState.WAITING, False
    row.save(
        update_fields=[
            "state", "on_hold", "asked_at", "declined", "team", "agent", "fallback_at", "skills",
            "sticky_agent", "overflowed",
        ]
    )  # fmt: skip
    fact = WorkReturned(
        work_id=row.work_id,
        agent_id=held.agent_id if held else None,
        reason=RETURNED.get(Outcome(outcome), reason or "released"),
        queued_at=row.queued_at,
    )
    publish(work, row, fact)
    touch(work, row.tenant_id, agents=[held.agent_id] if held else [], works=[row.pk])


def finish(
    work: UnitOfWork, row: Work, held: Assignment | None, outcome: str, now: datetime
) -> None:
    """Work needs nobody any more; whoever had it is rid of it."""
    if held is not None:
        lose(work, row, held, outcome, now)
    row.state, row.outcome, row.done_at = WorkState.DONE, outcome, now
    row.save(update_fields=["state", "outcome", "done_at"])
    publish(work, row, WorkFinished(work_id=row.work_id, outcome=outcome, at=now))
    touch(work, row.tenant_id, agents=[held.agent_id] if held else [], works=[row.pk])


def new_fence(row: Work, now: datetime) -> int:
    """A token for an assignment that no pick stands behind; above all of this work before."""
    return max(row.fence + 1, int(now.timestamp() * 1_000_000))
