"""Telling screens, on commit: an agent's own desk, all desks, and whoever leads them.

What is told here is also on the log, and a screen that missed it asks the API. `conversation` and
`offer` repeat `work`: they are the words that desks use for it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any
from uuid import UUID

from apps.agents import events
from apps.core.problems import dumps
from apps.events.contracts import Event
from apps.events.services import UnitOfWork
from apps.sockets import broadcasts as screens

Frame = dict[str, Any]
Told = tuple[UUID | None, Frame]
"""The agent whose desk is told (None: every desk), and the frame."""


@dataclass(slots=True)
class Tell:
    """Frames of a transaction, told together after it."""

    frames: list[screens.Broadcast] = field(default_factory=list)

    def __call__(self) -> None:
        """Tell them."""
        screens.publish_many(self.frames)


def tell(work: UnitOfWork, tenant: int, fact: Event) -> None:
    """Have the desks that a fact concerns told after the commit."""
    told = [
        screens.Broadcast(name, dumps(frame))
        for agent, frame in frames_of(fact)
        for name in _groups(tenant, agent)
    ]
    if not told:
        return
    known = next((call for call in work.callbacks if isinstance(call, Tell)), None)
    if known is None:
        known = Tell()
        work.after_commit(known)
    known.frames += told


def _groups(tenant: int, agent: UUID | None) -> Iterator[str]:
    if agent is None:
        yield screens.group(tenant, "desk")
    else:
        yield screens.group(tenant, "agent", agent)
        yield screens.group(tenant, "agents")


@singledispatch
def frames_of(fact: Event) -> list[Told]:
    """What desks are told of a fact; most facts are for the log alone."""
    return []


def _of(work: UUID, kind: str, **more: object) -> Frame:
    return {"type": kind, "work": work, "conversation": work, "offer": work, **more}


@frames_of.register
def _(fact: events.AgentOffered) -> list[Told]:
    frame = _of(
        fact.work_id,
        "offer",
        agent=fact.agent_id,
        fence=str(fact.fence),  # text: JavaScript's numbers would round it
        offered_at=fact.offered_at,
        expires_at=fact.expires_at,
    )
    return [(fact.agent_id, frame)]


@frames_of.register
def _(fact: events.OfferDeclined) -> list[Told]:
    return [(fact.agent_id, _of(fact.work_id, "offer.closed", reason="declined"))]


@frames_of.register
def _(fact: events.OfferTimedOut) -> list[Told]:
    return [(fact.agent_id, _of(fact.work_id, "offer.closed", reason="timed_out"))]


@frames_of.register
def _(fact: events.AgentMatched) -> list[Told]:
    frame = _of(fact.work_id, "assigned", agent=fact.agent_id, fence=str(fact.fence), how=fact.how)
    return [(fact.agent_id, frame)]


@frames_of.register
def _(fact: events.WorkReturned) -> list[Told]:
    waiting: Told = (None, _of(fact.work_id, "queued", reason=fact.reason))
    if fact.agent_id is None:
        return [waiting]
    return [(fact.agent_id, _of(fact.work_id, "offer.closed", reason=fact.reason)), waiting]


@frames_of.register
def _(fact: events.WorkReleased) -> list[Told]:
    frame = _of(fact.work_id, "released", agent=fact.agent_id, outcome=fact.outcome)
    return [(fact.agent_id, frame)]


@frames_of.register
def _(fact: events.WrapUpStarted) -> list[Told]:
    return [(fact.agent_id, _of(fact.work_id, "wrap_up", agent=fact.agent_id, until=fact.until))]


@frames_of.register
def _(fact: events.WorkQueued) -> list[Told]:
    frame = _of(
        fact.work_id,
        "queued",
        channel=fact.channel,
        priority=fact.priority,
        queued_at=fact.queued_at,
    )
    return [(None, frame)]


@frames_of.register
def _(fact: events.WorkFinished) -> list[Told]:
    return [(None, _of(fact.work_id, "finished", outcome=fact.outcome))]


@frames_of.register
def _(fact: events.AgentStateChanged) -> list[Told]:
    frame: Frame = {
        "type": "status",
        "agent": fact.agent_id,
        "status": fact.status,
        "reason": fact.reason,
        "load": fact.load,
        "capacity": fact.capacity,
    }
    return [(fact.agent_id, frame)]
