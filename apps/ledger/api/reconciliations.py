"""Reconciliations over HTTP: runs, breaks and the work on them, statements of others."""

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.exceptions import fault
from apps.core.problems import Malformed, StrictJsonParser
from apps.ledger import invariants, selectors, services
from apps.ledger.models import Break, ExternalStatement, ReconciliationRun
from apps.ledger.reconciliation import BreakKind, BreakState, Status
from apps.tenants.authentication import caller_of, tenant_of
from apps.tenants.forms import AmountField, DayCursor, NameField, PageQuery, StrictForm, read_form
from apps.tenants.pagination import page, page_asked
from apps.tenants.permissions import OperationsWrites
from apps.tenants.views import ApiView

FILE_MOST = 5_000_000  # bytes of a statement


class CheckOut(serializers.Serializer[Any]):
    """One check of a run."""

    name = serializers.CharField()
    status = serializers.ChoiceField([one.value for one in Status])
    checked = serializers.IntegerField()
    found = serializers.IntegerField()
    missing = serializers.CharField(allow_blank=True, help_text="Why it could not look.")


class RunOut(serializers.ModelSerializer[ReconciliationRun]):
    """A run: one look at one day."""

    checks = CheckOut(many=True)
    cut = serializers.DictField(help_text="Offsets at which both sides were compared.")

    class Meta:
        model = ReconciliationRun
        fields = (
            "id", "date", "status", "since", "until", "cut", "checks", "found", "started_by",
            "finished_at",
        )  # fmt: skip


class BreakOut(serializers.ModelSerializer[Break]):
    """Two records that differ."""

    expected = AmountField(allow_null=True)
    actual = AmountField(allow_null=True)
    run = serializers.UUIDField(source="run_id")
    last_run = serializers.UUIDField(source="last_run_id")
    age_seconds = serializers.SerializerMethodField()

    class Meta:
        model = Break
        fields = (
            "id", "kind", "subject", "account", "asset", "expected", "actual", "detail", "state",
            "assignee", "note", "run", "last_run", "opened_at", "changed_at", "age_seconds",
        )  # fmt: skip

    def get_age_seconds(self, row: Break) -> int:
        """Since it was found, or how long it took until it was closed."""
        end = row.changed_at if row.state == BreakState.CLOSED else timezone.now()
        return int((end - row.opened_at).total_seconds())


class RunDetailOut(RunOut):
    """A run with the breaks that it saw."""

    breaks = BreakOut(many=True)

    class Meta(RunOut.Meta):
        fields = (*RunOut.Meta.fields, "breaks")  # type: ignore[assignment] # longer than the parent's


class RunsQuery(PageQuery):
    """Which reconciliations."""

    after = DayCursor()


class BreaksQuery(PageQuery):
    """Which breaks."""

    state = serializers.ChoiceField([one.value for one in BreakState], required=False)
    kind = serializers.ChoiceField([one.value for one in BreakKind], required=False)
    account = NameField(
        required=False,
        help_text="Id or number of a client account; of statements: depot or nostro.",
    )
    asset = NameField(required=False, help_text="A currency, or an instrument's symbol.")


class RunIn(StrictForm):
    """Which day to look at."""

    date = serializers.DateField()


class BreakIn(StrictForm):
    """Where the work on a break goes."""

    state = serializers.ChoiceField([one.value for one in BreakState])
    note = serializers.CharField(required=False, default="", allow_blank=True, max_length=2_000)
    assignee = serializers.CharField(required=False, default="", allow_blank=True, max_length=200)


class BalanceIn(StrictForm):
    """What is held of an asset."""

    asset = serializers.CharField(max_length=200)
    amount = serializers.CharField(max_length=60)


class StatementIn(StrictForm):
    """What a depository or a bank says: balances as JSON, or a CSV file (`asset,amount`)."""

    date = serializers.DateField()
    kind = serializers.ChoiceField(ExternalStatement.Kind.choices)
    source = serializers.CharField(max_length=200)  # type: ignore[assignment] # DRF's own is no field
    balances = BalanceIn(many=True, required=False)
    file = serializers.FileField(required=False)


class StatementReceivedOut(serializers.ModelSerializer[ExternalStatement]):
    """A statement that is kept."""

    balances = serializers.DictField()

    class Meta:
        model = ExternalStatement
        fields = ("id", "date", "kind", "source", "balances", "received_at")


