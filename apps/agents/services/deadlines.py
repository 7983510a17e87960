"""What time alone brings about: offers run out, wrap-up ends, people are gone, people wait too long.

`look` does all of it that is due, and sets the next alarm. It is called after what happens, by
alarms, and by the sweep; called too often it changes nothing.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import connection
from django.utils import timezone

from apps.agents import hours
from apps.agents.events import WorkOverflowed
from apps.agents.matching import UNIT
from apps.agents.models import (
    Agent,
    Assignment,
    AssignmentState,
    Outcome,
    OutOfHours,
    RoutingPolicy,
    Status,
    Work,
    WorkState,
)
from apps.agents.selectors import opening_hours, policy_of
from apps.agents.services import moving, state
from apps.agents.services.giving import give_out
from apps.agents.services.people import lock_agent
from apps.agents.services.statuses import write_status
from apps.agents.services.touching import touch
from apps.events.services import UnitOfWork, ring_at, unit_of_work

log = structlog.get_logger(__name__)

ALARM: Final = "agents.look"
BATCH: Final = 100
"""Works that are moved in one transaction."""
FARTHEST: Final = timedelta(minutes=5)
"""Alarms are not set farther ahead: what is later is found by then, or by the sweep."""
MARGIN: Final = timedelta(milliseconds=20)

# Everything that will be due, soonest first. `relax` is an array of seconds.
NEXT: Final = """
SELECT min(due) FROM (
    SELECT min(expires_at) AS due FROM agents_assignment
    WHERE tenant_id = %(tenant)s AND state = 'offered'
    UNION ALL
    SELECT min(wrap_up_until) FROM agents_assignment
    WHERE tenant_id = %(tenant)s AND state = 'wrap_up'
    UNION ALL
    SELECT min(w.queued_at + make_interval(secs => step.after))
    FROM agents_work w, unnest(%(steps)s::float[]) AS step (after)
    WHERE w.tenant_id = %(tenant)s AND w.state = 'waiting'
      AND w.queued_at + make_interval(secs => step.after) > %(now)s
    UNION ALL
    SELECT min(fallback_at) FROM agents_work
    WHERE tenant_id = %(tenant)s AND state = 'waiting' AND fallback_at > %(now)s
    UNION ALL
    SELECT min(to_timestamp(at::numeric / 1000.0))
    FROM agents_work w, jsonb_each_text(w.declined) AS no (agent, at)
    WHERE w.tenant_id = %(tenant)s AND w.state = 'waiting'
      AND at::numeric > extract(epoch FROM %(now)s::timestamptz) * 1000
    UNION ALL
    SELECT min(matched_at + make_interval(secs => %(gap)s)) FROM agents_agent
    WHERE tenant_id = %(tenant)s AND status = 'online' AND warm_until > %(now)s
      AND matched_at + make_interval(secs => %(gap)s) > %(now)s
    UNION ALL
    SELECT min(w.active_at + make_interval(secs => %(silent)s))
    FROM agents_work w JOIN agents_assignment a ON a.work_id = w.id AND a.state = 'active'
    WHERE w.tenant_id = %(tenant)s AND %(lighter)s AND a.weight = w.weight AND w.weight > 0
) AS all_of_them
"""
OVERDUE: Final = {
    "offers": """
        SELECT work_id FROM agents_assignment
        WHERE tenant_id = %(tenant)s AND state = 'offered' AND expires_at <= %(now)s
        ORDER BY expires_at LIMIT %(batch)s""",
    "wrap_ups": """
        SELECT work_id FROM agents_assignment
        WHERE tenant_id = %(tenant)s AND state = 'wrap_up' AND wrap_up_until <= %(now)s
        ORDER BY wrap_up_until LIMIT %(batch)s""",
    # Whoever is offline has nothing; whoever is not online is not asked.
    "gone": """
        SELECT a.work_id FROM agents_assignment a JOIN agents_agent g ON g.id = a.agent_id
        WHERE a.tenant_id = %(tenant)s AND a.state <> 'ended'
          AND (g.status = 'offline' OR (g.status <> 'online' AND a.state = 'offered'))
        ORDER BY a.work_id LIMIT %(batch)s""",
    "silent": """
        SELECT w.id FROM agents_work w
        JOIN agents_assignment a ON a.work_id = w.id AND a.state = 'active'
        WHERE w.tenant_id = %(tenant)s AND w.active_at <= %(silent_since)s AND NOT w.on_hold
          AND a.weight = w.weight AND w.weight > 0
        ORDER BY w.id LIMIT %(batch)s""",
}

Move = Callable[[UnitOfWork, Work, Assignment, RoutingPolicy, datetime], None]


def look(tenant: int) -> int:
    """Do what is due, give out what can be given out, and set the next alarm; how many were matched.

    Not in a transaction. Raises `StateUnavailable` once the tables are in order.
    """
    settle_deadlines(tenant)
    given = give_out(tenant)
    set_alarm(tenant)
    return given


def settle_deadlines(tenant: int) -> int:
    """Do everything whose time has come; how many works were moved."""
    policy = policy_of(tenant)
    moved = _all(tenant, policy, "gone", _leave)
    moved += _all(tenant, policy, "offers", _run_out)
    moved += _all(tenant, policy, "wrap_ups", _write_up)
    if policy.inactive_weight < UNIT:
        moved += _all(tenant, policy, "silent", _lighten)
    return moved + overflow(tenant, policy)


def set_alarm(tenant: int) -> None:
    """Have `look` called when the next thing will be due."""
    policy, now = policy_of(tenant), timezone.now()
    steps = [float(step["after"]) for step in policy.relax]
    steps += [float(policy.sticky_time), *([float(policy.long_wait)] if policy.long_wait else [])]
    asked: dict[str, Any] = {
        "tenant": tenant,
        "now": now,
        "steps": steps,
        "gap": float(policy.warm_up_interval),
        "silent": float(policy.inactive_after),
        "lighter": policy.inactive_weight < UNIT,
    }
    with connection.cursor() as cursor:
        cursor.execute(NEXT, asked)
        due: datetime | None = cursor.fetchone()[0]
    if due is not None and due < now + FARTHEST and state.is_news(tenant, due, now):
        ring_at(ALARM, str(tenant), max(due, now) + MARGIN)


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
    now = timezone.now()
    asked: dict[str, Any] = {"tenant": tenant, "now": now, "batch": BATCH}
    asked["silent_since"] = now - timedelta(seconds=policy.inactive_after)
    with connection.cursor() as cursor:
        cursor.execute(OVERDUE[kind], asked)
        return [work for (work,) in cursor.fetchall()]


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


def overflow(tenant: int, policy: RoutingPolicy) -> int:
    """Tell, once for each work and rule, who waits out of hours, too long, or in too long a line."""
    now = timezone.now()
    waiting = Work.objects.for_tenant(tenant).filter(state=WorkState.WAITING)
    waiting = waiting.order_by("order_at", "pk")
    met: dict[UUID, tuple[str, str]] = {}
    if policy.long_queue is not None:
        behind = waiting[policy.long_queue :]
        met |= {row.pk: ("long_queue", "tell") for row in behind if _is_new(row, "long_queue")}
    if policy.long_wait is not None:
        late = waiting.filter(queued_at__lte=now - timedelta(seconds=policy.long_wait))
        action = f"team:{policy.overflow_team.name}" if policy.overflow_team else "any_agent"
        met |= {row.pk: ("long_wait", action) for row in late if _is_new(row, "long_wait")}
    shut = policy.out_of_hours == OutOfHours.TELL and policy.schedule_id is not None
    if shut and not hours.is_open(opening_hours(tenant), now):
        met |= {row.pk: ("out_of_hours", "tell") for row in waiting if _is_new(row, "out_of_hours")}
    return _tell_overflow(tenant, policy, met)


def _is_new(row: Work, rule: str) -> bool:
    return rule not in row.overflowed


def _tell_overflow(tenant: int, policy: RoutingPolicy, met: dict[UUID, tuple[str, str]]) -> int:
    ids: Sequence[UUID] = list(met)
    for begin in range(0, len(ids), BATCH):
        with unit_of_work() as work:
            rows = moving.lock_rows(tenant, ids[begin : begin + BATCH])
            for key, row in rows.items():
                rule, action = met[key]
                if row.state == WorkState.WAITING and _is_new(row, rule):
                    _overflow(work, row, policy, rule, action)
    return len(ids)


def _overflow(work: UnitOfWork, row: Work, policy: RoutingPolicy, rule: str, action: str) -> None:
    row.overflowed = [*row.overflowed, rule]
    if rule == "long_wait":
        # Whoever waits so long is served by whom there is: the other team, or anybody.
        row.team, row.agent, row.fallback_at = policy.overflow_team, None, None
        row.skills = {}
    row.save(update_fields=["overflowed", "team", "agent", "fallback_at", "skills"])
    moving.publish(work, row, WorkOverflowed(work_id=row.work_id, rule=rule, action=action))
    touch(work, row.tenant_id, works=[row.pk])
