"""What the API's documentation says of trading, beside the serializers."""

from typing import Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework import serializers

PROBLEM_TYPE: Final = "application/problem+json"


class ReasonOut(serializers.Serializer[Any]):
    """One fault."""

    field = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemOut(serializers.Serializer[Any]):
    """What went wrong (RFC 9457)."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField()
    errors = ReasonOut(many=True, required=False)  # type: ignore[assignment] # DRF's own is no field


_SAID: Final = {
    400: "The request is not well formed; `errors` lists every fault.",
    401: "No key, or not a valid one.",
    403: "The caller's role may not do this.",
    404: "There is no such thing here.",
    409: "It exists already, with other terms; or it is being worked on.",
    422: "A rule refuses it; `errors` lists every reason.",
    503: "Something we need is not answering; try again shortly.",
}


def problems(*statuses: int) -> dict[Any, Any]:
    """The problems that a view may answer with, beside those that every view may."""
    return {
        (status, PROBLEM_TYPE): OpenApiResponse(ProblemOut, _SAID[status])
        for status in sorted({401, 403, 503, *statuses})
    }


def page_of(item: type[serializers.Serializer[Any]], name: str) -> Any:
    """A page of items."""
    return type(
        f"{name}PageOut",
        (serializers.Serializer,),
        {
            "__doc__": f"A page of {name.lower()}s.",
            "results": item(many=True),
            "next": serializers.CharField(
                allow_null=True, help_text="The `after` of the next page."
            ),
        },
    )


KEY: Final = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    required=True,
    description=(
        "Chosen by the client, new for each trade, at most 255 characters. The same request under"
        " the same key is answered again, with `Idempotency-Replayed: true`."
    ),
)
REPLAYED: Final = OpenApiParameter(
    "Idempotency-Replayed",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    response=[200, 201],
    description="`true` where the request was answered before.",
)

_AMOUNT: Final = {"type": "string", "example": "12.50", "description": "Exact; an integer will do."}


def _text(said: str, most: int = 128, **more: Any) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "maxLength": most, "description": said, **more}


# By hand, because the bodies are read into structs (`bodies.py`); a test holds the two together.
TRADE_IN: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["account", "instrument", "side", "quantity", "price"],
    "properties": {
        "account": _text("Number or id."),
        "instrument": _text("Symbol or id."),
        "side": {"type": "string", "enum": ["buy", "sell"]},
        "quantity": _AMOUNT,
        "price": _AMOUNT,
        "fees": {
            "type": "array",
            "maxItems": 20,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["kind", "amount"],
                "properties": {
                    "kind": {"type": "string", "enum": ["commission", "exchange", "tax", "other"]},
                    "amount": {**_AMOUNT, "description": "Negative: a rebate."},
                    "currency": _text("The trade's, which is also what it is if not said."),
                },
            },
        },
        "currency": _text("Checked against the instrument's, if it is said."),
        "counterparty": _text("Code of an active counterparty."),
        "executed_at": _text("When it was dealt; now unless said.", format="date-time"),
        "trade_date": _text("The day of `executed_at` (UTC) unless said.", format="date"),
        "source": _text("Who numbers the external ids; `api` unless said."),
        "external_id": _text("Unique per source, for ever."),
    },
}
BULK_IN: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["trades"],
    "properties": {
        "trades": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1_000,
            "items": {
                **TRADE_IN,
                "required": [*TRADE_IN["required"], "idempotency_key"],
                "properties": {
                    **TRADE_IN["properties"],
                    "idempotency_key": _text("As the header of a single trade.", 255),
                },
            },
        }
    },
}

_TRADE: Final[dict[str, Any]] = {
    "account": "ACC-0001",
    "instrument": "BTC-USDT",
    "side": "buy",
    "quantity": "0.25",
    "price": "61804.80",
    "fees": [{"kind": "commission", "amount": "1.50"}],
    "external_id": "5266583935",
    "executed_at": "2026-11-23T09:30:00.123Z",
}
TRADE_EXAMPLE: Final = OpenApiExample("A buy", value=_TRADE, request_only=True)
BULK_EXAMPLE: Final = OpenApiExample(
    "Two trades",
    value={
        "trades": [
            {**_TRADE, "idempotency_key": "8e03978e-40d5-43e8-bc93-6894a57f9324"},
            {
                **_TRADE,
                "side": "sell",
                "external_id": "5266583936",
                "idempotency_key": "clk-2026-11-23-000042",
            },
        ]
    },
    request_only=True,
)
ACCOUNT_EXAMPLE: Final = OpenApiExample(
    "A client",
    value={
        "number": "ACC-0001",
        "name": "Nordlicht Capital",
        "base_currency": "USD",
        "cost_method": "average",
        "max_order_notional": "5000000",
    },
    request_only=True,
)
INSTRUMENT_EXAMPLE: Final = OpenApiExample(
    "An inverse perpetual",
    value={
        "symbol": "BTC-USD.PERP.INVERSE",
        "name": "Bitcoin perpetual, coin-margined",
        "kind": "future",
        "currency": "BTC",
        "lot_size": "1",
        "tick_size": "0.1",
        "multiplier": "100",
        "inverse": True,
        "settlement_days": 0,
        "settlement_calendar": "",
    },
    request_only=True,
)
PRICES_EXAMPLE: Final = OpenApiExample(
    "Last prices",
    value={"prices": [{"instrument": "BTC-USDT", "price": "61804.80"}]},
    request_only=True,
)
