"""Trades over HTTP."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.exceptions import Fault
from apps.core.money import plain
from apps.core.problems import problem_of, problem_response
from apps.tenants.authentication import caller_of, tenant_of
from apps.tenants.forms import key_of, read_form
from apps.tenants.pagination import page, page_asked
from apps.tenants.permissions import TraderWrites
from apps.tenants.views import ApiView
from apps.trading import selectors, services
from apps.trading.api import bodies
from apps.trading.api import documented as doc
from apps.trading.api import serializers as wire
from apps.trading.exceptions import TradeMalformed
from apps.trading.services import Outcome


class TradeListView(ApiView):
    """The tenant's trades."""

    permission_classes = (TraderWrites,)
    query = wire.TradesQuery

    @extend_schema(
        responses={200: doc.page_of(wire.TradeOut, "Trade"), **doc.problems(400, 404)},
        operation_id="v1_trades_list",
        summary="Trades, the newest first",
    )
    def get(self, request: Request) -> Response:
        """A page of trades."""
        ask, filters = page_asked(self.asked)
        rows = selectors.trades(
            tenant_of(request).pk, after=ask.after, limit=ask.limit + 1, **filters
        )
        return Response(page(rows, ask, cursor=lambda row: str(row.id), render=wire.trade_out))

    @extend_schema(
        parameters=[doc.KEY, doc.REPLAYED],
        request={"application/json": doc.TRADE_IN},
        responses={201: wire.TradeOut, 200: wire.TradeOut, **doc.problems(400, 409, 422)},
        summary="Book a trade",
        examples=[doc.TRADE_EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        """201 with the trade; a refusal with every reason."""
        caller = caller_of(request)
        trade = bodies.read_trade(request.data, key_of(request))
        (outcome,) = services.execute_trades(
            [trade],
            tenant=caller.tenant.pk,
            client=caller.client,
            now=timezone.now(),
            wait=False,
        )
        return _answer(outcome)


class BulkView(ApiView):
    """Many trades in one call."""

    permission_classes = (TraderWrites,)

    @extend_schema(
        request={"application/json": doc.BULK_IN},
        responses={200: wire.BulkOut, **doc.problems(400)},
        summary="Book up to 1,000 trades; each has its own outcome",
        examples=[doc.BULK_EXAMPLE],
    )
    def post(self, request: Request) -> Response:
        """An outcome for each trade, in order."""
        caller = caller_of(request)
        items = [bodies.read_bulk_item(item) for item in bodies.read_bulk(request.data)]
        outcomes = iter(
            services.execute_trades(
                [found for found, _ in items if found is not None],
                tenant=caller.tenant.pk,
                client=caller.client,
                now=timezone.now(),
            )
        )
        results = [
            _result(next(outcomes)) if found is not None else _malformed(faults)
            for found, faults in items
        ]
        return Response({"results": results})


class TradeView(ApiView):
    """One trade."""

    @extend_schema(responses={200: wire.TradeOut, **doc.problems(404)}, summary="A trade by its id")
    def get(self, request: Request, name: str) -> Response:
        """The trade."""
        return Response(wire.trade_out(selectors.find_trade(tenant_of(request).pk, name)))


class CancellationView(ApiView):
    """The cancellation of a trade."""

    permission_classes = (TraderWrites,)

    @extend_schema(
        parameters=[doc.KEY, doc.REPLAYED],
        request=wire.CancellationIn,
        responses={201: wire.TradeOut, 200: wire.TradeOut, **doc.problems(400, 404, 409, 422)},
        summary="Cancel a trade: it counts as never dealt",
    )
    def post(self, request: Request, name: str) -> Response:
        """201 with the cancelled trade; 200 where it was cancelled before."""
        given = read_form(wire.CancellationIn, request.data)
        caller = caller_of(request)
        asked = services.Revision(trade=name, key=key_of(request), **given)
        outcome = services.cancel_trade(caller.tenant.pk, caller.client, asked, now=timezone.now())
        return _answer(outcome)


class AmendmentView(ApiView):
    """An amendment of a trade."""

    permission_classes = (TraderWrites,)

    @extend_schema(
        parameters=[doc.KEY, doc.REPLAYED],
        request=wire.AmendmentIn,
        responses={201: wire.TradeOut, **doc.problems(400, 404, 409, 422)},
        summary="Amend a trade: it counts as dealt with these terms",
    )
    def post(self, request: Request, name: str) -> Response:
        """201 with the trade in its new version; a refusal with every reason."""
        given = read_form(wire.AmendmentIn, request.data)
        caller = caller_of(request)
        asked = services.Revision(trade=name, key=key_of(request), **_with_fees(given))
        outcome = services.amend_trade(caller.tenant.pk, caller.client, asked, now=timezone.now())
        return _answer(outcome)


def _with_fees(given: dict[str, Any]) -> dict[str, Any]:
    if "fees" not in given:
        return given
    fees = (services.FeeRequest(**{**fee, "amount": plain(fee["amount"])}) for fee in given["fees"])
    return {**given, "fees": tuple(fees)}


def _answer(outcome: Outcome) -> Response:
    headers = {"Idempotency-Replayed": "true"} if outcome.replayed else {}
    if outcome.trade is None:
        assert outcome.error is not None
        return problem_response(problem_of(outcome.error), headers)
    return Response(wire.trade_out(outcome.trade), status=outcome.status, headers=headers)


def _result(outcome: Outcome) -> dict[str, Any]:
    if outcome.trade is not None:
        status = 200 if outcome.replayed else outcome.status
        return {"status": status, "trade": wire.trade_out(outcome.trade)}
    assert outcome.error is not None
    return {"status": outcome.error.status, "problem": problem_of(outcome.error)}


def _malformed(faults: list[Fault]) -> dict[str, Any]:
    return {"status": TradeMalformed.status, "problem": problem_of(TradeMalformed(errors=faults))}
