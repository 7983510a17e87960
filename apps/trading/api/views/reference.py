"""Accounts, counterparties, instruments and prices over HTTP."""

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.exceptions import fault
from apps.core.problems import Malformed
from apps.tenants.authentication import tenant_of
from apps.tenants.forms import read_form
from apps.tenants.pagination import page, page_asked
from apps.tenants.permissions import OperationsWrites, TraderWrites
from apps.tenants.views import ApiView
from apps.trading import selectors, services
from apps.trading.api import documented as doc
from apps.trading.api import serializers as wire


class AccountListView(ApiView):
    """The tenant's accounts."""

    permission_classes = (OperationsWrites,)
    query = wire.AccountsQuery

    @extend_schema(
        responses={200: doc.page_of(wire.AccountOut, "Account"), **doc.problems(400)},
        operation_id="v1_accounts_list",
        summary="Accounts by number",
    )
    def get(self, request: Request) -> Response:
        """A page of accounts."""
        ask, filters = page_asked(self.asked)
        rows = selectors.accounts(
            tenant_of(request).pk,
            after=ask.after,
            limit=ask.limit + 1,
            **filters,
        )
        shown = page(
            rows, ask, cursor=lambda row: row.number, render=lambda row: wire.AccountOut(row).data
        )
        return Response(shown)

    @extend_schema(
        request=wire.AccountIn,
        responses={201: wire.AccountOut, 200: wire.AccountOut, **doc.problems(400, 409, 422)},
        summary="Open an account; the same again finds it",
        examples=[doc.ACCOUNT_EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        """201 with the new account, 200 with the one that is there."""
        terms = services.AccountTerms(**read_form(wire.AccountIn, request.data))
        row, opened = services.open_account(tenant_of(request).pk, terms)
        return Response(wire.AccountOut(row).data, status=201 if opened else 200)


class AccountView(ApiView):
    """One account."""

    permission_classes = (OperationsWrites,)

    @extend_schema(
        responses={200: wire.AccountOut, **doc.problems(404)}, summary="An account by id or number"
    )
    def get(self, request: Request, name: str) -> Response:
        """The account."""
        row = selectors.find_account(tenant_of(request).pk, name)
        return Response(wire.AccountOut(row).data)

    @extend_schema(
        request=wire.AccountPatch(partial=True),
        responses={200: wire.AccountOut, **doc.problems(400, 404, 422)},
        summary="Change name, status or limits of an account",
    )
    def patch(self, request: Request, name: str) -> Response:
        """The account as it is now."""
        changes = read_form(wire.AccountPatch, request.data, partial=True)
        row = services.change_account(tenant_of(request).pk, name, changes)
        return Response(wire.AccountOut(row).data)


class CounterpartyListView(ApiView):
    """The tenant's counterparties."""

    permission_classes = (OperationsWrites,)
    query = wire.CounterpartiesQuery

    @extend_schema(
        responses={200: doc.page_of(wire.CounterpartyOut, "Counterparty"), **doc.problems(400)},
        operation_id="v1_counterparties_list",
        summary="Counterparties by code",
    )
    def get(self, request: Request) -> Response:
        """A page of counterparties."""
        ask, filters = page_asked(self.asked)
        rows = selectors.counterparties(
            tenant_of(request).pk,
            after=ask.after,
            limit=ask.limit + 1,
            **filters,
        )
        shown = page(
            rows,
            ask,
            cursor=lambda row: row.code,
            render=lambda row: wire.CounterpartyOut(row).data,
        )
        return Response(shown)

    @extend_schema(
        request=wire.CounterpartyIn,
        responses={
            201: wire.CounterpartyOut,
            200: wire.CounterpartyOut,
            **doc.problems(400, 409, 422),
        },
        summary="Register a counterparty; the same again finds it",
    )
    def post(self, request: Request) -> Response:
        """201 with the new counterparty, 200 with the one that is there."""
        given = read_form(wire.CounterpartyIn, request.data)
        row, made = services.register_counterparty(tenant_of(request).pk, **given)
        return Response(wire.CounterpartyOut(row).data, status=201 if made else 200)


class CounterpartyView(ApiView):
    """One counterparty."""

    permission_classes = (OperationsWrites,)

    @extend_schema(
        responses={200: wire.CounterpartyOut, **doc.problems(404)},
        summary="A counterparty by id or code",
    )
    def get(self, request: Request, name: str) -> Response:
        """The counterparty."""
        row = selectors.find_counterparty(tenant_of(request).pk, name)
        return Response(wire.CounterpartyOut(row).data)

    @extend_schema(
        request=wire.CounterpartyPatch(partial=True),
        responses={200: wire.CounterpartyOut, **doc.problems(400, 404, 422)},
        summary="Change name or status of a counterparty",
    )
    def patch(self, request: Request, name: str) -> Response:
        """The counterparty as it is now."""
        changes = read_form(wire.CounterpartyPatch, request.data, partial=True)
        row = services.change_counterparty(tenant_of(request).pk, name, changes)
        return Response(wire.CounterpartyOut(row).data)


class InstrumentListView(ApiView):
    """The tenant's instruments."""

    permission_classes = (OperationsWrites,)
    query = wire.InstrumentsQuery

    @extend_schema(
        responses={200: doc.page_of(wire.InstrumentOut, "Instrument"), **doc.problems(400)},
        operation_id="v1_instruments_list",
        summary="Instruments by symbol",
    )
    def get(self, request: Request) -> Response:
        """A page of instruments."""
        ask, filters = page_asked(self.asked)
        rows = selectors.instruments(
            tenant_of(request).pk,
            after=ask.after,
            limit=ask.limit + 1,
            **filters,
        )
        shown = page(
            rows,
            ask,
            cursor=lambda row: row.symbol,
            render=lambda row: wire.InstrumentOut(row).data,
        )
        return Response(shown)

    @extend_schema(
        request=wire.InstrumentIn,
        responses={201: wire.InstrumentOut, 200: wire.InstrumentOut, **doc.problems(400, 409, 422)},
        summary="List an instrument; the same again finds it",
        examples=[doc.INSTRUMENT_EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        """201 with the new instrument, 200 with the one that is there."""
        given = read_form(wire.InstrumentIn, request.data)
        terms = services.InstrumentTerms(**{"name": given["symbol"], **given})
        row, listed = services.list_instrument(tenant_of(request).pk, terms)
        return Response(wire.InstrumentOut(row).data, status=201 if listed else 200)


class InstrumentView(ApiView):
    """One instrument."""

    permission_classes = (OperationsWrites,)

    @extend_schema(
        responses={200: wire.InstrumentOut, **doc.problems(404)},
        summary="An instrument by id or symbol",
    )
    def get(self, request: Request, name: str) -> Response:
        """The instrument."""
        row = selectors.find_instrument(tenant_of(request).pk, name)
        return Response(wire.InstrumentOut(row).data)

    @extend_schema(
        request=wire.InstrumentPatch(partial=True),
        responses={200: wire.InstrumentOut, **doc.problems(400, 404, 422)},
        summary="Change what may change of an instrument",
    )
    def patch(self, request: Request, name: str) -> Response:
        """The instrument as it is now."""
        changes = read_form(wire.InstrumentPatch, request.data, partial=True)
        row = services.change_instrument(tenant_of(request).pk, name, changes)
        return Response(wire.InstrumentOut(row).data)


class PriceListView(ApiView):
    """Last prices."""

    permission_classes = (TraderWrites,)

    @extend_schema(
        request=wire.PricesIn,
        responses={200: wire.PricesOut, **doc.problems(400, 422)},
        summary="Record last prices, all or none",
        examples=[doc.PRICES_EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        """How many were received, and how many were news."""
        given = read_form(wire.PricesIn, request.data)["prices"]
        if len(given) > (most := settings.BULK_TRADES_MAX):
            detail = f"At most {most} prices in one call."
            raise Malformed(errors=[fault("prices", "too_many", detail)])
        prices = [services.PriceUpdate(**one) for one in given]
        recorded = services.record_prices(tenant_of(request).pk, prices, now=timezone.now())
        return Response({"received": len(prices), "recorded": recorded})
