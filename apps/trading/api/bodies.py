"""Trades as JSON: read into structs at once, and explained field by field where that fails."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, get_type_hints

import msgspec
from django.conf import settings

from apps.core.exceptions import Fault, fault, shown
from apps.core.problems import FloatRefused, Malformed
from apps.trading.services import FeeRequest, TradeRequest, unprintable

_TYPES: Final[dict[type[msgspec.Struct], dict[str, Any]]] = {
    struct: get_type_hints(struct, include_extras=True) for struct in (TradeRequest, FeeRequest)
}
FEES_MAX: Final = 20
_CODES: Final = {"Invalid enum value": "invalid_choice", "of length": "out_of_range"}
"""What msgspec says of a value, and our code for it (`apps.tenants.forms`)."""
_FLOAT: Final = 'Send amounts as strings, such as "12.50": a JSON fraction loses digits.'


def read_trade(data: Any, key: str) -> TradeRequest:
    """A single trade, with the key of its request. Raises `Malformed` with every fault."""
    found, faults = read_item(data)
    if isinstance(data, Mapping) and "idempotency_key" in data:
        faults.append(fault("idempotency_key", "unknown_field", "Send it as a header here."))
    if found is None or faults:
        raise Malformed(errors=faults)
    return msgspec.structs.replace(found, idempotency_key=key)


def read_bulk(data: Any) -> list[Any]:
    """The items of a bulk body, not yet read. Raises `Malformed`."""
    most = settings.BULK_TRADES_MAX
    faults = [
        fault(shown(name), "unknown_field", "There is no such field.")
        for name in (data if isinstance(data, Mapping) else ())
        if name != "trades"
    ]
    items = data.get("trades") if isinstance(data, Mapping) else None
    if not isinstance(items, list) or not 1 <= len(items) <= most:
        code = "out_of_range" if isinstance(items, list) else "invalid"
        if isinstance(data, Mapping) and "trades" not in data:
            code = "required"
        faults.append(fault("trades", code, f"A list of 1 to {most} trades."))
    if faults or not isinstance(items, list):
        raise Malformed(errors=faults)
    return items


def read_item(data: Any) -> tuple[TradeRequest | None, list[Fault]]:
    """A trade, or every fault of its form."""
    try:
        found = msgspec.convert(data, TradeRequest)
    except (msgspec.ValidationError, UnicodeError):
        return None, list(_explain(data, TradeRequest, ""))
    if _has_float(data) or unprintable(found):
        return None, list(_explain(data, TradeRequest, ""))
    return found, []


def read_bulk_item(data: Any) -> tuple[TradeRequest | None, list[Fault]]:
    """A trade of many, which brings its key, or every fault of its form."""
    found, faults = read_item(data)
    if isinstance(data, Mapping) and data.get("idempotency_key") is None:
        faults.append(fault("idempotency_key", "required", "Each trade of many brings its key."))
    return (None if faults else found), faults


def _has_float(data: Mapping[str, Any]) -> bool:
    """Whether a fraction came where text belongs: the parser leaves it as text of its own kind."""
    if FloatRefused in map(type, data.values()):
        return True
    return any(FloatRefused in map(type, fee.values()) for fee in data.get("fees", ()))


def _explain(data: Any, struct: type[msgspec.Struct], path: str) -> Iterator[Fault]:
    if not isinstance(data, Mapping):
        yield fault(path.rstrip("."), "invalid", "An object is expected here.")
        return
    types = _TYPES[struct]
    required = {field.name for field in msgspec.structs.fields(struct) if field.required}
    for name in data:
        if name not in types:
            yield fault(f"{path}{shown(name)}", "unknown_field", "There is no such field.")
    for name, kind in types.items():
        if name not in data:
            if name in required:
                yield fault(f"{path}{name}", "required", "This field is required.")
        elif name == "fees" and isinstance(data[name], list):
            for index, fee in enumerate(data[name]):
                yield from _explain(fee, FeeRequest, f"{path}fees.{index}.")
            if len(data[name]) > FEES_MAX:
                yield fault(f"{path}fees", "out_of_range", f"A trade has at most {FEES_MAX} fees.")
        else:
            yield from _explain_value(data[name], kind, f"{path}{name}")


def _explain_value(value: Any, kind: Any, path: str) -> Iterator[Fault]:
    if isinstance(value, FloatRefused):
        yield fault(path, "float_refused", _FLOAT)
        return
    if isinstance(value, str) and not value.isprintable():
        yield fault(path, "bad_characters", "Only printable characters.")
        return
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        said = str(error).replace("`", "")
        code = next((code for words, code in _CODES.items() if words in said), "invalid")
        yield fault(path, code, f"{said}.")
