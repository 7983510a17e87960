"""What the conversations do about facts of their own and of the apps below."""

from apps.agents.events import (
    AgentMatched,
    AgentOffered,
    WorkFinished,
    WorkReturned,
    WrapUpStarted,
)
from apps.conversations import services
from apps.conversations.events import MessageSent
from apps.events.registry import Batch, Policy, handles


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
