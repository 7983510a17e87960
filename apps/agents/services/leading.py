"""What moves work against its usual way: transfers, and what supervisors do."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone

from apps.agents.events import PriorityChanged
from apps.agents.exceptions import AgentUnfit, NotServed, UnknownAgent
from apps.agents.matching import UNIT
from apps.agents.models import (
    Agent,
    Assignment,
    AssignmentState,
    How,
    Outcome,
    Status,
    Work,
    WorkState,
)
from apps.agents.selectors import find_agent, find_team, policy_of
from apps.agents.services import faults as check
from apps.agents.services import moving
from apps.agents.services.answering import Held, held_out
from apps.agents.services.queueing import ordered_at, refuse
from apps.agents.services.statuses import write_status
from apps.agents.services.touching import touch
from apps.core.exceptions import Fault, fault
from apps.events.services import unit_of_work


@dataclass(frozen=True, slots=True)
class Transfer:
    """Where work is to go: to skills, a team, an agent.

    If no such team or agent has taken it within `fallback_seconds`, it goes to whoever has the
    skills; if it was given to skills alone, to anybody. None: it waits for them.
    """

    skills: Mapping[str, int] | None = None
    """None: those that it asks for already."""
    team: str = ""
    agent: UUID | None = None
    fallback_seconds: int | None = 120


def transfer_work(tenant: int, work_id: UUID, to: Transfer, *, by: str = "") -> None:
    """Give work away: it waits for its new people, at its old place.

    Raises `UnknownWork`, `UnknownTeam`, `UnknownAgent`, `WorkMalformed`; `NotServed` while it is
    being written up.
    """
    refuse(_faults(to))
    with unit_of_work() as work:
        row, held = moving.lock_work(tenant, work_id)
        if row.state == WorkState.WRAP_UP:
            raise NotServed(work=str(work_id))
        now, after = timezone.now(), to.fallback_seconds
        row.team = find_team(tenant, to.team) if to.team else None
        row.agent_id = find_agent(tenant, to.agent).pk if to.agent else None
        row.fallback_at = None if after is None else now + timedelta(seconds=after)
        row.asked_at, row.sticky_agent = now, None
        row.overflowed = [rule for rule in row.overflowed if rule != "fallback"]
        if to.skills is not None:
            row.skills = dict(to.skills)
        # Not back to whoever gave it away, unless they are asked for by name.
        pause = policy_of(tenant).decline_pause if after is None else after
        if held is None or held.agent_id == to.agent:
            pause = 0
        if str(to.agent) in row.declined:
            row.declined = {key: at for key, at in row.declined.items() if key != str(to.agent)}
        moving.give_back(work, row, held, Outcome.TRANSFERRED, now, reason=by, pause=pause)


def reassign_work(tenant: int, work_id: UUID, agent: UUID, *, by: str = "") -> Held:
    """Give work, waiting or served, to an agent at once. The same agent again changes nothing.

    Raises `UnknownWork`, `UnknownAgent`; `AgentUnfit` where they are offline or have no room.
    """
    return _assign(tenant, work_id, agent, How.ASSIGNED, by)


def take_over(tenant: int, work_id: UUID, agent: UUID, *, by: str = "") -> Held:
    """A supervisor, who is an agent as well, takes the work themselves; if offline, they are busy now.

    Raises `UnknownWork`, `UnknownAgent`; `AgentUnfit` where they have no room.
    """
    return _assign(tenant, work_id, agent, How.TAKEN_OVER, by)


def change_priority(tenant: int, work_id: UUID, priority: int, *, by: str = "") -> None:
    """Move work forwards or backwards in the line. Raises `UnknownWork`, `WorkMalformed`."""
    refuse(list(check.whole("priority", priority, 0, 100)))
    with unit_of_work() as work:
        row, _ = moving.lock_work(tenant, work_id)
        if row.priority == priority:
            return
        row.priority = priority
        row.order_at = ordered_at(policy_of(tenant), row.queued_at, priority, row.deadline)
        row.save(update_fields=["priority", "order_at"])
        fact = PriorityChanged(work_id=row.work_id, priority=priority, by=by)
        moving.publish(work, row, fact)
        touch(work, tenant, works=[row.pk])


def hold_work(tenant: int, work_id: UUID, on: bool) -> None:
    """Put served work on hold, or take it up again; on hold it weighs what silent work weighs.

    Raises `UnknownWork`, and `NotServed` where nobody has it.
    """
    with unit_of_work() as work:
        row, held = moving.lock_work(tenant, work_id)
        if held is None or held.state != AssignmentState.ACTIVE:
            raise NotServed(work=str(work_id))
        if row.on_hold == on:
            return
        row.on_hold = on
        row.save(update_fields=["on_hold"])
        share = policy_of(tenant).inactive_weight if on else UNIT
        held.weight = row.weight * share // UNIT
        held.save(update_fields=["weight"])
        if on:
            moving.tell_room(work, row, held, timezone.now())
        touch(work, tenant, agents=[held.agent_id])


def _assign(tenant: int, work_id: UUID, agent: UUID, how: How, by: str) -> Held:
    with unit_of_work() as work:
        row, held = moving.lock_work(tenant, work_id)
        if row.state == WorkState.WRAP_UP:
            raise NotServed(work=str(work_id))
        if held and held.agent_id == agent and held.state == AssignmentState.ACTIVE:
            return held_out(row, held)
        now = timezone.now()
        chosen = _lock_both(tenant, agent, held)
        if held is not None:
            moving.lose(work, row, held, Outcome.TAKEN_OVER, now, reason=by)
            chosen.refresh_from_db(fields=["load"])
        if how is How.TAKEN_OVER and chosen.status == Status.OFFLINE:
            # Nobody else is to be given to them: they came for this one.
            write_status(work, chosen, Status.BUSY, reason="took over", by=by, now=now)
        _must_fit(chosen, row)
        new = _write(row, chosen, how, now, by)
        moving.tell_match(work, row, new, chosen)
        touch(work, tenant, agents=[agent, *([held.agent_id] if held else [])], works=[row.pk])
    return held_out(row, new)


def _lock_both(tenant: int, agent: UUID, held: Assignment | None) -> Agent:
    locked = moving.lock_agents(tenant, {agent, *([held.agent_id] if held else [])})
    if agent not in locked:
        raise UnknownAgent(agent=str(agent))
    return locked[agent]


def _must_fit(agent: Agent, row: Work) -> None:
    found = []
    if agent.status == Status.OFFLINE:
        found.append(fault("agent", "offline", "The agent is not there."))
    if agent.load + row.weight > agent.capacity * UNIT:
        found.append(fault("agent", "no_room", "The agent has no room for it."))
    if found:
        raise AgentUnfit(agent=str(agent.pk), errors=found)


def _write(row: Work, agent: Agent, how: How, now: datetime, by: str) -> Assignment:
    row.fence, row.state = moving.new_fence(row, now), WorkState.ASSIGNED
    row.matched_at, row.on_hold = row.matched_at or now, False
    row.save(update_fields=["fence", "state", "matched_at", "on_hold"])
    return Assignment.objects.create(
        tenant_id=row.tenant_id,
        work=row,
        agent=agent,
        state=AssignmentState.ACTIVE,
        how=how,
        fence=row.fence,
        weight=row.weight,
        offered_at=now,
        accepted_at=now,
        reason=by[:200],
    )


def _faults(to: Transfer) -> list[Fault]:
    found = [*check.skills("skills", to.skills or {}), *check.label("team", to.team, empty=True)]
    if to.fallback_seconds is not None:
        found += check.whole("fallback_seconds", to.fallback_seconds, 0, 86_400)
    if not (to.skills or to.team or to.agent):
        found.append(fault("to", "nowhere", "Name skills, a team or an agent."))
    return found
