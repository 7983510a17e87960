"""What others may have done in conversations. Each is one unit of work, or joins the caller's."""

from apps.conversations.services.activity import note_activity
from apps.conversations.services.attachments import store_attachment
from apps.conversations.services.bot import converse, greet
from apps.conversations.services.closed import leave_contact, tell_closed
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
    WidgetTerms,
    begin,
    change_widget,
    check_site,
    create_widget,
    renew_key,
    visitor_of,
    welcome_visitor,
    widget_faults,
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
    "WidgetTerms",
    "accept",
    "add_note",
    "assign",
    "begin",
    "change_widget",
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
    "leave_contact",
    "mark_offered",
    "mark_receipts",
    "note_activity",
    "note_undelivered",
    "open_conversation",
    "rate",
    "renew_key",
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
    "tell_closed",
    "tell_undelivered",
    "touch_sessions",
    "transfer",
    "visitor_of",
    "void_streams",
    "welcome_visitor",
    "whisper",
    "widget_faults",
    "withdraw_offer",
]
