"""Too much of waiting: too long, too many, out of hours, past a deadline or a fallback time.

Each rule is told once for each work; some change for whom it waits.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from apps.agents import hours
from apps.agents.events import WorkOverflowed
from apps.agents.models import OutOfHours, RoutingPolicy, Work, WorkState
from apps.agents.selectors import opening_hours
from apps.agents.services import moving
from apps.agents.services.touching import touch
from apps.events.services import UnitOfWork, unit_of_work

BATCH: Final = 100
"""Works that are told of in one transaction."""
LATE: Final = """
SELECT FROM agents_work WHERE tenant_id = %(tenant)s AND state = 'waiting' AND (
    deadline <= %(now)s AND NOT overflowed ? 'deadline'
    OR fallback_at <= %(now)s AND team_id IS NULL AND agent_id IS NULL AND skills <> '{}'
       AND NOT overflowed ? 'fallback')
"""
"""Whether anybody waits past a time of their own."""

Met = tuple[str, str, QuerySet[Work]]
"""A rule, what is done, and the waiting works that it may concern."""


def overflow(tenant: int, policy: RoutingPolicy, *, some_late: bool = True) -> int:
    """Tell, once for each work and rule, what is met at present; how many works met any.

    `some_late`: what `LATE` answered.
    """
    now = timezone.now()
    waiting = Work.objects.for_tenant(tenant).filter(state=WorkState.WAITING)
    waiting = waiting.order_by("order_at", "pk")
    rules = [*(_own_times(waiting, now) if some_late else ()), *_rules(policy, waiting, now)]
    met: dict[UUID, list[tuple[str, str]]] = {}
    for rule, action, rows in rules:
        for pk, told in rows.values_list("pk", "overflowed"):
            if rule not in told:
                met.setdefault(pk, []).append((rule, action))
    _tell_all(tenant, policy, met)
    return len(met)


def _own_times(waiting: QuerySet[Work], now: datetime) -> Iterator[Met]:
    """Times that a work has of its own, with the works for which they are over."""
    # Nobody with the skills that it was transferred to has come: from now on anybody.
    fallen = waiting.filter(fallback_at__lte=now, team=None, agent=None)
    yield "fallback", "any_agent", fallen.exclude(skills={})
    yield "deadline", "tell", waiting.filter(deadline__lte=now)


def _rules(policy: RoutingPolicy, waiting: QuerySet[Work], now: datetime) -> Iterator[Met]:
    """The rules that the policy has, with whom they concern."""
    if policy.long_queue is not None:
        yield "long_queue", "tell", waiting[policy.long_queue :]
    if policy.long_wait is not None:
        since = now - timedelta(seconds=policy.long_wait)
        action = f"team:{policy.overflow_team.name}" if policy.overflow_team else "any_agent"
        late = Q(asked_at__lte=since) | Q(asked_at=None, queued_at__lte=since)
        yield "long_wait", action, waiting.filter(late)
    shut = policy.out_of_hours == OutOfHours.TELL and policy.schedule_id is not None
    if shut and not hours.is_open(opening_hours(policy.tenant_id), now):
        yield "out_of_hours", "tell", waiting


def _tell_all(tenant: int, policy: RoutingPolicy, met: dict[UUID, list[tuple[str, str]]]) -> None:
    ids: Sequence[UUID] = list(met)
    for begin in range(0, len(ids), BATCH):
        with unit_of_work() as work:
            rows = moving.lock_rows(tenant, ids[begin : begin + BATCH])
            for key, row in rows.items():
                for rule, action in met[key]:
                    if row.state == WorkState.WAITING and rule not in row.overflowed:
                        _overflow(work, row, policy, rule, action)


def _overflow(work: UnitOfWork, row: Work, policy: RoutingPolicy, rule: str, action: str) -> None:
    row.overflowed = [*row.overflowed, rule]
    if rule == "long_wait":
        # Whoever waits so long is served by whom there is: the other team, or anybody.
        row.team, row.agent, row.fallback_at = policy.overflow_team, None, None
    if rule in ("long_wait", "fallback"):
        row.skills = {}
    row.save(update_fields=["overflowed", "team", "agent", "fallback_at", "skills"])
    moving.publish(work, row, WorkOverflowed(work_id=row.work_id, rule=rule, action=action))
    touch(work, row.tenant_id, works=[row.pk])
