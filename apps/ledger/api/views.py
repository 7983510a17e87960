"""The ledger over HTTP: parse, one call, render."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.problems import JsonRenderer
from apps.core.sheets import CsvRenderer
from apps.ledger import selectors, services
from apps.ledger.api import serializers as wire
from apps.ledger.api.pdf import pdf_of
from apps.ledger.api.statements import PdfRenderer, csv_of
from apps.ledger.selectors import Moment
from apps.tenants.authentication import tenant_of
from apps.tenants.forms import read_form
from apps.tenants.permissions import OperationsWrites
from apps.tenants.views import ApiView

# The widest period. Its end is not "now": an entry that another machine, whose clock is ahead, has
# just booked would be missing from the statement, though not from the balance.
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
END = datetime(9999, 12, 31, tzinfo=UTC)


class BalancesView(ApiView):
    """A client's balances."""

    query = wire.BalancesQuery

    @extend_schema(
        responses=wire.BalancesOut,
        summary="Balances of a client account, now or as of a time",
    )
    def get(self, request: Request) -> Response:
        """By account code and asset."""
        asked, tenant = self.asked, tenant_of(request).pk
        owner = selectors.owner_of(tenant, asked["owner"])
        as_of, known_at = asked.get("as_of"), asked.get("known_at")
        if as_of is None and known_at is None:
            found = selectors.balances(tenant, owner.id)
        else:
            found = selectors.balances_at(tenant, owner.id, effective=as_of, known=known_at)
        return Response(
            {
                "owner": owner.id,
                "owner_number": owner.number,
                "as_of": as_of,
                "known_at": known_at,
                "results": [wire.balance_out(one) for one in found],
            }
        )


class EntriesView(ApiView):
    """The journal."""

    query = wire.EntriesQuery

    @extend_schema(
        responses=wire.EntryPageOut,
        operation_id="ledger_entries_list",
        summary="Journal entries of a trade, of a client account, or all; oldest first",
    )
    def get(self, request: Request) -> Response:
        """A page."""
        asked, tenant = self.asked, tenant_of(request).pk
        name = asked.pop("owner", None)
        owner = selectors.owner_of(tenant, name).id if name else None
        page = selectors.entries(tenant, owner=owner, **asked)
        results = [wire.entry_out(entry) for entry in page.entries]
        return Response({"results": results, "next": page.next})


class EntryView(ApiView):
    """One entry of the journal."""

    @extend_schema(responses=wire.EntryOut, summary="One journal entry with its legs")
    def get(self, request: Request, entry_id: UUID) -> Response:
        """404 where this tenant has none of this id."""
        return Response(wire.entry_out(selectors.entry(tenant_of(request).pk, entry_id)))


class TrialBalanceView(ApiView):
    """The trial balance."""

    @extend_schema(responses=wire.TrialBalanceOut, summary="Debit and credit balances per asset")
    def get(self, request: Request) -> Response:
        """One row per asset."""
        return Response(wire.trial_out(selectors.trial_balance(tenant_of(request).pk)))


class StatementView(ApiView):
    """A client's statement."""

    query = wire.StatementQuery
    renderer_classes = (JsonRenderer, CsvRenderer, PdfRenderer)

    @extend_schema(
        responses={
            (200, "application/json"): wire.StatementOut,
            (200, "text/csv"): OpenApiTypes.STR,
            (200, "application/pdf"): OpenApiTypes.BINARY,
        },
        summary="Postings of a period with running balances; format=csv or pdf for all of it in a file",
    )
    def get(self, request: Request) -> HttpResponseBase:
        """A page as JSON, or the whole period as CSV or PDF."""
        asked, tenant = self.asked, tenant_of(request).pk
        owner = selectors.owner_of(tenant, asked["owner"])
        since, until = asked.get("from", BEGINNING), asked.get("to", END)
        if request.accepted_renderer.format == CsvRenderer.format:
            # Before the answer begins: a file that has begun cannot become a problem any more.
            selectors.refuse_archived(tenant, owner.id, since, until - timedelta(microseconds=1))
            rows = csv_of(tenant, owner.id, since=since, until=until)
            name = f"statement-{owner.id}.csv"
            headers = {"Content-Disposition": f'attachment; filename="{name}"'}
            return StreamingHttpResponse(rows, content_type="text/csv", headers=headers)
        if request.accepted_renderer.format == PdfRenderer.format:
            named = tenant_of(request).name
            return _file(pdf_of(tenant, owner, since=since, until=until, named=named), owner)
        after = asked.get("after") or Moment.just_before(since)
        page = selectors.statement(tenant, owner.id, after=after, until=until, limit=asked["limit"])
        return Response(wire.statement_out(owner, page))


def _file(content: bytes, owner: selectors.Owner) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="statement-{owner.id}.pdf"'}
    return HttpResponse(content, content_type="application/pdf", headers=headers)


class TransfersView(ApiView):
    """Cash in and out."""

    permission_classes = (OperationsWrites,)

    @extend_schema(
        request=wire.TransferIn,
        responses={201: wire.TransferOut},
        summary="Book cash that came in (amount above zero) or goes out (below zero)",
    )
    def post(self, request: Request) -> Response:
        """201 with the entry; the same reference again gives the same entry again."""
        tenant = tenant_of(request).pk
        transfer = services.transfer_cash(tenant, **read_form(wire.TransferIn, request.data))
        headers = {"Idempotency-Replayed": "true"} if transfer.is_replay else {}
        return Response(wire.transfer_out(transfer), status=201, headers=headers)
