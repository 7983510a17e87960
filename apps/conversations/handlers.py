"""What the conversations do about facts of their own and of the apps below."""

from apps.agents.events import (
    AgentMatched,
    AgentOffered,
    WorkFinished,
    WorkOverflowed,
    WorkReturned,
    WrapUpStarted,
)
from apps.conversations import services
from apps.conversations.events import ConversationOpened, MessageSent
from apps.events.registry import Batch, Policy, Recorded, handles


@handles(MessageSent, queue="matching", policy=Policy.SKIP, from_head=True)
def note_undelivered(batch: Batch) -> None:
    """Note what waits for customers."""
    services.note_undelivered(batch.events)


@handles(MessageSent, queue="matching", policy=Policy.SKIP, from_head=True)
def note_activity(batch: Batch) -> None:
    """Tell agents whose turn it is."""
    services.note_activity(batch.events)


@handles(AgentOffered, AgentMatched, WorkReturned, WrapUpStarted, WorkFinished, queue="matching")
def follow_work(batch: Batch) -> None:
    """Bring conversations to where their work stands."""
    services.follow_work(batch.events)


@handles(WorkOverflowed, queue="matching", policy=Policy.SKIP, from_head=True)
def answer_closed(batch: Batch) -> None:
    """Tell customers who wait out of hours."""
    services.tell_closed(batch.events)


@handles(ConversationOpened, queue="nlu", policy=Policy.SKIP, from_head=True)
def greet(batch: Batch) -> None:
    """Have the bot say hello."""
    services.greet(batch.events)


@handles(MessageSent, queue="nlu", calls_out=True, policy=Policy.SKIP, from_head=True)
async def converse(recorded: Recorded) -> None:
    """Have the bot answer."""
    await services.converse(recorded)
