"""What others may have done in conversations. Each is one unit of work, or joins the caller's."""

from apps.conversations.services.moving import (
    assign,
    close,
    finish,
    hand_over,
    hold,
    mark_offered,
    reopen,
    requeue,
    resume,
    return_to_bot,
    transfer,
    withdraw_offer,
)
from apps.conversations.services.opening import Opened, open_conversation
from apps.conversations.services.receipts import Marked, Receipt, mark_receipts
from apps.conversations.services.sending import Draft, Sent, send_message, send_messages
from apps.conversations.services.sessions import (
    Connected,
    StartedSession,
    end_session,
    end_sessions,
    start_session,
    start_sessions,
    touch_sessions,
)

__all__ = [
    "Connected",
    "Draft",
    "Marked",
    "Opened",
    "Receipt",
    "Sent",
    "StartedSession",
    "assign",
    "close",
    "end_session",
    "end_sessions",
    "finish",
    "hand_over",
    "hold",
    "mark_offered",
    "mark_receipts",
    "open_conversation",
    "reopen",
    "requeue",
    "resume",
    "return_to_bot",
    "send_message",
    "send_messages",
    "start_session",
    "start_sessions",
    "touch_sessions",
    "transfer",
    "withdraw_offer",
]
