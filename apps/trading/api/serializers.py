"""What trading takes and shows over HTTP. Amounts are strings; times ISO 8601, UTC."""

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from apps.core.money import plain
from apps.tenants import forms
from apps.tenants.forms import (
    AmountField,
    AsOfField,
    NameCursor,
    NameField,
    PageQuery,
    Query,
    StrictForm,
)
from apps.trading.models import (
    AccountStatus,
    CostMethod,
    CounterpartyStatus,
    InstrumentKind,
    InstrumentStatus,
    Side,
    TradeState,
)
from apps.trading.selectors import Positions, PositionView, TradeView


class TextField(forms.TextField):
    """Text as it was sent, of at most 200 characters."""

    def __init__(self, **options: Any) -> None:
        """As it is, with its bound."""
        super().__init__(**{"max_length": 200, **options})


class AccountsQuery(PageQuery):
    """Which accounts."""

    after = NameCursor()
    status = serializers.ChoiceField(AccountStatus.choices, required=False)


class CounterpartiesQuery(PageQuery):
    """Which counterparties."""

    after = NameCursor()
    status = serializers.ChoiceField(CounterpartyStatus.choices, required=False)


class InstrumentsQuery(PageQuery):
    """Which instruments."""

    after = NameCursor()
    status = serializers.ChoiceField(InstrumentStatus.choices, required=False)
    kind = serializers.ChoiceField(InstrumentKind.choices, required=False)


class TradesQuery(PageQuery):
    """Which trades."""

    account = NameField(required=False, help_text="Id or number.")
    instrument = NameField(required=False, help_text="Id or symbol.")
    state = serializers.ChoiceField(TradeState.choices, required=False)


class TimesQuery(Query):
    """Positions as of which times; now, unless said."""

    as_of = AsOfField(
        required=False, help_text="Of what was dealt up to then (inclusive); a date alone: its end."
    )
    known_at = AsOfField(
        required=False, help_text="As we knew it then (inclusive); a date alone: its end."
    )


def _limit() -> AmountField:
    return AmountField(required=False, allow_null=True, help_text="Null: none.")


class AccountIn(StrictForm):
    """An account to be opened."""

    number = TextField(help_text="The client's number; may stand in addresses in place of the id.")
    name = TextField()
    base_currency = TextField()
    cost_method = TextField(
        required=False, help_text=f"{' or '.join(CostMethod.values)}; average unless said."
    )
    max_order_notional = _limit()
    max_gross_exposure = _limit()
    max_orders_per_second = serializers.IntegerField(
        required=False, allow_null=True, max_value=1_000_000
    )


class AccountPatch(AccountIn):
    """What is to change of an account."""

    status = TextField(required=False, help_text=" or ".join(AccountStatus.values))


class AccountOut(serializers.Serializer[Any]):
    """An account."""

    id = serializers.UUIDField()
    number = serializers.CharField()
    name = serializers.CharField()
    base_currency = serializers.CharField()
    status = serializers.ChoiceField(AccountStatus.choices)
    cost_method = serializers.ChoiceField(CostMethod.choices)
    max_order_notional = AmountField(allow_null=True)
    max_gross_exposure = AmountField(allow_null=True)
    max_orders_per_second = serializers.IntegerField(allow_null=True)
    opened_at = serializers.DateTimeField()


class CounterpartyIn(StrictForm):
    """A counterparty to be registered."""

    code = TextField()
    name = TextField()


class CounterpartyPatch(CounterpartyIn):
    """What is to change of a counterparty."""

    status = TextField(required=False, help_text=" or ".join(CounterpartyStatus.values))


class CounterpartyOut(serializers.Serializer[Any]):
    """A counterparty."""

    id = serializers.UUIDField()
    code = serializers.CharField()
    name = serializers.CharField()
    status = serializers.ChoiceField(CounterpartyStatus.choices)


