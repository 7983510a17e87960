"""What the conversations tell. The key of each is the conversation; a session's is its owner.

No event carries what people wrote or who they are: a log, and every copy that a relay or a webhook made of
it, is for ever, and people have a right to be forgotten (docs/decisions/0017). Whoever needs a text asks for
it by conversation and seq.
"""

from uuid import UUID

from apps.events.contracts import Event, Moment, event


@event("conversations.conversation.opened", topic="conversation")
class ConversationOpened(Event, frozen=True):
    """A customer began a conversation."""

    conversation_id: UUID
    customer_id: UUID
    channel: str  # web, mobile, api, widget
    state: str  # bot or queued
    owner: str  # bot or queue
    epoch: int  # of the message stream
    fence: int  # of the ownership
    priority: int  # 0 to 100; higher is served first
    skills: dict[str, int]  # skill → level wanted, 1 to 5
    language: str  # BCP 47, or empty
    opened_at: Moment


@event("conversations.conversation.state_changed", topic="conversation")
class ConversationStateChanged(Event, frozen=True):
    """A conversation made a move (`apps/conversations/lifecycle.py` lists them)."""

    conversation_id: UUID
    move: str
    from_state: str
    to_state: str
    owner: str  # bot, queue, agent, nobody
    agent_id: UUID | None  # who has it now; none unless the owner is an agent
    fence: int
    priority: int
    skills: dict[str, int]
    reason: str  # a short code, never free text
    by: str  # user:<id>, key:<id>, agent:<id>, bot, customer, system
    queued_at: Moment | None  # its place in the line
    wanted_agent_id: UUID | None  # a transfer to one agent, until `fallback_at`
    fallback_at: Moment | None
    at: Moment


@event("conversations.message.sent", topic="message")
class MessageSent(Event, frozen=True):
    """A message took its place in a conversation."""

    conversation_id: UUID
    message_id: UUID
    seq: int  # 1, 2, 3 … without a gap
    kind: str  # text, attachment, event
    sender: str  # customer, agent, bot, system
    sender_id: str  # the customer's or agent's id; empty for bot and system
    owner: str  # who had to act when it came
    fence: int  # of that ownership
    epoch: int
    length: int  # characters
    sent_at: Moment


@event("conversations.receipt.advanced", topic="message")
class ReceiptAdvanced(Event, frozen=True):
    """A participant got, or read, everything up to a message."""

    conversation_id: UUID
    participant_id: UUID
    sender: str  # what they are: customer, agent
    sender_id: str
    delivered_seq: int
    read_seq: int
    at: Moment


@event("conversations.conversation.noted", topic="conversation")
class ConversationNoted(Event, frozen=True):
    """Somebody at the desk wrote an internal note; what it says is not told."""

    conversation_id: UUID
    note_id: UUID
    by: str
    at: Moment


@event("conversations.conversation.tagged", topic="conversation")
class ConversationTagged(Event, frozen=True):
    """A conversation's tags are these from now on."""

    conversation_id: UUID
    tags: tuple[str, ...]  # codes of the tenant's, never free text
    by: str
    at: Moment


@event("conversations.conversation.prioritised", topic="conversation")
class ConversationPrioritised(Event, frozen=True):
    """A conversation is to be served earlier, or later, than it was."""

    conversation_id: UUID
    priority: int  # 0 to 100; higher is served first
    by: str
    at: Moment


@event("conversations.conversation.rated", topic="conversation")
class ConversationRated(Event, frozen=True):
    """A customer rated one closing of a conversation; what they wrote is not told."""

    conversation_id: UUID
    closing: int  # which of its closings, from 1
    score: int  # 1 (bad) to 5 (good)
    agent_id: UUID | None  # who had it last
    at: Moment


@event("conversations.conversation.imported", topic="conversation")
class ConversationImported(Event, frozen=True):
    """A dialogue of the past was taken over from a file, closed and with all its messages."""

    conversation_id: UUID
    customer_id: UUID
    channel: str
    messages: int  # its last seq
    opened_at: Moment
    closed_at: Moment
    at: Moment


@event("conversations.messages.undelivered", topic="message")
class MessagesUndelivered(Event, frozen=True):
    """Messages wait for a customer who is not connected: the occasion for a push or a mail."""

    conversation_id: UUID
    customer_id: UUID
    channel: str
    language: str
    from_seq: int  # the first that was not delivered
    to_seq: int
    count: int
    waiting_since: Moment
    at: Moment


@event("conversations.customer.erased", topic="conversation")
class CustomerErased(Event, frozen=True):
    """A customer was forgotten; whoever keeps something under these ids forgets it, too."""

    customer_id: UUID
    erasure_id: UUID
    conversation_ids: tuple[UUID, ...]
    at: Moment


@event("conversations.conversations.retired", topic="conversation")
class ConversationsRetired(Event, frozen=True):
    """Closed conversations were deleted, because the tenant keeps them no longer."""

    conversation_ids: tuple[UUID, ...]
    closed_before: Moment
    at: Moment


@event("conversations.session.started", topic="session")
class SessionStarted(Event, frozen=True):
    """A device of a customer or an agent connected."""

    session_id: UUID
    conversation_id: UUID | None
    sender: str
    sender_id: str
    started_at: Moment


@event("conversations.session.ended", topic="session")
class SessionEnded(Event, frozen=True):
    """A device disconnected, or was silent for too long."""

    session_id: UUID
    conversation_id: UUID | None
    sender: str
    sender_id: str
    ended_at: Moment
