"""What time alone brings about: offers run out, wrap-up ends, people are gone, work falls silent.

`look` does all of it that is due, and sets the next alarm. It is called after what happens, by
alarms, and by the sweep; called too often it changes nothing. Who waits too long: `overflowing`.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.utils import timezone

from apps.agents.matching import UNIT
from apps.agents.models import (
    Agent,
    Assignment,
    AssignmentState,
    Outcome,
    RoutingPolicy,
    Status,
    Work,
)
from apps.agents.selectors import policy_of
from apps.agents.services import moving
from apps.agents.services.alarms import set_alarm
from apps.agents.services.giving import give_out
from apps.agents.services.overflowing import LATE, overflow
from apps.agents.services.people import lock_agent
from apps.agents.services.statuses import write_status
from apps.agents.services.touching import touch
from apps.events.services import UnitOfWork, unit_of_work

BATCH: Final = 100
"""Works that are moved in one transaction."""

OVERDUE: Final = {
    # Whoever is offline has nothing; whoever is not online is not asked.
    "gone": """
        SELECT a.work_id FROM agents_assignment a JOIN agents_agent g ON g.id = a.agent_id
        WHERE a.tenant_id = %(tenant)s AND a.state <> 'ended'
          AND (g.status = 'offline' OR (g.status <> 'online' AND a.state = 'offered'))
        ORDER BY a.work_id LIMIT %(batch)s""",
    "offers": """
        SELECT work_id FROM agents_assignment
        WHERE tenant_id = %(tenant)s AND state = 'offered' AND expires_at <= %(now)s
        ORDER BY expires_at LIMIT %(batch)s""",
    "wrap_ups": """
        SELECT work_id FROM agents_assignment
        WHERE tenant_id = %(tenant)s AND state = 'wrap_up' AND wrap_up_until <= %(now)s
        ORDER BY wrap_up_until LIMIT %(batch)s""",
    "silent": """
        SELECT w.id FROM agents_work w
        JOIN agents_assignment a ON a.work_id = w.id AND a.state = 'active'
        WHERE w.tenant_id = %(tenant)s AND %(lighter)s AND w.active_at <= %(silent_since)s
          AND NOT w.on_hold AND a.weight = w.weight AND w.weight > 0
        ORDER BY w.id LIMIT %(batch)s""",
}
"""Works of which something is overdue, in the order in which the kinds are seen to."""
KINDS: Final = " UNION ALL ".join(
    f"SELECT '{kind}' WHERE EXISTS ({query})" for kind, query in (OVERDUE | {"late": LATE}).items()
)
"""Which kinds there are any of: mostly none, and whoever waits is served one question sooner."""

Move = Callable[[UnitOfWork, Work, Assignment, RoutingPolicy, datetime], None]


def look(tenant: int) -> int:
    """Do what is due, give out what can be given out, and set the next alarm; how many were matched.

    What is due comes first: what comes back by it may be older than what waits. Not in a
    transaction. Raises `StateUnavailable` once the tables are in order.
    """
    policy = policy_of(tenant)
    settle_deadlines(tenant, policy)
    given = give_out(tenant, policy)
    set_alarm(tenant, policy)
    return given


def settle_deadlines(tenant: int, policy: RoutingPolicy | None = None) -> int:
    """Do everything whose time has come; how many works were moved."""
    policy = policy or policy_of(tenant)
    kinds = {kind for (kind,) in _ask(KINDS, tenant, policy)}
    moved = sum(_all(tenant, policy, kind, MOVES[kind]) for kind in OVERDUE if kind in kinds)
    return moved + overflow(tenant, policy, some_late="late" in kinds)


def _ask(query: str, tenant: int, policy: RoutingPolicy) -> list[tuple[Any, ...]]:
    now = timezone.now()
    asked: dict[str, Any] = {
        "tenant": tenant,
        "now": now,
        "batch": BATCH,
        "lighter": policy.inactive_weight < UNIT,
        "silent_since": now - timedelta(seconds=policy.inactive_after),
    }
    with connection.cursor() as cursor:
        cursor.execute(query, asked)
        return list(cursor.fetchall())


def _all(tenant: int, policy: RoutingPolicy, kind: str, move: Move) -> int:
    """Move what is overdue of a kind, a batch at a time, until nothing is left."""
    moved = 0
    while ids := _overdue(tenant, policy, kind):
        with unit_of_work() as work:
            now = timezone.now()
            pairs = moving.lock_works(tenant, ids)
            moving.lock_agents(tenant, {held.agent_id for _, held in pairs if held is not None})
            for row, held in pairs:
                if held is not None:
                    move(work, row, held, policy, now)
        moved += len(ids)
        if len(ids) < BATCH:
            break
    return moved


def _overdue(tenant: int, policy: RoutingPolicy, kind: str) -> list[UUID]:
    return [work for (work,) in _ask(OVERDUE[kind], tenant, policy)]


def _run_out(
    work: UnitOfWork, row: Work, held: Assignment, policy: RoutingPolicy, now: datetime
) -> None:
    """An offer was not answered: the work waits again; who often does not answer is away."""
    if held.state != AssignmentState.OFFERED or held.expires_at is None or held.expires_at > now:
        return
    moving.give_back(work, row, held, Outcome.TIMED_OUT, now, pause=policy.decline_pause)
    agent = lock_agent(row.tenant_id, held.agent_id)
    agent.missed += 1
    if agent.missed >= policy.missed_max and agent.status == Status.ONLINE:
        agent.missed = 0
        write_status(work, agent, Status.AWAY, reason="offers not answered", by="", now=now)
    agent.save(update_fields=["missed"])


def _write_up(
    work: UnitOfWork, row: Work, held: Assignment, policy: RoutingPolicy, now: datetime
) -> None:
    """The time to write up is over."""
    until = held.wrap_up_until
    if held.state == AssignmentState.WRAP_UP and until is not None and until <= now:
        moving.finish(work, row, held, Outcome.COMPLETED, now)


def _leave(
    work: UnitOfWork, row: Work, held: Assignment, policy: RoutingPolicy, now: datetime
) -> None:
    """The agent is gone: what they had waits again, what they wrote up is written up."""
    status = Agent.objects.for_tenant(row.tenant_id).get(pk=held.agent_id).status
    if status == Status.ONLINE or (
        status != Status.OFFLINE and held.state != AssignmentState.OFFERED
    ):
        return
    if held.state == AssignmentState.WRAP_UP:
        moving.finish(work, row, held, Outcome.COMPLETED, now)
    else:
        moving.give_back(work, row, held, Outcome.RETURNED, now, reason="agent_gone")


def _lighten(
    work: UnitOfWork, row: Work, held: Assignment, policy: RoutingPolicy, now: datetime
) -> None:
    """Nobody says anything: the work weighs less, until somebody does."""
    silent_since = now - timedelta(seconds=policy.inactive_after)
    if held.state != AssignmentState.ACTIVE or row.active_at is None:
        return
    if row.active_at <= silent_since:
        held.weight = row.weight * policy.inactive_weight // UNIT
        held.save(update_fields=["weight"])
        touch(work, row.tenant_id, agents=[held.agent_id])
        moving.tell_room(work, row, held, now)


MOVES: Final[dict[str, Move]] = {
    "gone": _leave,
    "offers": _run_out,
    "wrap_ups": _write_up,
    "silent": _lighten,
}
