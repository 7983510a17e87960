"""Conversations, their messages and files, and who is connected."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RangeDateTimeFilter

from apps.conversations import selectors, services
from apps.conversations.admin.lookup import ById
from apps.conversations.models import (
    Attachment,
    Conversation,
    Message,
    Session,
    Undelivered,
)
from apps.core.exceptions import DomainError

SHOWN = 200  # messages of a transcript


@admin.register(Conversation)
class ConversationAdmin(ById):
    """Conversations, the newest first; closed and asked back here."""

    list_display = ("opened_at", "customer", "channel", "state", "owner", "agent_id", "priority",
                    "last_seq", "tenant")  # fmt: skip
    list_filter = ("tenant", "state", "channel", "owner", ("opened_at", RangeDateTimeFilter))
    list_filter_submit = True
    list_select_related = ("tenant", "customer")
    ordering = ("-id",)
    search_help_text = (
        "An id of a conversation, a customer or an agent; a customer's own name for them."
    )
    id_fields = ("pk", "customer_id", "agent_id")
    text_fields = ("customer__external_id",)
    readonly_fields = ("transcript",)
    actions = ("close", "send_back")

    def has_close_permission(self, request: HttpRequest) -> bool:
        """Whoever may change conversations."""
        return bool(request.user.has_perm("conversations.change_conversation"))

    @admin.action(description="Close", permissions=["close"])
    def close(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> None:
        """Close them, without a wrap-up."""
        for row in queryset:
            self._do(request, row, "closed", lambda row=row: services.close(
                row.tenant_id, row.pk, by=f"user:{request.user.pk}", reason="back_office", wrap_up=False
            ))  # fmt: skip

    @admin.action(description="Take from the agent, back into the line", permissions=["close"])
    def send_back(self, request: HttpRequest, queryset: QuerySet[Conversation]) -> None:
        """Back to their places in the line."""
        for row in queryset:
            self._do(request, row, "queued", lambda row=row: services.requeue(
                row.tenant_id, row.pk, by=f"user:{request.user.pk}", reason="back_office"
            ))  # fmt: skip

    def _do(self, request: HttpRequest, row: Conversation, done: str, call: object) -> None:
        try:
            call()  # type: ignore[operator] # a call without arguments
        except DomainError as error:
            messages.error(request, f"{row}: {error}")
        else:
            messages.success(request, f"{row} is {done}.")

    @admin.display(description="What was said")
    def transcript(self, row: Conversation) -> SafeString:
        """The newest messages, in their order."""
        found = selectors.messages_before(row.tenant_id, row.pk, row.last_seq + 1, SHOWN)
        return format_html_join(
            "",
            "<p><small>{} {} {}</small><br>{}</p>",
            ((one.seq, one.sender, f"{one.sent_at:%Y-%m-%d %H:%M:%S}", one.body or one.kind)
             for one in found),
        )  # fmt: skip


@admin.register(Message)
class MessageAdmin(ById):
    """Messages; by their ids, or all of a conversation."""

    list_display = ("sent_at", "conversation_id", "seq", "sender", "kind", "body", "tenant")
    list_filter = ("tenant",)
    list_select_related = ("tenant",)
    ordering = ("-id",)
    search_help_text = "An id of a message or of its conversation."
    id_fields = ("pk", "conversation_id")


@admin.register(Attachment)
class AttachmentAdmin(ById):
    """Files that were sent; their bytes are handed out by the API only."""

    list_display = ("stored_at", "name", "content_type", "size", "conversation_id", "tenant")
    list_filter = ("tenant", "content_type")
    list_select_related = ("tenant",)
    ordering = ("-id",)
    search_help_text = "An id of a file or of its conversation."
    id_fields = ("pk", "conversation_id")
    exclude = ("digest",)


@admin.register(Session)
class SessionAdmin(ById):
    """Devices that are, or were, connected."""

    list_display = ("started_at", "sender", "client", "conversation_id", "last_seen_at", "ended_at",
                    "tenant")  # fmt: skip
    list_filter = ("tenant", "sender")
    list_select_related = ("tenant",)
    ordering = ("-id",)
    search_help_text = "An id of a session or of its conversation."
    id_fields = ("pk", "conversation_id")


@admin.register(Undelivered)
class UndeliveredAdmin(ById):
    """Conversations whose customer has not got everything yet."""

    list_display = ("since", "conversation_id", "seq", "tenant")
    list_filter = ("tenant",)
    list_select_related = ("tenant",)
    ordering = ("since",)
    search_fields = ("=conversation_id",)
