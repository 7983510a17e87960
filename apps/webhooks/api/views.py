"""Webhooks over HTTP: parse, one call, render."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.tenants.authentication import tenant_of
from apps.tenants.forms import StrictForm, read_form
from apps.tenants.pagination import page, page_asked
from apps.tenants.permissions import AdminWrites
from apps.tenants.views import POST, ApiView
from apps.webhooks import selectors, services
from apps.webhooks.api import serializers as wire


def _read(form: type[StrictForm], data: Any, *, partial: bool = False) -> dict[str, Any]:
    """The validated body, under the services' names. Raises `Malformed`."""
    found = read_form(form, data, partial=partial)
    if "events" in found:
        found["patterns"] = found.pop("events")
    return found


class EndpointsView(ApiView):
    """The tenant's webhooks."""

    permission_classes = (AdminWrites,)

    @extend_schema(responses=wire.EndpointOut(many=True), summary="Webhooks, newest first")
    def get(self, request: Request) -> Response:
        """All of them; there are at most 50."""
        rows = selectors.endpoints(tenant_of(request))
        return Response({"results": wire.EndpointOut(rows, many=True).data, "next": None})

    @extend_schema(
        request=wire.EndpointIn,
        responses={201: wire.EndpointSecretOut},
        summary="Have an address told of events from now on; the secret is shown once",
    )
    def post(self, request: Request) -> Response:
        """201 with the secret."""
        made = services.add_endpoint(tenant_of(request), **_read(wire.EndpointIn, request.data))
        return Response(wire.EndpointSecretOut(made).data, status=201)


class EndpointView(ApiView):
    """One webhook."""

    permission_classes = (AdminWrites,)

    @extend_schema(responses=wire.EndpointOut, summary="A webhook")
    def get(self, request: Request, uid: UUID) -> Response:
        """Without its secret."""
        return Response(wire.EndpointOut(selectors.endpoint_of(tenant_of(request), uid)).data)

    @extend_schema(
        request=wire.EndpointChange(partial=True),
        responses=wire.EndpointOut,
        summary="Change or pause a webhook",
    )
    def patch(self, request: Request, uid: UUID) -> Response:
        """What is given is changed."""
        change = _read(wire.EndpointChange, request.data, partial=True)
        changed = services.change_endpoint(tenant_of(request), uid, **change)
        return Response(wire.EndpointOut(changed).data)

    @extend_schema(responses={204: None}, summary="Forget a webhook and its deliveries")
    def delete(self, request: Request, uid: UUID) -> Response:
        """204."""
        services.remove_endpoint(tenant_of(request), uid)
        return Response(status=204)


class SecretView(ApiView):
    """A webhook's secret."""

    permission_classes = (AdminWrites,)
    bodiless = POST

    @extend_schema(
        request=None,
        responses={201: wire.EndpointSecretOut},
        summary="A new secret; the former one signs beside it until the next renewal",
    )
    def post(self, request: Request, uid: UUID) -> Response:
        """201 with the new secret."""
        renewed = services.renew_secret(tenant_of(request), uid)
        return Response(wire.EndpointSecretOut(renewed).data, status=201)


class DeliveriesView(ApiView):
    """What became of a webhook's deliveries."""

    query = wire.DeliveriesQuery

    @extend_schema(
        responses=wire.DeliveryOut(many=True),
        summary="Deliveries of a webhook, newest first",
    )
    def get(self, request: Request, uid: UUID) -> Response:
        """A page."""
        ask, filters = page_asked(self.asked)
        endpoint = selectors.endpoint_of(tenant_of(request), uid)
        rows = selectors.deliveries(
            tenant_of(request), endpoint.pk, after=ask.after, limit=ask.limit + 1, **filters
        )
        shown = page(
            rows, ask, cursor=lambda row: str(row.pk), render=lambda row: wire.DeliveryOut(row).data
        )
        return Response(shown)


class RedeliveryView(ApiView):
    """Send again what is over."""

    permission_classes = (AdminWrites,)
    bodiless = POST

    @extend_schema(
        request=None, responses={202: wire.DeliveryOut}, summary="Send a delivery once more"
    )
    def post(self, request: Request, uid: UUID, delivery: UUID) -> Response:
        """202: it is due now."""
        again = services.send_again(tenant_of(request), uid, delivery)
        return Response(wire.DeliveryOut(again).data, status=202)
