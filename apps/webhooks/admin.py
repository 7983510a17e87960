"""The back office's window on webhooks: what is told to whom, and what did not get through."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.tenants.admin import ReadOnlyAdmin
from apps.webhooks import services
from apps.webhooks.exceptions import NotOver
from apps.webhooks.models import Delivery, Endpoint


@admin.register(Endpoint)
class EndpointAdmin(ReadOnlyAdmin):
    """Endpoints, made and changed over the API, which shows a secret once; one that fails shows by its count."""

    list_display = ("url", "tenant", "state", "failures", "patterns", "last_delivered_at")
    list_filter = ("tenant", "state")
    list_select_related = ("tenant",)
    exclude = ("secret", "former_secret")
    ordering = ("-id",)
    actions = ("pause", "go_on")

    @admin.action(description="Pause")
    def pause(self, request: HttpRequest, rows: QuerySet[Endpoint]) -> None:
        """Tell them nothing until they go on."""
        self._set(request, rows, Endpoint.State.PAUSED)

    @admin.action(description="Go on")
    def go_on(self, request: HttpRequest, rows: QuerySet[Endpoint]) -> None:
        """Tell them what has come meanwhile."""
        self._set(request, rows, Endpoint.State.ACTIVE)

    def _set(self, request: HttpRequest, rows: QuerySet[Endpoint], state: str) -> None:
        for one in rows.select_related("tenant"):
            services.change_endpoint(one.tenant, one.pk, state=state)
        self.message_user(request, f"{len(rows)} are {state} now.")


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """Deliveries, newest first."""

    list_display = ("name", "endpoint", "state", "attempts", "status", "error", "created_at")
    list_filter = ("state", "tenant")
    list_select_related = ("endpoint",)
    ordering = ("-id",)
    actions = ("again",)

    @admin.action(description="Send again")
    def again(self, request: HttpRequest, rows: QuerySet[Delivery]) -> None:
        """Those that are over; the others are being tried anyway."""
        sent = 0
        for one in rows.select_related("tenant"):
            try:
                services.send_again(one.tenant, one.endpoint_id, one.pk)
            except NotOver:
                continue
            sent += 1
        self.message_user(request, f"{sent} are due now.")
