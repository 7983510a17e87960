"""Moves of a conversation: each locks its row, asks the lifecycle, writes, and tells.

`by` names who had it done: `user:<id>`, `key:<id>`, `agent:<id>`, `bot`, `customer`, `system`. `fence`,
where it is given, is the ownership that the decision was made under: another one by now refuses it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.utils import timezone

from apps.conversations import broadcasts, selectors
from apps.conversations.events import ConversationStateChanged
from apps.conversations.exceptions import (
    AnotherIsOpen,
    ConversationRefused,
    OwnerChanged,
)
from apps.conversations.lifecycle import Move, Owner, Sender, State, next_state, owner_in
from apps.conversations.models import Conversation, Customer, Participant
from apps.conversations.selectors import ConversationView
from apps.conversations.services import checks, routing
from apps.conversations.services.locking import lock
from apps.core.exceptions import fault
from apps.core.ids import uuid7
from apps.events.services import UnitOfWork, unit_of_work

WRAP_UP: Final = timedelta(minutes=5)
"""How long an agent has for what is left to write."""


@dataclass(slots=True)
class Step:
    """A move on its way: what it is, who has it done, and what else it changes of the row."""

    move: Move
    by: str
    reason: str = ""
    fence: int | None = None
    agent: UUID | None = None
    team: str = ""
    """Whose it is to be, by the name that agents know."""
    wrap_up: timedelta | None = None
    """A closing leaves the agent this long, if an agent has it; or must have it."""
    must_wrap_up: bool = False
    is_lines: bool = False
    """The line of agents made this move; it need not be told of it."""
    changes: dict[str, Any] = field(default_factory=dict)


def hand_over(
    tenant: int,
    conversation: UUID,
    *,
    reason: str = "asked_for",
    by: str = Owner.BOT.value,
    skills: checks.Skills | None = None,
    priority: int | None = None,
    fence: int | None = None,
) -> ConversationView:
    """The bot gives the conversation to people: it takes its place in the line.

    Raises `UnknownConversation`, `IllegalMove`, `OwnerChanged`, `ConversationRefused`.
    """
    changes: dict[str, Any] = {"queued_at": timezone.now()}
    if skills is not None:
        changes["skills"] = _levels(skills)
    if priority is not None:
        changes["priority"] = priority
    return move(tenant, conversation, Step(Move.HAND_OVER, by, reason, fence, changes=changes))


def mark_offered(tenant: int, conversation: UUID, *, by: str = "system") -> ConversationView:
    """An agent was asked. Raises `UnknownConversation`, `IllegalMove`."""
    return move(tenant, conversation, Step(Move.OFFER, by))


def withdraw_offer(
    tenant: int, conversation: UUID, *, reason: str = "declined", by: str = "system"
) -> ConversationView:
    """The agent declined, or let the time pass. Raises `UnknownConversation`, `IllegalMove`."""
    return move(tenant, conversation, Step(Move.WITHDRAW, by, reason))


def assign(
    tenant: int,
    conversation: UUID,
    *,
    agent: UUID,
    by: str = "system",
    reason: str = "matched",
    fence: int | None = None,
) -> ConversationView:
    """An agent has it from now on: from the line, from the bot, or from another agent.

    Again for the same agent changes nothing. Raises `UnknownConversation`, `IllegalMove`, `OwnerChanged`.
    """
    changes = {"assigned_at": timezone.now(), "wanted_agent_id": None, "fallback_at": None}
    step = Step(Move.ASSIGN, by, reason, fence, agent, changes=changes)
    return move(tenant, conversation, step)


def requeue(
    tenant: int,
    conversation: UUID,
    *,
    reason: str = "agent_lost",
    by: str = "system",
    fence: int | None = None,
) -> ConversationView:
    """Its agent is lost: back into the line, at the place that it had.

    Raises `UnknownConversation`, `IllegalMove`, `OwnerChanged`.
    """
    return move(tenant, conversation, Step(Move.REQUEUE, by, reason, fence))


def transfer(  # noqa: PLR0913 - what a transfer may say
    tenant: int,
    conversation: UUID,
    *,
    by: str,
    agent: UUID | None = None,
    team: str = "",
    skills: checks.Skills | None = None,
    fallback_seconds: int | None = None,
    reason: str = "transferred",
    fence: int | None = None,
) -> ConversationView:
    """To one agent or a team, who have `fallback_seconds` to take it before others may; or to a skill.

    Not said, the tenant's policy says how long for agents and teams; a skill is waited for, and
    asked less of with time. It keeps its place in the line if it had one. Raises
    `UnknownConversation`, `UnknownTeam`, `IllegalMove`, `OwnerChanged`, `ConversationRefused`.
    """
    if agent is None and skills is None and not team:
        detail = "A transfer names an agent, a team, skills, or several of them."
        raise ConversationRefused(errors=[fault("agent", "missing", detail)])
    now = timezone.now()
    changes: dict[str, Any] = {"wanted_agent_id": agent, "fallback_at": None}
    if fallback_seconds is None and (agent is not None or team):
        fallback_seconds = selectors.policy_of(tenant).fallback_seconds
    if fallback_seconds is not None:
        changes["fallback_at"] = now + timedelta(seconds=fallback_seconds)
    if skills is not None:
        changes["skills"] = _levels(skills)
    step = Step(Move.TRANSFER, by, reason, fence, team=team, changes=changes)
    return move(tenant, conversation, step)


def hold(tenant: int, conversation: UUID, *, by: str, reason: str = "waiting") -> ConversationView:
    """The agent waits for something else. Raises `UnknownConversation`, `IllegalMove`."""
    return move(tenant, conversation, Step(Move.HOLD, by, reason))


def resume(tenant: int, conversation: UUID, *, by: str) -> ConversationView:
    """The agent goes on. Raises `UnknownConversation`, `IllegalMove`."""
    return move(tenant, conversation, Step(Move.RESUME, by, "resumed"))


def return_to_bot(
    tenant: int, conversation: UUID, *, by: str, reason: str = "returned", fence: int | None = None
) -> ConversationView:
    """People give it back to the bot. Raises `UnknownConversation`, `IllegalMove`, `OwnerChanged`."""
    changes = {"queued_at": None, "wanted_agent_id": None, "fallback_at": None}
    return move(tenant, conversation, Step(Move.RETURN_TO_BOT, by, reason, fence, changes=changes))


def close(
    tenant: int,
    conversation: UUID,
    *,
    by: str,
    reason: str = "solved",
    wrap_up: bool | None = None,
    fence: int | None = None,
) -> ConversationView:
    """End it; with `wrap_up` its agent keeps it for a while to write down what is left.

    Not said, the tenant's policy says it, for conversations that an agent has.

    What is closed already stays as it is. Raises `UnknownConversation`, `IllegalMove`,
    `OwnerChanged`, `ConversationRefused`.
    """
    now = timezone.now()
    changes: dict[str, Any] = {"closed_at": now, "closing_reason": reason, "fallback_at": None}
    changes |= {"queued_at": None, "wanted_agent_id": None}
    step = Step(Move.CLOSE, by, reason, fence, changes=changes)
    if wrap_up is not False:
        usual = timedelta(seconds=selectors.policy_of(tenant).wrap_up_seconds)
        if wrap_up or usual:
            step.wrap_up, step.must_wrap_up = usual or WRAP_UP, bool(wrap_up)
    return move(tenant, conversation, step)


def finish(tenant: int, conversation: UUID, *, by: str = "system") -> ConversationView:
    """The wrap-up is over. Raises `UnknownConversation`, `IllegalMove`."""
    return move(tenant, conversation, Step(Move.FINISH, by, "finished"))


def reopen(
    tenant: int, conversation: UUID, *, by: str, reason: str = "reopened"
) -> ConversationView:
    """Into the line again, if the customer has no other conversation open on the channel.

    Raises `UnknownConversation`, `IllegalMove`, `AnotherIsOpen`.
    """
    changes = {"queued_at": timezone.now(), "closed_at": None, "wrap_up_until": None}
    return move(tenant, conversation, Step(Move.REOPEN, by, reason, changes=changes))


def move(tenant: int, conversation: UUID, step: Step) -> ConversationView:
    """Lock, look whether it was done before, and make a move. Raises what `write` and its checks raise."""
    faults = list(checks.reason_faults(step.reason)) if step.reason else []
    if faults:
        raise ConversationRefused(errors=faults)
    with unit_of_work() as work:
        row = lock(tenant, conversation)
        if step.fence is not None and step.fence != row.fence:
            raise OwnerChanged(conversation=str(conversation), owner=row.owner, fence=row.fence)
        if _is_done(row, step):
            return selectors.view_of(row)
        return write(work, row, step)


def _is_done(row: Conversation, step: Step) -> bool:
    """Whether an earlier call did the same: the answer is what stands."""
    match step.move:
        case Move.ASSIGN:
            return row.state == State.ACTIVE and row.agent_id == step.agent
        case Move.CLOSE:
            over = (State.CLOSED, State.WRAP_UP) if step.wrap_up else (State.CLOSED,)
            return row.state in over
        case _:
            return False


def write(work: UnitOfWork, row: Conversation, step: Step) -> ConversationView:
    """Make a move of a locked row. Raises `IllegalMove`, `AnotherIsOpen`, and what agents raise."""
    now = timezone.now()
    before = State(row.state)
    if step.wrap_up and (step.must_wrap_up or before in (State.ACTIVE, State.ON_HOLD)):
        step.move = Move.WRAP_UP
        step.changes["wrap_up_until"] = now + step.wrap_up
    elif step.move is Move.CLOSE and before is State.WRAP_UP:
        step.move, step.changes = Move.FINISH, {}
    after = next_state(before, step.move)
    if step.move is Move.REOPEN:
        _check_no_other(row)
    _set(row, step, after)
    row.save()
    if step.move is Move.ASSIGN:
        _join(row)
    view = selectors.view_of(row)
    if not step.is_lines:
        routing.tell(view, step.move, before, by=step.by, team=step.team)
    fact = _changed(view, step, before, now)
    work.publish(fact, tenant=row.tenant_id, key=str(row.pk), occurred_at=now)
    work.after_commit(lambda: _tell(view, before))
    return view


def _set(row: Conversation, step: Step, after: State) -> None:
    owner = owner_in(after)
    agent = None
    if owner is Owner.AGENT:
        agent = step.agent or row.agent_id
    if (row.owner, row.agent_id) != (owner, agent):
        row.fence += 1
    if row.agent_id and row.agent_id != agent:
        row.last_agent_id = row.agent_id
    row.state, row.owner, row.agent_id = after.value, owner.value, agent
    row.version += 1
    for name, value in step.changes.items():
        setattr(row, name, value)
    if after is State.QUEUED and row.queued_at is None:
        row.queued_at = timezone.now()
    if step.move in (Move.CLOSE, Move.WRAP_UP):
        row.closings += 1


def _check_no_other(row: Conversation) -> None:
    """The customer's lock makes the question hold: whoever opens takes it, too."""
    Customer.objects.select_for_update().get(pk=row.customer_id)
    other = selectors.open_conversation_of(row.tenant_id, row.customer_id, row.channel)
    if other is not None:
        raise AnotherIsOpen(conversation=str(row.pk), other=str(other.id))


