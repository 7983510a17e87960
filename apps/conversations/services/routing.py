"""What a move means for the line of agents: told to them in the move's own transaction.

Conversations decide what happens to a conversation; agents decide who gets it. Locks are taken in one
order, the conversation's first and then the work's, so that the two cannot deadlock.
"""

from uuid import UUID

from django.utils import timezone

from apps.agents import selectors as lines
from apps.agents import services as agents
from apps.conversations.lifecycle import Move, State
from apps.conversations.selectors import ConversationView


def queue(view: ConversationView, team: str = "") -> None:
    """Into the line, at the place that its time of queueing gives it; for a team, if one is named.

    Raises what `agents.services.queue_work` raises.
    """
    terms = agents.WorkTerms(
        view.id,
        view.channel,
        skills=view.skills,
        language=view.language,
        priority=view.priority,
        queued_at=view.queued_at,
        sticky_agent=view.last_agent_id,
        team=team,
        agent=view.wanted_agent_id,
        fallback_at=view.fallback_at,
    )
    agents.queue_work(view.tenant_id, terms)


def tell(view: ConversationView, move: Move, before: State, *, by: str, team: str = "") -> None:
    """Tell the line of a move that was not its own. Raises what agents raise."""
    if move in (Move.HAND_OVER, Move.REOPEN) or (move is Move.TRANSFER and before is State.BOT):
        queue(view, team)
        return
    # Conversations that no agent ever waited for have no work: there is nobody to tell.
    if lines.live_work(view.tenant_id, view.id) is None:
        return
    if move is Move.TRANSFER:
        agents.transfer_work(view.tenant_id, view.id, _whereto(view, team), by=by)
    else:
        _tell(view, move, before)


def _tell(view: ConversationView, move: Move, before: State) -> None:
    tenant, work_id = view.tenant_id, view.id
    match move:
        case Move.REQUEUE:
            agents.release_work(tenant, work_id, reason="released")
        case Move.HOLD | Move.RESUME:
            agents.hold_work(tenant, work_id, move is Move.HOLD)
        case Move.RETURN_TO_BOT:
            agents.withdraw_work(tenant, work_id, reason="returned_to_bot")
        case Move.CLOSE if before in (State.QUEUED, State.OFFERED):
            agents.withdraw_work(tenant, work_id, reason="abandoned")
        case Move.CLOSE:
            agents.complete_work(tenant, work_id, wrap_up=False)
        case Move.WRAP_UP:
            agents.complete_work(tenant, work_id)
        case Move.FINISH:
            agents.end_wrap_up(tenant, work_id)


def _whereto(view: ConversationView, team: str) -> agents.Transfer:
    seconds = None
    if view.fallback_at is not None:
        seconds = max(0, round((view.fallback_at - timezone.now()).total_seconds()))
    return agents.Transfer(
        view.skills, team=team, agent=view.wanted_agent_id, fallback_seconds=seconds
    )


def give(view: ConversationView, agent: UUID, *, by: str, take_over: bool = False) -> agents.Held:
    """Give it to an agent at once, from wherever it is. Raises what agents raise."""
    if lines.live_work(view.tenant_id, view.id) is None:
        queue(view)
    call = agents.take_over if take_over else agents.reassign_work
    return call(view.tenant_id, view.id, agent, by=by)


def prioritise(tenant: int, conversation: UUID, priority: int, *, by: str) -> None:
    """Move it in the line, if it is there."""
    if lines.live_work(tenant, conversation) is not None:
        agents.change_priority(tenant, conversation, priority, by=by)
