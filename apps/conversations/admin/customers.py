"""Customers, what was imported of them, and the receipts of their erasure."""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from apps.conversations import selectors, services
from apps.conversations.admin.lookup import ById
from apps.conversations.models import Customer, Erasure, ImportedDialogue
from apps.tenants.admin import ask_first


@admin.register(Customer)
class CustomerAdmin(ById):
    """Customers; erased here, with a receipt."""

    list_display = ("external_id", "name", "language", "created_at", "erased_at", "tenant")
    list_filter = ("tenant",)
    list_select_related = ("tenant",)
    ordering = ("-id",)
    search_fields = ("external_id",)
    search_help_text = "An id, or the tenant's own name for them."
    text_fields = ("external_id",)
    actions = ("erase",)

    def has_erase_permission(self, request: HttpRequest) -> bool:
        """Whoever may delete customers."""
        return bool(request.user.has_perm("conversations.delete_customer"))

    @admin.action(
        description="Erase for ever: who they are, and all that was said", permissions=["erase"]
    )
    def erase(self, request: HttpRequest, queryset: QuerySet[Customer]) -> HttpResponse | None:
        """Erase them, once somebody has said so twice; each receipt says what a look afterwards found."""
        text = "Who they are and all that was said goes for ever, also from files and caches."
        if page := ask_first(self, request, queryset, title="Erase these customers", text=text):
            return page
        for row in queryset:
            services.erase_customer(row.tenant_id, row.pk, by=f"user:{request.user.pk}")
            receipt = selectors.erasure_of(row.tenant_id, row.pk)
            tell = messages.success if receipt.is_clean else messages.error
            state = "clean" if receipt.is_clean else "not clean"
            tell(request, f"{row.pk} is erased; receipt {receipt.id} is {state}.")
        return None


@admin.register(Erasure)
class ErasureAdmin(ById):
    """Receipts of erasures."""

    list_display = ("began_at", "customer_id", "by", "is_clean", "ended_at", "tenant")
    list_filter = ("tenant",)
    list_select_related = ("tenant",)
    ordering = ("-id",)
    search_help_text = "An id of a receipt or of a customer."
    id_fields = ("pk", "customer_id")

    @admin.display(boolean=True, description="Clean")
    def is_clean(self, row: Erasure) -> bool:
        """Whether it ended and nothing was found."""
        return row.ended_at is not None and all(one["ok"] for one in row.checks)


@admin.register(ImportedDialogue)
class ImportedDialogueAdmin(ById):
    """Dialogues of the past."""

    list_display = ("imported_at", "source", "external_id", "conversation_id", "tenant")
    list_filter = ("tenant",)
    list_select_related = ("tenant",)
    ordering = ("-id",)
    search_help_text = "An id of a conversation."
    id_fields = ("pk", "conversation_id")
