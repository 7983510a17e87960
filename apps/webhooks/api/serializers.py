"""What webhooks take and show over HTTP. Times ISO 8601, UTC."""

from typing import ClassVar, Final

from rest_framework import serializers

from apps.tenants.forms import PageQuery, StrictForm
from apps.webhooks.models import URL_MAX, Delivery, Endpoint
from apps.webhooks.services.endpoints import PATTERNS_MAX

WRITABLE: Final = (Endpoint.State.ACTIVE.value, Endpoint.State.PAUSED.value)


class EndpointIn(StrictForm):
    """A webhook to be made."""

    url = serializers.CharField(max_length=URL_MAX, help_text="https, and a public host.")
    events = serializers.ListField(
        child=serializers.CharField(max_length=100),
        min_length=1,
        max_length=PATTERNS_MAX,
        help_text="Names of events (settlement.settled), beginnings (conversation.*), or *.",
    )
    description = serializers.CharField(max_length=200, required=False, allow_blank=True)


class EndpointChange(EndpointIn):
    """What may be changed of one."""

    state = serializers.ChoiceField(choices=WRITABLE)


class EndpointOut(serializers.ModelSerializer[Endpoint]):
    """A webhook, without its secret."""

    events = serializers.ListField(child=serializers.CharField(), source="patterns")

    class Meta:
        model = Endpoint
        fields: ClassVar = [
            "id", "url", "events", "description", "state", "failures", "created_at",
            "last_delivered_at",
        ]  # fmt: skip


class EndpointSecretOut(EndpointOut):
    """A webhook with its secret, which is shown this once."""

    secret = serializers.CharField()

    class Meta(EndpointOut.Meta):
        fields: ClassVar = [*EndpointOut.Meta.fields, "secret"]


class DeliveryOut(serializers.ModelSerializer[Delivery]):
    """One event on its way to one webhook."""

    class Meta:
        model = Delivery
        fields: ClassVar = [
            "id", "event", "topic", "partition", "offset", "name", "state", "attempts", "next_at",
            "status", "error", "created_at", "ended_at",
        ]  # fmt: skip


class DeliveriesQuery(PageQuery):
    """Which deliveries."""

    state = serializers.ChoiceField(choices=Delivery.State.choices, required=False)
