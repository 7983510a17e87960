"""A trade as it is asked for, and as it is read: values, faults, canonical text."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Final

import msgspec

from apps.core.money import parse_amount, plain
from apps.trading.events import Reason

SOURCE_DEFAULT: Final = "api"
"""Who numbers the external ids of trades that name no source: all API clients of a tenant together,
so that a new API key cannot book a known trade again."""

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Key = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
Amount = str | int


class FeeRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A charge on a trade, in the trade's currency; negative: a rebate."""

    kind: Text
    amount: Amount
    currency: Text | None = None


class TradeRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A trade to be booked: what the client says, word by word."""

    account: Text  # number or id
    instrument: Text  # symbol or id
    side: Text
    quantity: Amount
    price: Amount
    fees: Annotated[tuple[FeeRequest, ...], msgspec.Meta(max_length=20)] = ()
    currency: Text | None = None
    counterparty: Text | None = None
    executed_at: Text | None = None
    trade_date: Text | None = None
    source: Text | None = None
    external_id: Text | None = None
    idempotency_key: Key | None = None


class Reading(msgspec.Struct, gc=False):
    """A request with its texts turned into values. What could not be read is None, with a reason."""

    request: TradeRequest
    quantity: Decimal | None
    price: Decimal | None
    fees: tuple[tuple[str, Decimal | None, str | None], ...]
    executed_at: datetime | None
    trade_date: date | None
    reasons: list[Reason]
    canonical: str = ""

    @property
    def source(self) -> str:
        """Who numbers its external id."""
        return self.request.source or SOURCE_DEFAULT


class _Canonical(msgspec.Struct, omit_defaults=True, gc=False):
    """What a client asked for, in one spelling: equal texts are equal requests."""

    account: str
    instrument: str
    side: str
    quantity: str
    price: str
    fees: tuple[tuple[str, str, str | None], ...] = ()
    currency: str | None = None
    counterparty: str | None = None
    executed_at: str | None = None
    trade_date: str | None = None
    source: str | None = None
    external_id: str | None = None


_values = msgspec.structs.astuple
_FEE_TEXTS: Final = FeeRequest.__struct_fields__
_TEXTS: Final = tuple(name for name in TradeRequest.__struct_fields__ if name != "fees")
CANONICAL_FIELDS: Final = _Canonical.__struct_fields__
_encode = msgspec.json.Encoder().encode


def unprintable(request: TradeRequest) -> list[str]:
    """The fields with control characters or broken text, which no table can hold.

    Whoever takes requests from outside refuses these, before they are executed.
    """
    values = [*_values(request), *(part for fee in request.fees for part in _values(fee))]
    if "".join([text for text in values if isinstance(text, str)]).isprintable():
        return []
    texts = [(name, getattr(request, name)) for name in _TEXTS]
    for index, fee in enumerate(request.fees):
        texts += [(f"fees.{index}.{name}", getattr(fee, name)) for name in _FEE_TEXTS]
    return [name for name, text in texts if isinstance(text, str) and not text.isprintable()]


def read(request: TradeRequest) -> Reading:
    """Turn texts into values and collect every fault on the way. Raises nothing."""
    reasons: list[Reason] = []
    found = Reading(
        request=request,
        quantity=_amount("quantity", request.quantity, reasons),
        price=_amount("price", request.price, reasons),
        fees=tuple(
            (fee.kind, _amount(f"fees.{index}.amount", fee.amount, reasons), fee.currency)
            for index, fee in enumerate(request.fees)
        ),
        executed_at=_time(request.executed_at, reasons),
        trade_date=_date(request.trade_date, reasons),
        reasons=reasons,
    )
    found.canonical = _canonical(found)
    return found


def differing(first: str, second: str) -> list[str]:
    """The fields in which two canonical texts differ."""
    one, other = msgspec.json.decode(first), msgspec.json.decode(second)
    return [name for name in CANONICAL_FIELDS if one.get(name) != other.get(name)]


def _canonical(found: Reading) -> str:
    asked = found.request
    return _encode(
        _Canonical(
            asked.account,
            asked.instrument,
            asked.side,
            _spelled(found.quantity, asked.quantity),
            _spelled(found.price, asked.price),
            tuple(
                sorted(
                    (fee.kind, _spelled(read_fee[1], fee.amount), fee.currency)
                    for fee, read_fee in zip(asked.fees, found.fees, strict=True)
                )
            ) if asked.fees else (),
            asked.currency,
            asked.counterparty,
            found.executed_at.isoformat() if found.executed_at else asked.executed_at,
            asked.trade_date,
            asked.source,
            asked.external_id,
        )
    ).decode()  # fmt: skip


def _spelled(value: Decimal | None, text: Amount) -> str:
    return plain(value) if value is not None else str(text)


def _amount(name: str, text: Amount, reasons: list[Reason]) -> Decimal | None:
    try:
        return parse_amount(text)
    except ValueError as error:
        reasons.append(Reason(field=name, code="invalid_amount", detail=f"{error}."))
        return None


def _time(text: str | None, reasons: list[Reason]) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        read_as = found.astimezone(UTC) if found.tzinfo is not None else None
    except (ValueError, OverflowError):
        read_as = None
    if read_as is None:
        detail = "A time in ISO 8601 with its zone, such as 2026-11-23T09:30:00.123Z."
        reasons.append(Reason(field="executed_at", code="invalid_time", detail=detail))
    return read_as


def _date(text: str | None, reasons: list[Reason]) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        detail = "A date in ISO 8601, such as 2026-11-23."
        reasons.append(Reason(field="trade_date", code="invalid_date", detail=detail))
        return None
