"""Corporate actions over HTTP."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.tenants.authentication import caller_of, tenant_of
from apps.tenants.forms import AmountField, NameField, PageQuery, StrictForm, read_form
from apps.tenants.pagination import page, page_asked
from apps.tenants.permissions import OperationsWrites
from apps.tenants.views import ApiView
from apps.trading import selectors, services
from apps.trading.api import documented as doc
from apps.trading.api import serializers as wire
from apps.trading.models import ActionKind, ActionState, PriceState


class CorporateActionIn(StrictForm):
    """A corporate action to be announced."""

    reference = wire.TextField(help_text="The announcer's own; used once.")
    instrument = wire.TextField(max_length=64, help_text="Symbol or id.")
    kind = wire.TextField(help_text="split or dividend; others are refused")
    ex_date = serializers.DateField(help_text="Traded without it from this day on.")
    new_units = AmountField(required=False, help_text="Of a split: this many …")
    old_units = AmountField(required=False, help_text="… for so many.")
    cash_in_lieu_price = AmountField(
        required=False,
        help_text="Of a split: paid for a fraction of a new unit, per unit. Needed where any is left;"
        " stated with this, it waits for a second person.",
    )
    amount = AmountField(required=False, help_text="Of a dividend, per unit.")
    currency = wire.TextField(
        required=False, max_length=12, help_text="Of a dividend; the instrument's, unless said."
    )
    pay_date = serializers.DateField(
        required=False, help_text="Of a dividend; of cash in lieu: the ex-date, unless said."
    )


class CashInLieuIn(StrictForm):
    """At which price the fractions of a split are paid, and when."""

    price = AmountField(help_text="Of a new unit.")
    pay_date = serializers.DateField(required=False, help_text="The ex-date, unless said.")


class CashInLieuDecisionIn(StrictForm):
    """What the second person has looked at."""

    price = AmountField(help_text="As it is stated; another one is refused.")
    pay_date = serializers.DateField(required=False, help_text="As it is stated, if it is said.")


class CashInLieuOut(serializers.Serializer[Any]):
    """A price of fractions that somebody has stated, and what became of it."""

    price = AmountField(help_text="Of a new unit.")
    pay_date = serializers.DateField()
    state = serializers.ChoiceField(PriceState.choices)
    proposed_by = serializers.CharField()
    proposed_at = serializers.DateTimeField()
    decided_by = serializers.CharField(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField(help_text="Why it was taken back.")


class ActionsQuery(PageQuery):
    """Which corporate actions."""

    state = serializers.ChoiceField(ActionState.choices, required=False)
    kind = serializers.ChoiceField(ActionKind.choices, required=False)
    instrument = NameField(required=False, help_text="Id or symbol.")


class CorporateActionOut(serializers.Serializer[Any]):
    """A corporate action, and where it stands."""

    id = serializers.UUIDField()
    reference = serializers.CharField()
    instrument = serializers.CharField(source="instrument.symbol")
    kind = serializers.CharField(help_text=" or ".join(ActionKind.values))
    state = serializers.CharField(help_text=", ".join(ActionState.values))
    ex_date = serializers.DateField()
    effective_at = serializers.DateTimeField(help_text="When that day begins at the market.")
    new_units = AmountField(allow_null=True)
    old_units = AmountField(allow_null=True)
    cash_in_lieu_price = AmountField(
        allow_null=True,
        help_text="At which fractions are paid; null until a second person confirms.",
    )
    cash_in_lieu = CashInLieuOut(
        source="stated_price", allow_null=True, help_text="What was stated last, confirmed or not."
    )
    lot_size = AmountField(allow_null=True, help_text="Units came in multiples of it.")
    amount = AmountField(allow_null=True)
    currency = serializers.CharField(allow_blank=True)
    pay_date = serializers.DateField(allow_null=True)
    problem = serializers.CharField(help_text="Why it could not be applied.")
    accounts = serializers.IntegerField(help_text="That were told.")
    announced_by = serializers.CharField()
    announced_at = serializers.DateTimeField()
    applied_at = serializers.DateTimeField(allow_null=True)
    paid_at = serializers.DateTimeField(allow_null=True)


class ActionListView(ApiView):
    """The tenant's corporate actions."""

    permission_classes = (OperationsWrites,)
    query = ActionsQuery

    @extend_schema(
        responses={200: doc.page_of(CorporateActionOut, "CorporateAction"), **doc.problems(400)},
        operation_id="v1_corporate_actions_list",
        summary="Corporate actions, the oldest announcement first",
    )
    def get(self, request: Request) -> Response:
        """A page of corporate actions."""
        ask, filters = page_asked(self.asked)
        if symbol := filters.pop("instrument", None):
            found = selectors.find_instrument(tenant_of(request).pk, symbol)
            filters["instrument_id"] = found.pk
        rows = selectors.actions(
            tenant_of(request).pk, after=ask.after, limit=ask.limit + 1, **filters
        )
        return Response(page(rows, ask, cursor=lambda row: str(row.pk), render=_out))

    @extend_schema(
        request=CorporateActionIn,
        responses={
            201: CorporateActionOut,
            200: CorporateActionOut,
            **doc.problems(400, 404, 409, 422),
        },
        summary="Announce a split or a cash dividend; it is applied at its ex-date, once",
    )
    def post(self, request: Request) -> Response:
        """201 with the action; 200 where it was announced before."""
        caller = caller_of(request)
        terms = services.ActionTerms(**read_form(CorporateActionIn, request.data))
        row, is_new = services.announce_action(caller.tenant.pk, terms, by=caller.client)
        return Response(_out(row), status=201 if is_new else 200)


