"""The facts that agents and matching tell.

The key of a fact about work is the work's id, so that what happens to one conversation is heard in
order; the key of a fact about an agent is the agent's id. Weights, loads and capacities are
thousandths of one conversation.
"""

from uuid import UUID

from apps.events.contracts import Event, Moment, event


@event("agents.work.queued", topic="agent")
class WorkQueued(Event, frozen=True):
    """Work began to wait for an agent. Key: work."""

    work_id: UUID
    channel: str
    priority: int  # 0 to 100, higher first
    queued_at: Moment
    skills: dict[str, int]  # name: level 1 to 5
    language: str = ""


@event("agents.work.returned", topic="agent")
class WorkReturned(Event, frozen=True):
    """Work waits again, at its original place. Key: work."""

    work_id: UUID
    agent_id: UUID | None  # who had it, or had been offered it
    reason: str  # declined | timed_out | agent_gone | released | transferred
    queued_at: Moment


@event("agents.agent.offered", topic="agent")
class AgentOffered(Event, frozen=True):
    """An agent was offered work, which nobody else is meanwhile. Key: work."""

    work_id: UUID
    agent_id: UUID
    user_id: int
    fence: int  # grows with every offer of any work
    offered_at: Moment
    expires_at: Moment


@event("agents.offer.declined", topic="agent")
class OfferDeclined(Event, frozen=True):
    """The agent said no. Key: work."""

    work_id: UUID
    agent_id: UUID
    fence: int
    reason: str


@event("agents.offer.timed_out", topic="agent")
class OfferTimedOut(Event, frozen=True):
    """The agent said nothing in time. Key: work."""

    work_id: UUID
    agent_id: UUID
    fence: int


@event("agents.agent.matched", topic="agent")
class AgentMatched(Event, frozen=True):
    """An agent has the work now. One with a lower fence than another is out of date. Key: work."""

    work_id: UUID
    agent_id: UUID
    user_id: int
    agent_name: str
    fence: int
    how: str  # accepted | auto | assigned | taken_over
    matched_at: Moment
    waited_seconds: int  # since it was queued


@event("agents.work.released", topic="agent")
class WorkReleased(Event, frozen=True):
    """An agent is rid of work, and has room again. Key: work."""

    work_id: UUID
    agent_id: UUID
    outcome: (
        str  # completed | declined | timed_out | transferred | returned | withdrawn | taken_over
    )
    at: Moment


@event("agents.agent.eased", topic="agent")
class AgentEased(Event, frozen=True):
    """Work of an agent weighs less, since it is silent or on hold: there is room again. Key: work."""

    work_id: UUID
    agent_id: UUID
    weight: int
    at: Moment


@event("agents.work.wrap_up_started", topic="agent")
class WrapUpStarted(Event, frozen=True):
    """The customer is gone and the agent writes up; the room stays taken until then. Key: work."""

    work_id: UUID
    agent_id: UUID
    until: Moment


@event("agents.work.finished", topic="agent")
class WorkFinished(Event, frozen=True):
    """Work needs nobody any more. Key: work."""

    work_id: UUID
    outcome: str  # completed | abandoned | withdrawn
    at: Moment


@event("agents.work.abandoned", topic="agent")
class WorkAbandoned(Event, frozen=True):
    """The customer left before an agent had the work. Key: work."""

    work_id: UUID
    waited_seconds: int
    reason: str


@event("agents.work.priority_changed", topic="agent")
class PriorityChanged(Event, frozen=True):
    """Waiting work was moved forwards or backwards. Key: work."""

    work_id: UUID
    priority: int
    by: str


@event("agents.work.overflowed", topic="agent")
class WorkOverflowed(Event, frozen=True):
    """Waiting work met a rule for too much of it. Told once a rule and work. Key: work."""

    work_id: UUID
    rule: str  # out_of_hours | long_wait | long_queue | deadline | fallback
    action: str  # tell | any_agent | team:<name>


@event("agents.agent.created", topic="agent")
class AgentCreated(Event, frozen=True):
    """A person may serve customers from now on. Key: agent."""

    agent_id: UUID
    user_id: int
    name: str
    capacity: int  # thousandths
    skills: dict[str, int]


@event("agents.agent.changed", topic="agent")
class AgentChanged(Event, frozen=True):
    """Skills, capacity, team or other terms changed. Key: agent."""

    agent_id: UUID
    changed: tuple[str, ...]
    capacity: int
    skills: dict[str, int]


@event("agents.agent.state_changed", topic="agent")
class AgentStateChanged(Event, frozen=True):
    """An agent's status is another one. Key: agent."""

    agent_id: UUID
    user_id: int
    status: str  # online | busy | away | wrap_up | offline
    previous: str
    reason: str
    load: int
    capacity: int
    at: Moment


@event("agents.policy.changed", topic="agent")
class PolicyChanged(Event, frozen=True):
    """Rules of matching, or hours, are other ones. Key: `policy:<tenant>`."""

    changed: tuple[str, ...]
