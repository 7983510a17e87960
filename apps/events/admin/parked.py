"""Parked keys: why a handler could not get past, and the button that lets the key go on."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.decorators import action
from unfold.enums import ActionVariant

from apps.core.exceptions import DomainError
from apps.events import services
from apps.events.admin.filters import HandlerFilter, TenantFilter, TopicFilter, tenant_names
from apps.events.admin.texts import events_link, moment, preformatted
from apps.events.models import ParkedEvent, ParkedKey
from apps.tenants.admin import ReadOnlyAdmin, after_dialog

RESUME = {
    "title": "Replay this key now?",
    "description": (
        "Its events are replayed in order. If one fails again, those before it have taken effect"
        " and the key stays parked at that one."
    ),
    "form_class": None,
    "form_submit_text": "Replay",
}


@admin.register(ParkedKey)
class ParkedKeyAdmin(ReadOnlyAdmin):
    """Keys that wait for a person."""

    list_display = ("key", "handler", "place", "error", "attempts", "tenant", "since")
    list_filter = (TenantFilter, HandlerFilter, TopicFilter)
    ordering = ("-id",)
    sortable_by = ()
    search_fields = ("=key",)
    search_help_text = "A key, as a whole."
    fields = (
        ("handler", "history"),
        ("place", "tenant", "policy"),
        ("since", "attempts", "held"),
        "error",
        "trace_",
    )
    readonly_fields = ("history", "place", "tenant", "held", "since", "trace_")
    actions = ("resume_selected",)
    actions_detail = ("resume",)

    def has_resume_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether this person may let keys go on."""
        return request.user.has_perm("events.change_parkedkey")

    @action(  # type: ignore[untyped-decorator] # unfold ships no types
        description="Resume",
        permissions=["resume"],
        url_path="resume",
        icon="play_arrow",
        variant=ActionVariant.PRIMARY,
        dialog=RESUME,
    )
    def resume(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        """Replay the key; asked for by POST, after the dialog."""
        parked = ParkedKey.objects.filter(pk=object_id).first()
        if parked is None:
            messages.info(request, "This key is not parked any more.")
        else:
            self._resume(request, parked)
        return after_dialog(request, reverse("admin:events_parkedkey_changelist"))

    @admin.action(description="Resume the selected keys", permissions=["resume"])
    def resume_selected(self, request: HttpRequest, queryset: QuerySet[ParkedKey]) -> None:
        """Replay each, the oldest first."""
        for parked in queryset.order_by("id"):
            self._resume(request, parked)

    def _resume(self, request: HttpRequest, parked: ParkedKey) -> None:
        try:
            count = services.resume(parked.handler, parked.topic, parked.partition, parked.key)
        except DomainError as error:
            facts = error.facts
            told = facts.get("error", error)
            messages.error(
                request,
                f"{parked.key} stays parked: {facts.get('replayed', 0)} replayed, then: {told}",
            )
            self.log_change(request, parked, f"Resumed in vain: {told}")
            return
        messages.success(request, f"{parked.key} goes on: {count} events were replayed.")
        self.log_change(request, parked, f"Resumed: {count} events were replayed.")

    @admin.display(description="place")
    def place(self, parked: ParkedKey) -> str:
        """Where it failed first, leading to that event."""
        return events_link(f"{parked.topic}/{parked.partition}/{parked.first_offset}")

    @admin.display(description="key")
    def history(self, parked: ParkedKey) -> str:
        """The key, leading to everything that happened to it."""
        return events_link(parked.key)

    @admin.display(description="parked (UTC)")
    def since(self, parked: ParkedKey) -> str:
        """When it was set aside."""
        return moment(parked.parked_at)

    @admin.display(description="tenant")
    def tenant(self, parked: ParkedKey) -> str:
        """Its slug."""
        return tenant_names().get(parked.tenant_id, str(parked.tenant_id))

    @admin.display(description="events held")
    def held(self, parked: ParkedKey) -> int:
        """How many wait behind it, the failing one included."""
        return ParkedEvent.objects.filter(
            handler=parked.handler,
            topic=parked.topic,
            partition=parked.partition,
            key=parked.key,
        ).count()

    @admin.display(description="trace")
    def trace_(self, parked: ParkedKey) -> str:
        """Where in the code it failed."""
        return preformatted(parked.trace)
