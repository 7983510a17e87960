"""Sockets come and go. Two tabs are one agent; who is gone for longer than the grace is offline."""

from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

from django.utils import timezone

from apps.agents.models import Agent, Status, StatusChange
from apps.agents.selectors import policy_of
from apps.agents.services import state
from apps.agents.services.alarms import look_soon
from apps.agents.services.people import lock_agent
from apps.agents.services.statuses import write_status
from apps.agents.services.touching import touch
from apps.events.services import ring_at, unit_of_work

LOST: Final = "connection lost"
"""The reason of a status that a lost connection brought; a new connection takes it back."""
ALARM: Final = "agents.look_after"
MARGIN: Final = timedelta(milliseconds=50)
"""An alarm rings a little later than it must, so that it need not ring twice."""


def connected(tenant: int, agent: UUID, connection: str) -> None:
    """A socket of the agent is there. Raises `UnknownAgent`, `StateUnavailable`.

    Who was taken for offline because the connection was lost is what they were before.
    """
    seen = state.beat(tenant, agent, connection)
    with unit_of_work() as work:
        row = lock_agent(tenant, agent)
        if row.lease_until is not None:
            row.lease_until = None  # from now on the socket is the witness
            row.save(update_fields=["lease_until"])
            touch(work, tenant, agents=[agent])
        if row.status == Status.OFFLINE and row.status_reason == LOST:
            now = timezone.now()
            write_status(work, row, _before(row), reason="reconnected", by="", now=now)
        touch(work, tenant, agents=[agent])
        if seen.is_only and row.status == Status.ONLINE:
            # They were not to be reached: whoever waited for them need not wait for the sweep.
            work.after_commit(partial(look_soon, tenant))
    _look_again(tenant, agent, seen.lasts_ms)


def heartbeat(tenant: int, agent: UUID, connection: str) -> bool:
    """A socket is still there; whether it was known. Only Redis is asked. Raises `StateUnavailable`.

    One that was not known (the memory was emptied, a beat came late) is from now on; if the agent
    was taken for offline meanwhile, `connected` brings them back.
    """
    return state.beat(tenant, agent, connection).was_known


def disconnected(tenant: int, agent: UUID, connection: str) -> None:
    """A socket is gone; with the last one the grace begins. Raises `StateUnavailable`."""
    seen = state.end(tenant, agent, connection)
    if seen.lasts_ms <= 0:
        _look_again(tenant, agent, seen.lasts_ms)


def look_after(tenant: int, agent: UUID) -> bool:
    """Take an agent for offline whom nobody has seen for longer than the grace; whether it did so.

    Otherwise it is looked again when that may be. Raises `StateUnavailable`.
    """
    row = Agent.objects.for_tenant(tenant).filter(pk=agent).first()
    if row is None or row.status == Status.OFFLINE:
        return False
    seen = state.presence_of(tenant, agent)
    grace = timedelta(seconds=policy_of(tenant).grace)
    if timedelta(milliseconds=seen.lasts_ms) + grace > timedelta():
        _look_again(tenant, agent, seen.lasts_ms)
        return False
    with unit_of_work() as work:
        row = lock_agent(tenant, agent)
        if row.status == Status.OFFLINE:
            return False
        row.lease_until = None
        write_status(work, row, Status.OFFLINE, reason=LOST, by="", now=timezone.now())
    return True


def _before(row: Agent) -> str:
    history = StatusChange.objects.for_tenant(row.tenant_id).filter(agent=row)
    ended = history.exclude(until=None).order_by("-since", "-pk").first()
    return ended.status if ended else Status.ONLINE


def _look_again(tenant: int, agent: UUID, lasts_ms: int) -> None:
    wait = timedelta(milliseconds=lasts_ms, seconds=policy_of(tenant).grace)
    ring_at(
        ALARM, f"{tenant}:{agent}", timezone.now() + max(wait, timedelta()) + MARGIN, key=str(agent)
    )