class InstrumentIn(StrictForm):
    """An instrument to be listed."""

    symbol = TextField(help_text="May stand in addresses in place of the id.")
    name = TextField(required=False, help_text="The symbol unless said.")
    kind = TextField(help_text=" or ".join(InstrumentKind.values))
    currency = TextField(help_text="Of settlement and profit; the base coin if inverse.")
    lot_size = AmountField(required=False, allow_null=True, help_text="Null: any quantity.")
    tick_size = AmountField(required=False, allow_null=True, help_text="Null: any price.")
    multiplier = AmountField(required=False, help_text="1 unless said.")
    inverse = serializers.BooleanField(required=False)
    price_band = AmountField(required=False, allow_null=True, help_text="Per cent; null: none.")
    settlement_days = serializers.IntegerField(
        required=False,
        allow_null=True,
        max_value=30,
        min_value=0,
        help_text="After the trade date; null: the market's cycle of that date.",
    )
    settlement_calendar = TextField(required=False, allow_blank=True)


class InstrumentPatch(InstrumentIn):
    """What is to change of an instrument."""

    status = TextField(required=False, help_text=" or ".join(InstrumentStatus.values))


class InstrumentOut(serializers.Serializer[Any]):
    """An instrument."""

    id = serializers.UUIDField()
    symbol = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(InstrumentKind.choices)
    currency = serializers.CharField()
    lot_size = AmountField(allow_null=True)
    tick_size = AmountField(allow_null=True)
    multiplier = AmountField()
    inverse = serializers.BooleanField()
    price_band = AmountField(allow_null=True)
    settlement_days = serializers.IntegerField(
        source="settlement_days_now", help_text="Of a trade done today."
    )
    settlement_calendar = serializers.CharField()
    status = serializers.ChoiceField(InstrumentStatus.choices)
    last_price = AmountField(allow_null=True)
    last_price_at = serializers.DateTimeField(allow_null=True)


class PriceIn(StrictForm):
    """The price of an instrument."""

    instrument = TextField(help_text="Symbol or id.")
    price = AmountField()
    at = serializers.DateTimeField(required=False, help_text="Now unless said.")


class PricesIn(StrictForm):
    """Prices of instruments."""

    prices = PriceIn(many=True, allow_empty=False)


class PricesOut(serializers.Serializer[Any]):
    """What became of the prices."""

    received = serializers.IntegerField()
    recorded = serializers.IntegerField(help_text="Those that were news; older ones are not.")


class FeeOut(serializers.Serializer[Any]):
    """A charge; negative: a rebate."""

    kind = serializers.ChoiceField(["commission", "exchange", "tax", "other"])
    amount = AmountField()
    currency = serializers.CharField()


class FeeIn(StrictForm):
    """A charge on a trade, in the trade's currency; negative: a rebate."""

    kind = TextField()
    amount = AmountField()
    currency = TextField(required=False)


class CancellationIn(StrictForm):
    """Why a trade is cancelled."""

    reason = TextField(max_length=500)


