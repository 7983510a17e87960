"""The back office's window on conversations. What was said is seen and never changed; buttons call services."""

from apps.conversations.admin.bot import BotAdmin, BotFlowAdmin
from apps.conversations.admin.conversations import (
    AttachmentAdmin,
    ConversationAdmin,
    MessageAdmin,
    SessionAdmin,
    UndeliveredAdmin,
)
from apps.conversations.admin.customers import CustomerAdmin, ErasureAdmin, ImportedDialogueAdmin
from apps.conversations.admin.desk import CannedReplyAdmin, NoteAdmin, PolicyAdmin, RatingAdmin
from apps.conversations.admin.widgets import WidgetAdmin

__all__ = [
    "AttachmentAdmin",
    "BotAdmin",
    "BotFlowAdmin",
    "CannedReplyAdmin",
    "ConversationAdmin",
    "CustomerAdmin",
    "ErasureAdmin",
    "ImportedDialogueAdmin",
    "MessageAdmin",
    "NoteAdmin",
    "PolicyAdmin",
    "RatingAdmin",
    "SessionAdmin",
    "UndeliveredAdmin",
    "WidgetAdmin",
]
