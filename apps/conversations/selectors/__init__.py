"""Questions about conversations: where they stand, what was said, who takes part."""

from apps.conversations.selectors.attachments import AttachmentView, attachment_of
from apps.conversations.selectors.conversations import (
    ConversationView,
    Filters,
    LastMessage,
    conversation_of,
    conversations_by_id,
    existing,
    inbox,
    open_conversation_of,
    position_of,
    view_of,
)
from apps.conversations.selectors.customers import CustomerView, customer_of, find_customer
from apps.conversations.selectors.desk import (
    CannedReplyView,
    NoteView,
    RatingView,
    canned_replies,
    notes_of,
    policy_of,
    ratings_of,
)
from apps.conversations.selectors.figures import Standing, messages_by_second, standing
from apps.conversations.selectors.line import Hours, Place, hours_now, place_of
from apps.conversations.selectors.messages import (
    PAGE_MAX,
    MessageView,
    messages_after,
    messages_before,
    messages_by_seq,
    view_of_row,
)
from apps.conversations.selectors.participants import ParticipantView, participants_of
from apps.conversations.selectors.privacy import ErasureView, erasure_of, everything_about
from apps.conversations.selectors.recent import recent_messages
from apps.conversations.selectors.search import find_messages
from apps.conversations.selectors.widgets import (
    WidgetView,
    active_widget,
    conversation_to_show,
    only_widget,
    visitors_conversation,
    widget_of_key,
    widget_view,
    widgets_of,
)

__all__ = [
    "PAGE_MAX",
    "AttachmentView",
    "CannedReplyView",
    "ConversationView",
    "CustomerView",
    "ErasureView",
    "Filters",
    "Hours",
    "LastMessage",
    "MessageView",
    "NoteView",
    "ParticipantView",
    "Place",
    "RatingView",
    "Standing",
    "WidgetView",
    "active_widget",
    "attachment_of",
    "canned_replies",
    "conversation_of",
    "conversation_to_show",
    "conversations_by_id",
    "customer_of",
    "erasure_of",
    "everything_about",
    "existing",
    "find_customer",
    "find_messages",
    "hours_now",
    "inbox",
    "messages_after",
    "messages_before",
    "messages_by_second",
    "messages_by_seq",
    "notes_of",
    "only_widget",
    "open_conversation_of",
    "participants_of",
    "place_of",
    "policy_of",
    "position_of",
    "ratings_of",
    "recent_messages",
    "standing",
    "view_of",
    "view_of_row",
    "visitors_conversation",
    "widget_of_key",
    "widget_view",
    "widgets_of",
]
