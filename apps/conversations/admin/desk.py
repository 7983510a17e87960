"""What supervisors set up: replies kept ready, and the tenant's policy; and what they read: notes, ratings."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from apps.conversations import services
from apps.conversations.admin.lookup import ById
from apps.conversations.models import CannedReply, Note, Policy, Rating

TERMS = ("shortcut", "title", "body", "language", "is_active")


class ReplyForm(forms.ModelForm):  # type: ignore[type-arg] # generic in stubs only
    """A reply, with every fault at its field."""

    class Meta:
        model = CannedReply
        fields = ("tenant", *TERMS)

    def clean(self) -> dict[str, Any]:
        """The same rules as over the API."""
        found = super().clean() or {}
        shortcut, title, body, language = (found.get(name) or "" for name in TERMS[:-1])
        terms = services.ReplyTerms(shortcut, title, body, language)
        for fault in services.reply_faults(terms):
            if fault["field"] not in self.errors:
                self.add_error(fault["field"], fault["detail"])
        return found


@admin.register(CannedReply)
class CannedReplyAdmin(ModelAdmin):
    """Replies that are kept ready."""

    form = ReplyForm
    list_display = ("shortcut", "title", "language", "is_active", "tenant")
    list_filter = ("tenant", "is_active", "language")
    list_select_related = ("tenant",)
    ordering = ("tenant", "shortcut")
    search_fields = ("shortcut__startswith", "title__icontains")

    def save_model(self, request: HttpRequest, obj: CannedReply, form: Any, change: bool) -> None:
        """Through the service."""
        terms = services.ReplyTerms(**{name: getattr(obj, name) for name in TERMS})
        row = services.save_canned_reply(obj.tenant_id, terms, reply=obj.pk if change else None)
        obj.pk = row.pk

    def delete_model(self, request: HttpRequest, obj: CannedReply) -> None:
        """Through the service."""
        services.delete_canned_reply(obj.tenant_id, obj.pk)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[CannedReply]) -> None:
        """Through the service."""
        for row in queryset:
            services.delete_canned_reply(row.tenant_id, row.pk)


@admin.register(Policy)
class PolicyAdmin(ModelAdmin):
    """What tenants decided; a tenant without a row lives by the defaults."""

    list_display = ("tenant", "starts_with", "wrap_up_seconds", "undelivered_seconds",
                    "retention_days", "attachment_bytes")  # fmt: skip
    list_select_related = ("tenant",)
    ordering = ("tenant",)

    def save_model(self, request: HttpRequest, obj: Policy, form: Any, change: bool) -> None:
        """Through the service."""
        services.save_policy(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: retention would stop without a word."""
        return False


@admin.register(Note)
class NoteAdmin(ById):
    """Internal notes."""

    list_display = ("written_at", "author", "body", "conversation_id", "tenant")
    list_filter = ("tenant",)
    list_select_related = ("tenant",)
    ordering = ("-id",)
    search_help_text = "An id of a note or of its conversation."
    id_fields = ("pk", "conversation_id")


@admin.register(Rating)
class RatingAdmin(ById):
    """What customers thought."""

    list_display = ("rated_at", "score", "comment", "agent_id", "conversation_id", "tenant")
    list_filter = ("tenant", "score")
    list_select_related = ("tenant",)
    ordering = ("-id",)
    search_help_text = "An id of a rating, its conversation, or its agent."
    id_fields = ("pk", "conversation_id", "agent_id")