def _join(row: Conversation) -> None:
    """The agent takes part from now on."""
    Participant.objects.bulk_create(
        [
            Participant(
                id=uuid7(),
                tenant_id=row.tenant_id,
                conversation_id=row.pk,
                sender=Sender.AGENT.value,
                sender_id=str(row.agent_id),
            )
        ],
        ignore_conflicts=True,
    )


def _changed(
    view: ConversationView, step: Step, before: State, now: datetime
) -> ConversationStateChanged:
    return ConversationStateChanged(
        conversation_id=view.id,
        move=step.move.value,
        from_state=before.value,
        to_state=view.state,
        owner=view.owner,
        agent_id=view.agent_id,
        fence=view.fence,
        priority=view.priority,
        skills=view.skills,
        reason=step.reason,
        by=step.by,
        queued_at=view.queued_at,
        wanted_agent_id=view.wanted_agent_id,
        fallback_at=view.fallback_at,
        at=now,
    )


def _tell(view: ConversationView, before: State) -> None:
    is_end = view.closed_at is not None and before not in (State.WRAP_UP, State.CLOSED)
    broadcasts.conversation_changed(view, is_end=is_end)


def _levels(skills: checks.Skills) -> Mapping[str, int]:
    if faults := list(checks.skill_faults(skills)):
        raise ConversationRefused(errors=faults)
    return checks.levels_of(skills)