class ActionView(ApiView):
    """One corporate action."""

    @extend_schema(
        responses={200: CorporateActionOut, **doc.problems(404)},
        summary="A corporate action by its id",
    )
    def get(self, request: Request, action_id: UUID) -> Response:
        """The action."""
        return Response(_out(selectors.action_of(tenant_of(request).pk, action_id)))


class ActionWithdrawalView(ApiView):
    """The withdrawal of an announcement."""

    permission_classes = (OperationsWrites,)

    @extend_schema(
        request=wire.CancellationIn,
        responses={200: CorporateActionOut, **doc.problems(400, 404, 409)},
        summary="Take an announcement back, as long as it is not applied",
    )
    def post(self, request: Request, action_id: UUID) -> Response:
        """The action as it is now."""
        caller, given = caller_of(request), read_form(wire.CancellationIn, request.data)
        row = services.withdraw_action(
            caller.tenant.pk, action_id, by=caller.client, reason=given["reason"]
        )
        return Response(_out(row))


class ActionCashInLieuView(ApiView):
    """The price at which the fractions of a split are paid, as one person states it."""

    permission_classes = (OperationsWrites,)

    @extend_schema(
        request=CashInLieuIn,
        responses={200: CorporateActionOut, **doc.problems(400, 404, 409, 422)},
        summary="State the price of a split's fractions, in place of what nobody has confirmed",
    )
    def post(self, request: Request, action_id: UUID) -> Response:
        """The action as it is now."""
        caller, given = caller_of(request), read_form(CashInLieuIn, request.data)
        row = services.price_fractions(caller.tenant.pk, action_id, by=caller.client, **given)
        return Response(_out(row))


class ActionCashInLieuConfirmationView(ApiView):
    """A second person's word about the price of fractions."""

    permission_classes = (OperationsWrites,)

    @extend_schema(
        request=CashInLieuDecisionIn,
        responses={200: CorporateActionOut, **doc.problems(400, 403, 404, 409)},
        summary="Confirm the price of a split's fractions that another person has stated",
    )
    def post(self, request: Request, action_id: UUID) -> Response:
        """The action as it is now."""
        caller, given = caller_of(request), read_form(CashInLieuDecisionIn, request.data)
        row = services.confirm_price(caller.tenant.pk, action_id, by=caller.client, **given)
        return Response(_out(row))


class ActionCashInLieuWithdrawalView(ApiView):
    """The end of a price that nobody has confirmed."""

    permission_classes = (OperationsWrites,)

    @extend_schema(
        request=wire.CancellationIn,
        responses={200: CorporateActionOut, **doc.problems(400, 404, 409)},
        summary="Take back a stated price of fractions, as long as nobody has confirmed it",
    )
    def post(self, request: Request, action_id: UUID) -> Response:
        """The action as it is now."""
        caller, given = caller_of(request), read_form(wire.CancellationIn, request.data)
        row = services.withdraw_price(
            caller.tenant.pk, action_id, by=caller.client, reason=given["reason"]
        )
        return Response(_out(row))


def _out(row: Any) -> Any:
    return CorporateActionOut(row).data
