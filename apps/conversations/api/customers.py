"""Customers over HTTP: who they are, all that is kept about them, and their erasure."""

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.conversations import selectors, services
from apps.conversations.api import serializers as wire
from apps.conversations.api.fields import TextField
from apps.tenants.authentication import caller_of, tenant_of
from apps.tenants.forms import PageQuery, Query
from apps.tenants.pagination import page, page_asked
from apps.tenants.permissions import AdminOnly
from apps.tenants.views import POST, ApiView

QUERY_MAX = 200


class CustomersQuery(Query):
    """Which customer."""

    external_id = TextField(help_text="Your own name for them.")


class SearchQuery(PageQuery):
    """What is looked for."""

    q = serializers.CharField(max_length=QUERY_MAX, help_text='Words; "a phrase", or, -not.')


class ErasureOut(serializers.Serializer[Any]):
    """The receipt of an erasure."""

    id = serializers.UUIDField()
    customer = serializers.UUIDField()
    by = serializers.CharField()
    counts = serializers.DictField(child=serializers.IntegerField())
    checks = serializers.ListField(child=serializers.DictField())
    clean = serializers.BooleanField(help_text="Nothing was found by a look afterwards.")
    began_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)


class CustomersView(ApiView):
    """Customers by their names outside."""

    query = CustomersQuery

    @extend_schema(
        responses=wire.CustomerOut,
        operation_id="customers_find",
        summary="The customer of a name outside",
    )
    def get(self, request: Request) -> Response:
        """404 where there is none."""
        found = selectors.find_customer(tenant_of(request).pk, self.asked["external_id"])
        return Response(wire.customer_out(found))


class CustomerView(ApiView):
    """One customer."""

    @extend_schema(responses=wire.CustomerOut, summary="One customer")
    def get(self, request: Request, customer: UUID) -> Response:
        """404 where this tenant has none of this id."""
        return Response(wire.customer_out(selectors.customer_of(tenant_of(request).pk, customer)))


class ExportView(ApiView):
    """All that is kept about a customer."""

    permission_classes = (AdminOnly,)

    @extend_schema(responses=OpenApiTypes.OBJECT, summary="All that is kept about a customer")
    def get(self, request: Request, customer: UUID) -> Response:
        """By kind."""
        found = selectors.everything_about(tenant_of(request).pk, customer)
        name = f'attachment; filename="customer-{customer}.json"'
        return Response(found, headers={"Content-Disposition": name})


class ErasureView(ApiView):
    """A customer's erasure."""

    permission_classes = (AdminOnly,)
    bodiless = POST

    @extend_schema(request=None, responses=ErasureOut, summary="Forget a customer")
    def post(self, request: Request, customer: UUID) -> Response:
        """The receipt; the same again gives the same one."""
        caller = caller_of(request)
        services.erase_customer(caller.tenant.pk, customer, by=caller.client)
        return self.get(request, customer)

    @extend_schema(responses=ErasureOut, summary="The receipt of a customer's erasure")
    def get(self, request: Request, customer: UUID) -> Response:
        """404 where they were not erased."""
        receipt = selectors.erasure_of(tenant_of(request).pk, customer)
        return Response(erasure_out(receipt))


class SearchView(ApiView):
    """Search over what was said."""

    query = SearchQuery

    @extend_schema(
        responses=wire.MessagePageOut,
        operation_id="conversations_search",
        summary="Messages by their words, the newest first",
    )
    def get(self, request: Request) -> Response:
        """A page."""
        ask, filters = page_asked(self.asked)
        found = selectors.find_messages(
            tenant_of(request).pk, filters["q"], before=ask.after, limit=ask.limit + 1
        )
        return Response(page(found, ask, cursor=lambda one: str(one.id), render=wire.message_out))


def erasure_out(receipt: selectors.ErasureView) -> dict[str, Any]:
    """The receipt of an erasure."""
    return {
        "id": receipt.id,
        "customer": receipt.customer_id,
        "by": receipt.by,
        "counts": receipt.counts,
        "checks": receipt.checks,
        "clean": receipt.is_clean,
        "began_at": receipt.began_at,
        "ended_at": receipt.ended_at,
    }