class RunListView(ApiView):
    """The tenant's reconciliations."""

    permission_classes = (OperationsWrites,)
    query = RunsQuery

    @extend_schema(
        responses=RunOut(many=True),
        operation_id="v1_reconciliations_list",
        summary="Reconciliations, the newest day first",
    )
    def get(self, request: Request) -> Response:
        """A page of runs."""
        ask, _ = page_asked(self.asked)
        rows = selectors.runs(tenant_of(request).pk, before=ask.after, limit=ask.limit + 1)
        shown = page(
            rows, ask, cursor=lambda row: row.date.isoformat(), render=lambda row: RunOut(row).data
        )
        return Response(shown)

    @extend_schema(request=RunIn, responses={201: RunDetailOut}, summary="Reconcile a day now")
    def post(self, request: Request) -> Response:
        """201 with the run."""
        given, caller = read_form(RunIn, request.data), caller_of(request)
        run = services.reconcile(caller.tenant.pk, given["date"], invariants.look, by=caller.client)
        return Response(_detail(run), status=201)


class RunView(ApiView):
    """One reconciliation."""

    @extend_schema(responses=RunDetailOut, summary="A reconciliation with the breaks that it saw")
    def get(self, request: Request, run_id: UUID) -> Response:
        """The run."""
        return Response(_detail(selectors.run_of(tenant_of(request).pk, run_id)))


class BreakListView(ApiView):
    """The tenant's breaks."""

    query = BreaksQuery

    @extend_schema(
        responses=BreakOut(many=True), operation_id="v1_breaks_list", summary="Breaks, oldest first"
    )
    def get(self, request: Request) -> Response:
        """A page of breaks; 404 where this tenant has no such account or asset."""
        ask, filters = page_asked(self.asked)
        rows = selectors.breaks(
            tenant_of(request).pk, after=ask.after, limit=ask.limit + 1, **filters
        )
        shown = page(
            rows, ask, cursor=lambda row: str(row.pk), render=lambda row: BreakOut(row).data
        )
        return Response(shown)


class BreakView(ApiView):
    """One break, and the work on it."""

    permission_classes = (OperationsWrites,)

    @extend_schema(responses=BreakOut, summary="A break")
    def get(self, request: Request, break_id: UUID) -> Response:
        """The break."""
        return Response(BreakOut(selectors.break_of(tenant_of(request).pk, break_id)).data)

    @extend_schema(request=BreakIn, responses=BreakOut, summary="Move a break on in its work")
    def patch(self, request: Request, break_id: UUID) -> Response:
        """The break as it is now."""
        given, caller = read_form(BreakIn, request.data), caller_of(request)
        row = services.change_break(caller.tenant.pk, break_id, by=caller.client, **given)
        return Response(BreakOut(row).data)


class StatementReceivedView(ApiView):
    """Statements of depositories and banks."""

    permission_classes = (OperationsWrites,)
    parser_classes = (StrictJsonParser, MultiPartParser)

    @extend_schema(
        request=StatementIn,
        responses={201: StatementReceivedOut, 200: StatementReceivedOut},
        summary="Keep what a depository or a bank held for us at the end of a day",
    )
    def post(self, request: Request) -> Response:
        """201 with the statement; 200 where it was received before."""
        given, caller = read_form(StatementIn, request.data), caller_of(request)
        row, is_new = services.receive_statement(
            caller.tenant.pk,
            day=given["date"],
            kind=given["kind"],
            source=given["source"],
            balances=_balances(given),
            by=caller.client,
        )
        return Response(StatementReceivedOut(row).data, status=201 if is_new else 200)


def _balances(given: dict[str, Any]) -> Any:
    file, lines = given.get("file"), given.get("balances")
    if (file is None) == (lines is None):
        detail = "Send either balances or a file."
        raise Malformed(errors=[fault("balances", "required", detail)])
    if file is None:
        assert lines is not None
        return services.balances_of((one["asset"], one["amount"]) for one in lines)
    text = file.read(FILE_MOST + 1)
    try:
        content = text.decode("utf-8-sig")
    except ValueError:
        content = None
    if content is None or len(text) > FILE_MOST:
        detail = f"A CSV file in UTF-8 of at most {FILE_MOST:,} bytes."
        raise Malformed(errors=[fault("file", "invalid", detail)])
    return services.read_statement(content)


def _detail(run: ReconciliationRun) -> Any:
    return {
        **RunOut(run).data,
        "breaks": [BreakOut(row).data for row in selectors.breaks_of(run)],
    }
