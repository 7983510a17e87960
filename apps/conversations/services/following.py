"""Agents decide who has a conversation; here it follows them.

The facts that agents tell are taken as a sign to look, and what counts is where the work stands when one
looks: both houses are in one database. So a fact that comes late, twice, or after an answer that went ahead of
the log changes nothing, and the conversation ends where the work is.
"""

from collections.abc import Sequence
from uuid import UUID

from django.utils import timezone

from apps.agents import selectors as lines
from apps.agents import services as agents
from apps.agents.exceptions import UnknownWork
from apps.agents.selectors import WorkView
from apps.conversations import selectors
from apps.conversations.lifecycle import Move, Owner, State
from apps.conversations.models import Conversation
from apps.conversations.selectors import ConversationView
from apps.conversations.services import routing
from apps.conversations.services.locking import lock
from apps.conversations.services.moving import Step, write
from apps.events.registry import Recorded
from apps.events.services import UnitOfWork, unit_of_work


def follow_work(events: Sequence[Recorded]) -> None:
    """Bring the conversations of a batch of agents' facts to where their work stands."""
    named = {
        (recorded.tenant_id, work_id): None
        for recorded in events
        if (work_id := getattr(recorded.event, "work_id", None)) is not None
    }
    known = selectors.existing({work_id for _, work_id in named})
    for tenant, work_id in sorted(named, key=str):
        if (tenant, work_id) in known:  # other matters than conversations may be work, too
            follow(tenant, work_id)


def follow(tenant: int, conversation: UUID) -> ConversationView:
    """Bring one conversation to where its work stands. Raises `UnknownConversation`."""
    with unit_of_work() as work:
        row = lock(tenant, conversation)
        try:
            found = lines.work_of(tenant, conversation)
        except UnknownWork:
            return selectors.view_of(row)
        for step in _steps(row, found):
            write(work, row, step)
        _end_what_is_over(row, found)
        return selectors.view_of(row)


def _steps(row: Conversation, work: WorkView) -> list[Step]:
    """The moves from where the conversation is to where its work is; most often one, or none."""
    state = State(row.state)
    with_agent = state in (State.ACTIVE, State.ON_HOLD)
    steps: list[Step] = []
    match work.state:
        case "waiting" | "offered" if with_agent:
            steps = [_step(Move.REQUEUE, "agent_lost")]
        case "waiting" if state is State.OFFERED:
            steps = [_step(Move.WITHDRAW, "offer_ended")]
        case "assigned" if row.is_open and not (with_agent and row.agent_id == work.agent_id):
            steps = [_assigned(work.agent_id, work.fence)]
        case "wrap_up" if with_agent:
            steps = [_ended(Move.WRAP_UP, "completed")]
        case "done" if row.is_open and state is not State.BOT:
            steps = [_ended(Move.CLOSE, "completed" if with_agent else "withdrawn")]
        case "done" if state is State.WRAP_UP:
            steps = [_step(Move.FINISH, "finished")]
    if work.state == "offered" and (with_agent or state is State.QUEUED):
        steps.append(_step(Move.OFFER, "offered"))
    return steps


def _step(what: Move, reason: str) -> Step:
    return Step(what, "system", reason, is_lines=True)


def _ended(what: Move, reason: str) -> Step:
    changes = {"closed_at": timezone.now(), "closing_reason": reason, "queued_at": None}
    return Step(what, "system", reason, changes=changes, is_lines=True)


def _assigned(agent: UUID | None, fence: int) -> Step:
    changes = {"assignment_fence": fence, "wanted_agent_id": None, "fallback_at": None}
    return Step(Move.ASSIGN, "system", "matched", agent=agent, changes=changes, is_lines=True)


def _end_what_is_over(row: Conversation, work: WorkView) -> None:
    """A conversation that is closed, or the bot's again, occupies nobody."""
    occupied = work.state in ("waiting", "offered", "assigned")
    if occupied and row.owner in (Owner.NOBODY, Owner.BOT):
        agents.complete_work(row.tenant_id, row.pk, wrap_up=False)


def accept(
    tenant: int, conversation: UUID, *, agent: UUID, fence: int | None = None
) -> ConversationView:
    """The agent takes the conversation that they were offered; both houses in one transaction.

    Raises `UnknownConversation`, and `OfferGone` where it is offered to them no more.
    """
    with unit_of_work():
        lock(tenant, conversation)
        agents.accept_offer(tenant, conversation, agent, fence=fence)
        return follow(tenant, conversation)


def decline(tenant: int, conversation: UUID, *, agent: UUID, reason: str = "") -> ConversationView:
    """The agent does not take it: somebody else is asked. Raises as `accept`."""
    with unit_of_work():
        lock(tenant, conversation)
        agents.decline_offer(tenant, conversation, agent, reason=reason)
        return follow(tenant, conversation)


def give(
    tenant: int, conversation: UUID, *, agent: UUID, by: str, take_over: bool = False
) -> ConversationView:
    """A supervisor gives it to an agent at once, or takes it over: from the bot, the line, or an agent.

    Raises `UnknownConversation`, `IllegalMove`, and what agents raise (`UnknownAgent`, `AgentUnfit`).
    """
    with unit_of_work() as work:
        row = lock(tenant, conversation)
        if row.state == State.BOT:
            write(work, row, Step(Move.HAND_OVER, by, "taken_over", is_lines=True))
        held = routing.give(selectors.view_of(row), agent, by=by, take_over=take_over)
        return _take(work, row, held.agent_id, held.fence, by)


def _take(
    work: UnitOfWork, row: Conversation, agent: UUID, fence: int, by: str
) -> ConversationView:
    if row.agent_id == agent and row.state in (State.ACTIVE, State.ON_HOLD):
        return selectors.view_of(row)
    step = _assigned(agent, fence)
    step.by, step.reason = by, "taken_over"
    return write(work, row, step)
