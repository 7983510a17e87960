"""What the conversations do about facts of their own and of the apps below."""

from apps.conversations import services
from apps.conversations.events import MessageSent
from apps.events.registry import Batch, Policy, handles


@handles(MessageSent, queue="matching", policy=Policy.SKIP, from_head=True)
def note_undelivered(batch: Batch) -> None:
    """Note what waits for customers."""
    services.note_undelivered(batch.events)
