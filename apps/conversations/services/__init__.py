"""What others may have done in conversations. Each is one unit of work, or joins the caller's."""

from apps.conversations.services.activity import note_activity
from apps.conversations.services.attachments import store_attachment
from apps.conversations.services.bot import converse, greet
from apps.conversations.services.delivery import note_undelivered, tell_undelivered
from apps.conversations.services.desk import (
    ReplyTerms,
    add_note,
    delete_canned_reply,
    rate,
    reply_faults,
    save_canned_reply,
    set_priority,
    set_tags,
    whisper,
)
from apps.conversations.services.following import accept, decline, follow, follow_work, give
from apps.conversations.services.importing import Imported, import_dialogues
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
from apps.conversations.services.policies import save_policy
from apps.conversations.services.privacy import erase_customer, resume_erasures
from apps.conversations.services.receipts import Marked, Receipt, mark_receipts
from apps.conversations.services.retention import retire_conversations
from apps.conversations.services.sending import Draft, Sent, send_message, send_messages
from apps.conversations.services.sessions import (
    Connected,
    StartedSession,
    end_session,
    end_sessions,
    end_silent_sessions,
    start_session,
    start_sessions,
    touch_sessions,
)
from apps.conversations.services.streams import void_streams
from apps.conversations.services.widgets import (
    Visit,
    Visitor,
    begin,
    check_site,
    create_widget,
    visitor_of,
    welcome_visitor,
)

__all__ = [
    "Connected",
    "Draft",
    "Imported",
    "Marked",
    "Opened",
    "Receipt",
    "ReplyTerms",
    "Sent",
    "StartedSession",
    "Visit",
    "Visitor",
    "accept",
    "add_note",
    "assign",
    "begin",
    "check_site",
    "close",
    "converse",
    "create_widget",
    "decline",
    "delete_canned_reply",
    "end_session",
    "end_sessions",
    "end_silent_sessions",
    "erase_customer",
    "finish",
    "follow",
    "follow_work",
    "give",
    "greet",
    "hand_over",
    "hold",
    "import_dialogues",
    "mark_offered",
    "mark_receipts",
    "note_activity",
    "note_undelivered",
    "open_conversation",
    "rate",
    "reopen",
    "reply_faults",
    "requeue",
    "resume",
    "resume_erasures",
    "retire_conversations",
    "return_to_bot",
    "save_canned_reply",
    "save_policy",
    "send_message",
    "send_messages",
    "set_priority",
    "set_tags",
    "start_session",
    "start_sessions",
    "store_attachment",
    "tell_undelivered",
    "touch_sessions",
    "transfer",
    "visitor_of",
    "void_streams",
    "welcome_visitor",
    "whisper",
    "withdraw_offer",
]
