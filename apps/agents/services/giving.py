"""Give out what waits: Redis picks, PostgreSQL decides, and what it decided is told."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from django.db import connection
from django.utils import timezone

from apps.agents.matching import UNIT
from apps.agents.models import (
    Agent,
    Assignment,
    AssignmentState,
    How,
    RoutingPolicy,
    Status,
    Work,
    WorkState,
)
from apps.agents.selectors import policy_of, rules_of
from apps.agents.services import moving, state
from apps.agents.services.state import Pick
from apps.events.services import UnitOfWork, unit_of_work

log = structlog.get_logger(__name__)

REFUSALS_MAX: Final = 3
"""Rounds in which a pick was refused or nothing was known, before the rest is left to the next look."""

TAKE: Final = """
UPDATE agents_work AS w
SET state = p.state, fence = p.fence, matched_at = coalesce(w.matched_at, p.matched_at)
FROM unnest(%s::uuid[], %s::text[], %s::bigint[], %s::timestamptz[])
     AS p (id, state, fence, matched_at)
WHERE w.id = p.id
"""


def give_out(tenant: int, policy: RoutingPolicy | None = None) -> int:
    """Match what can be matched now; how many were. Not in a transaction: it asks Redis.

    Raises `StateUnavailable`.
    """
    policy = policy or policy_of(tenant)
    rules = rules_of(policy)
    given = refusals = place = 0
    while True:
        found = state.pick(tenant, rules, place=place)
        if found.cold:
            log.info("matching state rebuilt", tenant=tenant, copies=state.rebuild(tenant))
            refusals += 1
            if refusals > REFUSALS_MAX:
                return given
            continue
        if found.picks:
            confirmed = confirm(tenant, policy, found.picks)
            given += confirmed
            if confirmed < len(found.picks):
                refusals += 1
                place = 0  # what was refused waits again, perhaps before this place
                if refusals < REFUSALS_MAX:
                    continue
        if not found.more or refusals >= REFUSALS_MAX:
            return given
        place = found.place


def confirm(tenant: int, policy: RoutingPolicy, picks: Sequence[Pick]) -> int:
    """Turn picks into assignments where the tables agree; how many they did.

    The copies are settled in either case, so that a pick that was refused is void at once.
    """
    now = timezone.now()
    try:
        with unit_of_work() as work:
            works = moving.lock_rows(tenant, [pick.work for pick in picks])
            agents = moving.lock_agents(tenant, {pick.agent for pick in picks})
            taken = _decide(tenant, policy, picks, works, agents, now)
            _write(work, taken, works, agents)
    finally:
        state.settle(tenant, picks)
    return len(taken)


def _decide(
    tenant: int,
    policy: RoutingPolicy,
    picks: Sequence[Pick],
    works: dict[UUID, Work],
    agents: dict[UUID, Agent],
    now: datetime,
) -> list[Assignment]:
    """The assignments of those picks that still hold."""
    room = {key: agent.capacity * UNIT - agent.load for key, agent in agents.items()}
    taken = []
    for pick in picks:
        row, agent = works.get(pick.work), agents.get(pick.agent)
        if row is None or agent is None or agent.status != Status.ONLINE:
            continue
        if row.state != WorkState.WAITING or row.fence >= pick.fence:
            continue
        if room[agent.pk] < row.weight:
            continue
        room[agent.pk] -= row.weight
        taken.append(_assignment(tenant, policy, pick, row, agent, now))
    return taken


def _assignment(
    tenant: int, policy: RoutingPolicy, pick: Pick, row: Work, agent: Agent, now: datetime
) -> Assignment:
    auto = policy.auto_accept if agent.auto_accept is None else agent.auto_accept
    return Assignment(
        tenant_id=tenant,
        work_id=row.pk,
        agent_id=agent.pk,
        state=AssignmentState.ACTIVE if auto else AssignmentState.OFFERED,
        how=How.AUTO if auto else "",
        fence=pick.fence,
        weight=row.weight,
        offered_at=now,
        accepted_at=now if auto else None,
        expires_at=None if auto else now + timedelta(seconds=policy.offer_time),
    )


def _write(
    work: UnitOfWork,
    taken: Sequence[Assignment],
    works: dict[UUID, Work],
    agents: dict[UUID, Agent],
) -> None:
    if not taken:
        return
    # By agent, as their rows were locked: the trigger changes them in this order.
    Assignment.objects.bulk_create(sorted(taken, key=lambda one: one.agent_id))
    states = {True: WorkState.ASSIGNED.value, False: WorkState.OFFERED.value}
    columns = [
        (one.work_id, states[one.accepted_at is not None], one.fence, one.accepted_at)
        for one in taken
    ]
    with connection.cursor() as cursor:
        cursor.execute(TAKE, [list(column) for column in zip(*columns, strict=True)])
    for one in taken:
        row, agent = works[one.work_id], agents[one.agent_id]
        (moving.tell_offer if one.accepted_at is None else moving.tell_match)(work, row, one, agent)
