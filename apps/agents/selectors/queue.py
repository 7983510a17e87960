"""Questions about waiting work: who is where in the line, and for how long."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.utils import timezone

from apps.agents.exceptions import UnknownWork
from apps.agents.matching import wait_estimate
from apps.agents.models import LIVE, Assignment, Work, WorkState

HANDLE_DEFAULT: Final = 300.0
"""Seconds that a conversation is taken to last until there were any."""
SAMPLE: Final = 200
"""Newest conversations whose length is averaged."""

POSITION: Final = """
SELECT count(*) FROM agents_work
WHERE tenant_id = %s AND state = 'waiting' AND (order_at, id) <= (%s, %s::uuid)
"""
PACE: Final = """
SELECT coalesce(sum(capacity), 0),
       (SELECT avg(extract(epoch FROM taken.ended_at - taken.accepted_at)) FROM (
            SELECT ended_at, accepted_at FROM agents_assignment
            WHERE tenant_id = %(tenant)s AND state = 'ended' AND accepted_at IS NOT NULL
            ORDER BY offered_at DESC LIMIT %(sample)s) AS taken)
FROM agents_agent WHERE tenant_id = %(tenant)s AND status = 'online'
"""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the line moves: places at once, and seconds that each is taken for."""

    places: int
    handle_seconds: float

    def estimate(self, position: int) -> int | None:
        """Seconds until the work at a position is served; unknown where nobody is there."""
        if not self.places:
            return None
        return round(wait_estimate(position, self.places, self.handle_seconds))


@dataclass(frozen=True, slots=True)
class WorkView:
    """Where work is."""

    work_id: UUID
    state: str
    channel: str
    language: str
    skills: dict[str, int]
    priority: int
    queued_at: datetime
    deadline: datetime | None
    agent_id: UUID | None = None
    fence: int = 0
    position: int | None = None
    estimate_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Queue:
    """The line: how many wait, since when the first does, and a stretch of it."""

    waiting: int
    longest_wait_seconds: int
    results: Sequence[WorkView]


@dataclass(frozen=True, slots=True)
class OfferView:
    """An open offer to an agent."""

    work_id: UUID
    agent_id: UUID
    fence: int
    offered_at: datetime
    expires_at: datetime
    channel: str
    priority: int

    @property
    def seconds_left(self) -> float:
        """How long it may still be accepted."""
        return max(0.0, (self.expires_at - timezone.now()).total_seconds())


def pace(tenant: int) -> Pace:
    """How fast the tenant's line moves at present."""
    with connection.cursor() as cursor:
        cursor.execute(PACE, {"tenant": tenant, "sample": SAMPLE})
        places, seconds = cursor.fetchone()
    return Pace(int(places), float(seconds) if seconds else HANDLE_DEFAULT)


def position_of(tenant: int, work: Work) -> int:
    """The place of waiting work in the line; 1 is next."""
    with connection.cursor() as cursor:
        cursor.execute(POSITION, [tenant, work.order_at, work.pk])
        return int(cursor.fetchone()[0])


def live_work(tenant: int, work_id: UUID) -> Work | None:
    """The work of this id that waits or is served."""
    rows = Work.objects.for_tenant(tenant).exclude(state=WorkState.DONE)
    return rows.filter(work_id=work_id).first()


def work_of(tenant: int, work_id: UUID) -> WorkView:
    """Where work is, or was at last. Raises `UnknownWork`."""
    rows = Work.objects.for_tenant(tenant).filter(work_id=work_id)
    row = rows.order_by("-pk").first()
    if row is None:
        raise UnknownWork(work=str(work_id))
    held = row.assignments.exclude(state="ended").first()
    if row.state != WorkState.WAITING:
        return _view(row, agent_id=held and held.agent_id)
    position = position_of(tenant, row)
    return _view(row, position=position, estimate_seconds=pace(tenant).estimate(position))


def queue(tenant: int, *, limit: int = 100, after: int = 0) -> Queue:
    """Who waits, the next first, from the place after `after` on."""
    rows = Work.objects.for_tenant(tenant).filter(state=WorkState.WAITING)
    waiting = rows.count()
    oldest = rows.order_by("queued_at").values_list("queued_at", flat=True).first()
    speed = pace(tenant) if waiting else Pace(0, HANDLE_DEFAULT)
    shown = rows.order_by("order_at", "pk")[after : after + limit]
    seconds = int((timezone.now() - oldest).total_seconds()) if oldest else 0
    views = [
        _view(row, position=place, estimate_seconds=speed.estimate(place))
        for place, row in enumerate(shown, after + 1)
    ]
    return Queue(waiting, max(seconds, 0), views)


def offers_of(tenant: int, agent: UUID) -> list[OfferView]:
    """The offers that an agent may accept now, the first to run out first."""
    rows = Assignment.objects.for_tenant(tenant).filter(agent_id=agent, state="offered")
    return [
        OfferView(
            work_id=row.work.work_id,
            agent_id=agent,
            fence=row.fence,
            offered_at=row.offered_at,
            expires_at=row.expires_at,
            channel=row.work.channel,
            priority=row.work.priority,
        )
        for row in rows.select_related("work").order_by("expires_at", "fence")
        if row.expires_at is not None
    ]


def works_of(tenant: int, agent: UUID) -> list[WorkView]:
    """What an agent has at present, the oldest first."""
    rows = Assignment.objects.for_tenant(tenant).filter(agent_id=agent, state__in=LIVE)
    return [
        _view(row.work, agent_id=agent)
        for row in rows.select_related("work").order_by("offered_at", "fence")
    ]


def _view(row: Work, **more: Any) -> WorkView:
    return WorkView(
        work_id=row.work_id,
        state=row.state,
        channel=row.channel,
        language=row.language,
        skills=row.skills,
        priority=row.priority,
        queued_at=row.queued_at,
        deadline=row.deadline,
        fence=row.fence,
        **more,
    )
