"""Work comes in: it is described, put into the line, and told of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.utils import timezone

from apps.agents import broadcasts, matching
from apps.agents.events import WorkQueued
from apps.agents.exceptions import WorkMalformed
from apps.agents.models import Agent, Outcome, RoutingPolicy, Team, Work, WorkState
from apps.agents.selectors import find_team, is_open, live_work, policy_of
from apps.agents.selectors.queue import pace, position_of
from apps.agents.services import faults as check
from apps.agents.services import moving
from apps.agents.services.times import from_millis, millis
from apps.agents.services.touching import touch
from apps.core.exceptions import Fault, fault
from apps.events.services import UnitOfWork, unit_of_work

LATEST: Final = timedelta(minutes=1)
"""How far ahead of our clock the time of queueing may be."""


@dataclass(frozen=True, slots=True)
class WorkTerms:
    """Work that is to be given to an agent.

    `team` or `agent`: only they until `fallback_at`; without a time, for as long as they are there.
    """

    work_id: UUID
    channel: str
    skills: Mapping[str, int] = field(default_factory=dict)
    language: str = ""
    priority: int = 0
    queued_at: datetime | None = None
    sticky_agent: UUID | None = None
    deadline: datetime | None = None
    team: str = ""
    agent: UUID | None = None
    fallback_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where work is in the line. Nobody can say how long it takes where no agent is online."""

    position: int
    estimate_seconds: int | None
    is_open: bool


def queue_work(tenant: int, terms: WorkTerms) -> Place:
    """Put work into the line; once it is there, or served, again changes nothing.

    Raises `WorkMalformed`, `UnknownTeam`.
    """
    now = timezone.now()
    refuse(_faults(terms, now))
    with unit_of_work() as work:
        team = find_team(tenant, terms.team) if terms.team else None
        row = _row(tenant, terms, team, now)
        _come_back(work, tenant, terms.work_id, now)
        # One at a time for each id: the second of two waits here for the first, and finds its row.
        Work.objects.bulk_create([row], ignore_conflicts=True)
        found = live_work(tenant, terms.work_id) or row
        if found.pk == row.pk:
            fact = WorkQueued(
                work_id=row.work_id,
                channel=row.channel,
                priority=row.priority,
                queued_at=row.queued_at,
                skills=row.skills,
                language=row.language,
            )
            work.publish(fact, tenant=tenant, key=str(row.work_id))
            touch(work, tenant, works=[row.pk])
            broadcasts.tell(work, tenant, fact)
        return _place(tenant, found, now, terms.team)


def _come_back(work: UnitOfWork, tenant: int, work_id: UUID, now: datetime) -> None:
    """A customer who is back while the last time is being written up ends the writing up."""
    known = live_work(tenant, work_id)
    if known is not None and known.state == WorkState.WRAP_UP:
        row, held = moving.lock_work(tenant, work_id)
        if row.state == WorkState.WRAP_UP:
            moving.finish(work, row, held, Outcome.COMPLETED, now)


def ordered_at(
    policy: RoutingPolicy, queued_at: datetime, priority: int, deadline: datetime | None
) -> datetime:
    """The time by which work is ordered (`matching.order_at`)."""
    found = matching.order_at(
        millis(queued_at),
        priority,
        step_ms=policy.priority_step * 1000,
        deadline=millis(deadline) if deadline else None,
        target_ms=policy.target_wait * 1000,
    )
    return from_millis(found)


def refuse(found: list[Fault]) -> None:
    """Raise `WorkMalformed` if there is any reason to."""
    if found:
        raise WorkMalformed(errors=found)


def _faults(terms: WorkTerms, now: datetime) -> list[Fault]:
    found = [
        *check.label("channel", terms.channel),
        *check.skills("skills", terms.skills),
        *check.label("language", terms.language, empty=True),
        *check.label("team", terms.team, empty=True),
        *check.whole("priority", terms.priority, 0, 100),
    ]
    for name in ("queued_at", "deadline", "fallback_at"):
        at = getattr(terms, name)
        if at is not None and at.tzinfo is None:
            found.append(fault(name, "naive_time", "A time has its zone."))
    if not found and terms.queued_at is not None and terms.queued_at > now + LATEST:
        found.append(fault("queued_at", "in_the_future", "It has not happened yet."))
    return found


def _row(tenant: int, terms: WorkTerms, team: Team | None, now: datetime) -> Work:
    policy = policy_of(tenant)
    queued_at = terms.queued_at or now
    # A sticky agent of long ago may be gone: that is no reason to refuse a customer.
    ours = Agent.objects.for_tenant(tenant).filter(pk__in=filter(None, _agents(terms)))
    known = set(ours.values_list("pk", flat=True)) if any(_agents(terms)) else set()
    return Work(
        tenant_id=tenant,
        work_id=terms.work_id,
        state=WorkState.WAITING,
        channel=terms.channel,
        language=terms.language,
        skills=dict(terms.skills),
        priority=terms.priority,
        queued_at=queued_at,
        order_at=ordered_at(policy, queued_at, terms.priority, terms.deadline),
        deadline=terms.deadline,
        weight=weight_of(policy, terms.channel),
        team=team,
        agent_id=terms.agent if terms.agent in known else None,
        sticky_agent_id=terms.sticky_agent if terms.sticky_agent in known else None,
        fallback_at=terms.fallback_at,
        customer_since=queued_at,
        active_at=queued_at,
    )


def weight_of(policy: RoutingPolicy, channel: str) -> int:
    """What a conversation of this channel weighs."""
    return int(policy.channel_costs.get(channel, matching.UNIT))


def _agents(terms: WorkTerms) -> tuple[UUID | None, UUID | None]:
    return terms.agent, terms.sticky_agent


def _place(tenant: int, row: Work, now: datetime, team: str) -> Place:
    if row.state != WorkState.WAITING:
        return Place(0, 0, is_open=True)
    position = position_of(tenant, row)
    estimate = pace(tenant).estimate(position)
    return Place(position, estimate, is_open=is_open(tenant, now, team=team))
