"""The conversations' tables. What must be true of them PostgreSQL enforces (`migrations/sql/`)."""

from apps.conversations.models.conversations import Channel, Conversation, Participant
from apps.conversations.models.customers import Customer
from apps.conversations.models.messages import Message, MessageKind
from apps.conversations.models.sessions import Session
from apps.conversations.models.widgets import Widget

__all__ = [
    "Channel",
    "Conversation",
    "Customer",
    "Message",
    "MessageKind",
    "Participant",
    "Session",
    "Widget",
]
