"""An agent answers an offer."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.utils import timezone

from apps.agents.exceptions import OfferGone
from apps.agents.models import Agent, Assignment, AssignmentState, How, Outcome, Work, WorkState
from apps.agents.selectors import policy_of
from apps.agents.services import faults as check
from apps.agents.services import moving
from apps.agents.services.queueing import refuse
from apps.agents.services.touching import touch
from apps.events.services import unit_of_work

TAKEN: Final = (AssignmentState.ACTIVE, AssignmentState.WRAP_UP)


@dataclass(frozen=True, slots=True)
class Held:
    """Who has work, under which token, since when."""

    work_id: UUID
    agent_id: UUID
    fence: int
    how: str
    accepted_at: datetime | None


def accept_offer(tenant: int, work_id: UUID, agent: UUID, *, fence: int | None = None) -> Held:
    """The work is the agent's. Saying yes again gives the same answer again.

    An offer that is past its time and not yet withdrawn may still be accepted: nobody else has it.
    Raises `UnknownWork`; `OfferGone` where it ran out, was declined, or is somebody else's.
    """
    with unit_of_work() as work:
        row, held = moving.lock_work(tenant, work_id)
        if held is None or held.agent_id != agent or (fence is not None and held.fence != fence):
            raise OfferGone(work=str(work_id))
        if held.state in TAKEN:
            return held_out(row, held)
        now = timezone.now()
        held.state, held.how, held.accepted_at = AssignmentState.ACTIVE, How.ACCEPTED, now
        held.save(update_fields=["state", "how", "accepted_at"])
        row.state, row.matched_at = WorkState.ASSIGNED, row.matched_at or now
        row.save(update_fields=["state", "matched_at"])
        if held.agent.missed:
            Agent.objects.for_tenant(tenant).filter(pk=agent).update(missed=0)
        moving.tell_match(work, row, held, held.agent)
        touch(work, tenant, agents=[agent], works=[row.pk])
    return held_out(row, held)


def decline_offer(tenant: int, work_id: UUID, agent: UUID, *, reason: str = "") -> None:
    """The agent says no: the work waits at its old place, and they are not asked again for a while.

    Raises `UnknownWork`; `OfferGone` where there is no open offer to this agent.
    """
    refuse(list(check.text("reason", reason, empty=True)))
    with unit_of_work() as work:
        row, held = moving.lock_work(tenant, work_id)
        if held is None or held.agent_id != agent or held.state != AssignmentState.OFFERED:
            raise OfferGone(work=str(work_id))
        pause = policy_of(tenant).decline_pause
        now = timezone.now()
        moving.give_back(work, row, held, Outcome.DECLINED, now, reason=reason, pause=pause)


def held_out(row: Work, held: Assignment) -> Held:
    """An assignment as others see it."""
    return Held(row.work_id, held.agent_id, held.fence, held.how, held.accepted_at)