class AmendmentIn(CancellationIn):
    """Why a trade is amended, and to what; what is not said stays."""

    quantity = AmountField(required=False)
    price = AmountField(required=False)
    fees = FeeIn(many=True, required=False, help_text="All of them: they replace the fees so far.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """An amendment says what is to change."""
        if len(attrs) == 1:
            detail = "Say what is to change: quantity, price or fees."
            raise serializers.ValidationError({"quantity": [detail]}, code="required")
        return attrs


class TradeOut(serializers.Serializer[Any]):
    """A trade. Made by `trade_out`, several times faster; a test holds the two together."""

    id = serializers.UUIDField()
    account = serializers.CharField(help_text="The account's number.")
    account_id = serializers.UUIDField()
    instrument = serializers.CharField(help_text="The instrument's symbol.")
    instrument_id = serializers.UUIDField()
    side = serializers.ChoiceField(Side.choices)
    quantity = AmountField()
    price = AmountField()
    notional = AmountField(help_text="In `currency`.")
    currency = serializers.CharField()
    fees = FeeOut(many=True)
    state = serializers.ChoiceField(TradeState.choices)
    version = serializers.IntegerField()
    trade_date = serializers.DateField()
    settles_on = serializers.DateField(allow_null=True)
    executed_at = serializers.DateTimeField()
    booked_at = serializers.DateTimeField()
    revised_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField(allow_null=True, help_text="Why it was cancelled or amended.")
    source = serializers.CharField(help_text="Who numbers the external ids.")  # type: ignore[assignment] # DRF's own `source` is no field
    external_id = serializers.CharField(allow_null=True)
    counterparty = serializers.CharField(allow_null=True)


class PositionOut(serializers.Serializer[Any]):
    """A position. Made by `position_out`; a test holds the two together."""

    instrument = serializers.CharField()
    instrument_id = serializers.UUIDField()
    currency = serializers.CharField(help_text="Of every amount but the quantities.")
    quantity = AmountField(help_text="Long above zero, short below.")
    average_cost = AmountField(allow_null=True, help_text="Null when flat.")
    cost = AmountField(help_text="Total, signed like the quantity.")
    realised_pnl = AmountField(help_text="Before fees.")
    fees = AmountField()
    last_price = AmountField(allow_null=True)
    unrealised_pnl = AmountField(allow_null=True, help_text="Null without a last price.")
    settled_quantity = AmountField(allow_null=True, help_text="Null where it is of the past.")
    version = serializers.IntegerField(help_text="How many trades made it.")
    updated_at = serializers.DateTimeField()


class PositionsOut(serializers.Serializer[Any]):
    """The positions of an account, by symbol."""

    account_id = serializers.UUIDField()
    as_of = serializers.DateTimeField(help_text="When the database said so.")
    results = PositionOut(many=True)
    next = serializers.CharField(allow_null=True, help_text="Always null: all are here.")


class BulkResultOut(serializers.Serializer[Any]):
    """What became of one trade of many."""

    status = serializers.ChoiceField([200, 201, 409, 422])
    trade = TradeOut(required=False)
    problem = serializers.DictField(required=False)


class BulkOut(serializers.Serializer[Any]):
    """What became of each trade, in order."""

    results = BulkResultOut(many=True)


def trade_out(trade: TradeView) -> dict[str, Any]:
    """A trade as `TradeOut` says."""
    return {
        "id": str(trade.id),
        "account": trade.account,
        "account_id": str(trade.account_id),
        "instrument": trade.instrument,
        "instrument_id": str(trade.instrument_id),
        "side": trade.side,
        "quantity": plain(trade.quantity),
        "price": plain(trade.price),
        "notional": plain(trade.notional),
        "currency": trade.currency,
        "fees": [
            {"kind": fee.kind, "amount": plain(fee.amount), "currency": fee.currency}
            for fee in trade.fees
        ],
        "state": trade.state,
        "version": trade.version,
        "trade_date": trade.trade_date,
        "settles_on": trade.settles_on,
        "executed_at": trade.executed_at,
        "booked_at": trade.booked_at,
        "revised_at": trade.revised_at,
        "reason": trade.reason,
        "source": trade.source,
        "external_id": trade.external_id,
        "counterparty": trade.counterparty,
    }


def position_out(view: PositionView) -> dict[str, Any]:
    """A position as `PositionOut` says."""
    held, quote = view.stored, view.quote
    return {
        "instrument": held.symbol,
        "instrument_id": str(held.instrument_id),
        "currency": held.currency,
        "quantity": plain(held.quantity),
        "average_cost": _plain(view.average_cost),
        "cost": plain(held.cost),
        "realised_pnl": plain(held.realised_pnl),
        "fees": plain(held.fees),
        "last_price": _plain(quote.last_price),
        "unrealised_pnl": _plain(view.unrealised_pnl),
        "settled_quantity": _plain(view.settled),
        "version": held.version,
        "updated_at": held.updated_at,
    }


def positions_out(found: Positions) -> dict[str, Any]:
    """Positions as `PositionsOut` says."""
    return {
        "account_id": str(found.account_id),
        "as_of": found.as_of,
        "results": [position_out(view) for view in found.positions],
        "next": None,
    }


def _plain(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)
