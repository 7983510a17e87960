"""The conversations' tables. What must be true of them PostgreSQL enforces (`migrations/sql/`)."""

from apps.conversations.models.attachments import Attachment
from apps.conversations.models.conversations import Channel, Conversation, Participant
from apps.conversations.models.customers import Customer
from apps.conversations.models.desk import CannedReply, Note, Rating
from apps.conversations.models.flows import Bot, BotFlow, BotMemory
from apps.conversations.models.messages import Message, MessageKind
from apps.conversations.models.policies import Policy
from apps.conversations.models.records import Erasure, ImportedDialogue, Undelivered
from apps.conversations.models.sessions import Session
from apps.conversations.models.widgets import Widget, WidgetSide, WidgetTheme

__all__ = [
    "Attachment",
    "Bot",
    "BotFlow",
    "BotMemory",
    "CannedReply",
    "Channel",
    "Conversation",
    "Customer",
    "Erasure",
    "ImportedDialogue",
    "Message",
    "MessageKind",
    "Note",
    "Participant",
    "Policy",
    "Rating",
    "Session",
    "Undelivered",
    "Widget",
    "WidgetSide",
    "WidgetTheme",
]
