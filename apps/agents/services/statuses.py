"""What an agent is doing: status and its history."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.utils import timezone

from apps.agents import broadcasts
from apps.agents.events import AgentStateChanged
from apps.agents.matching import UNIT
from apps.agents.models import Agent, Status, StatusChange
from apps.agents.selectors import policy_of
from apps.agents.services import faults as check
from apps.agents.services.people import lock_agent, refuse
from apps.agents.services.touching import touch
from apps.events.services import UnitOfWork, unit_of_work

LEASE: Final = timedelta(hours=12)
"""How long somebody counts as present who came online over HTTP and has no socket."""


def set_status(
    tenant: int,
    agent: UUID,
    status: str,
    *,
    reason: str = "",
    by: str = "",
    leased: bool = False,
) -> Agent:
    """Change what an agent is doing; the same again changes nothing.

    Who is not online is offered nothing; who goes offline gives back what they have. `leased`: the
    caller has no socket by which presence could be seen, so being online is taken at their word.
    Raises `UnknownAgent`, `AgentMalformed`.
    """
    refuse(
        [
            *check.choice("status", status, Status.values),
            *check.text("reason", reason, empty=True),
        ]
    )
    now = timezone.now()
    with unit_of_work() as work:
        row = lock_agent(tenant, agent)
        lease = now + LEASE if leased and status != Status.OFFLINE else row.lease_until
        if (row.status, row.status_reason) == (status, reason):
            if lease != row.lease_until:
                row.lease_until = lease
                row.save(update_fields=["lease_until"])
                touch(work, tenant, agents=[row.pk])
            return row
        row.lease_until = None if status == Status.OFFLINE else lease
        write_status(work, row, status, reason=reason, by=by, now=now)
    return row


def write_status(
    work: UnitOfWork, row: Agent, status: str, *, reason: str, by: str, now: datetime
) -> None:
    """Write a locked agent's new status, its history and the fact."""
    previous, row.status = row.status, status
    row.status_reason, row.status_since = reason, now
    if status == Status.ONLINE:
        row.missed = 0
        if previous == Status.OFFLINE:
            warm_up = policy_of(row.tenant_id).warm_up
            row.warm_until = now + timedelta(seconds=warm_up) if warm_up else None
    row.save(
        update_fields=[
            "status", "status_reason", "status_since", "missed", "warm_until", "lease_until",
        ]
    )  # fmt: skip
    history = StatusChange.objects.for_tenant(row.tenant_id).filter(agent=row, until=None)
    history.update(until=now)
    StatusChange.objects.create(
        tenant_id=row.tenant_id, agent=row, status=status, reason=reason, by=by, since=now
    )
    fact = AgentStateChanged(
        agent_id=row.pk,
        user_id=row.user_id,
        status=status,
        previous=previous,
        reason=reason,
        load=row.load,
        capacity=row.capacity * UNIT,
        at=now,
    )
    work.publish(fact, tenant=row.tenant_id, key=str(row.pk))
    touch(work, row.tenant_id, agents=[row.pk])
    broadcasts.tell(work, row.tenant_id, fact)
