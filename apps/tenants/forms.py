"""How a request is read: its body or its query through a form, every fault named.

What a form does not know is refused, and so is what it cannot read: a filter that is ignored answers
another question than was asked, and a field that is ignored the sender believes was heeded. Codes
are the same everywhere, one for each kind of fault (`FAULTS`).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, ClassVar, Final
from uuid import UUID

from django.utils.datastructures import MultiValueDict
from django.utils.dateparse import parse_date
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request

from apps.core.exceptions import Fault, fault, shown
from apps.core.ids import NAME
from apps.core.money import parse_amount, plain
from apps.core.problems import FloatRefused, Malformed, faults_in
from apps.tenants.pagination import CURSOR_MAX, PAGE_DEFAULT, PAGE_MAX

KEY: Final = "Idempotency-Key"
KEY_MAX: Final = 255
FORMAT: Final = "format"
"""The one parameter that every address knows: which renderer answers."""
FAULTS: Final[Mapping[str, str]] = {
    "unknown_field": "The body has no such field here.",
    "unknown_parameter": "The query has no such parameter here.",
    "required": "It is not there.",
    "repeated": "The query says it more than once.",
    "blank": "A text with nothing in it.",
    "empty": "A list or a file with nothing in it.",
    "invalid": "It is of another type, or no id, date, number, cursor or name at all.",
    "invalid_choice": "It is none of the values that it can have; the sentence lists them.",
    "out_of_range": "It is too small, too large, too short, too long or too many.",
    "bad_characters": "It holds a character that cannot be kept, such as NUL.",
    "float_refused": "An amount came as a JSON fraction, which loses digits: send it as text.",
    "invalid_amount": "It is no amount, or one of too many digits.",
}
"""What may be wrong with the form of a field; services add reasons of their own."""
CODES: Final[Mapping[str, str]] = {
    "min_value": "out_of_range",
    "max_value": "out_of_range",
    "min_length": "out_of_range",
    "max_length": "out_of_range",
    "max_string_length": "out_of_range",
    "null": "invalid",
    "not_a_list": "invalid",
    "not_a_dict": "invalid",
    "overflow": "invalid",
    "make_aware": "invalid",
    "date": "invalid",
    "datetime": "invalid",
    "null_characters_not_allowed": "bad_characters",
    "surrogate_characters_not_allowed": "bad_characters",
}
"""What DRF's codes are called here."""
FIRST_YEAR: Final = 1900
_NUMBER: Final = re.compile(r"-?[0-9]{1,18}")
# A "+" that was not escaped in an address arrives as a space.
_LOST_PLUS: Final = re.compile(r"(:\d\d(?:\.\d+)?) (\d\d:?\d\d)$")


def read_form(form: type["StrictForm"], data: Any, *, partial: bool = False) -> dict[str, Any]:
    """The validated body; with `partial` only what is there. Raises `Malformed` with every fault."""
    return _validated(form(data=data, partial=partial))


def _validated(given: serializers.Serializer[Any]) -> dict[str, Any]:
    if not given.is_valid():
        raise Malformed(errors=list(_faults_of(given)))
    found: dict[str, Any] = given.validated_data
    return found


def _faults_of(form: serializers.Serializer[Any]) -> Iterator[Fault]:
    """What is wrong with what a form was given, under our codes."""
    for one in faults_in(form.errors):
        yield fault(one["field"], CODES.get(one["code"], one["code"]), one["detail"])


def read_query(form: type["Query"], request: Request) -> dict[str, Any]:
    """The validated query. Raises `Malformed` with every fault.

    What is empty counts as not said; but an empty time is refused, since it would answer for today.
    """
    if not request.query_params:
        return dict(_unasked(form))
    faults: list[Fault] = []
    given: dict[str, str] = {}
    asked = form(data=given)  # which is filled below: a form copies its fields, so one will do
    known = asked.fields.keys() | {FORMAT}
    for name, values in request.query_params.lists():
        if name not in known:
            detail = "There is no such parameter here."
            faults.append(fault(shown(name), "unknown_parameter", detail))
        elif len(values) > 1:
            faults.append(fault(name, "repeated", "A parameter is said once."))
        elif not values[0].isprintable():
            faults.append(fault(name, "bad_characters", "Only printable characters."))
        elif values[0] or isinstance(asked.fields.get(name), TimeField):
            given[name] = values[0]
    if not asked.is_valid():
        told = {one["field"] for one in faults}
        faults += [one for one in _faults_of(asked) if one["field"] not in told]
    if faults:
        raise Malformed(errors=faults)
    found: dict[str, Any] = asked.validated_data
    return found


@cache
def _unasked(form: type["Query"]) -> dict[str, Any]:
    """What a form makes of no query: the same each time, so it is made once. Raises `Malformed`."""
    return _validated(form(data={}))


def key_of(request: Request) -> str:
    """The request's idempotency key. Raises `Malformed` without a usable one."""
    key = request.headers.get(KEY, "")
    if 1 <= len(key) <= KEY_MAX and key.isprintable():
        return key
    detail = f"Send a key of your own choice, 1 to {KEY_MAX} characters, new for each request."
    faults = [fault(KEY, "required", detail)]
    raise Malformed("The header Idempotency-Key is missing or not usable.", errors=faults)


class Form(serializers.Serializer[Any]):
    """What is read: of a choice it says which there are."""

    def get_fields(self) -> dict[str, Any]:
        """The fields; whoever chose what there is not is told what there is."""
        fields = super().get_fields()
        for field in fields.values():
            choice = getattr(field, "child", field)
            if isinstance(choice, serializers.ChoiceField):
                known = ", ".join(map(str, choice.choices)).replace("{", "{{").replace("}", "}}")
                choice.error_messages["invalid_choice"] = f"One of: {known}."
        return fields


class StrictForm(Form):
    """A body, or an object in one: it refuses what it does not know and what is of another type.

    DRF reads 5 as the text "5", "yes" as true and 1 as an id; the schema says text, boolean, UUID.
    """

    def to_internal_value(self, data: Any) -> Any:
        """The values, or every fault at once."""
        faults = dict(self._refused(data)) if isinstance(data, Mapping) else {}
        try:
            found = super().to_internal_value(data)
        except serializers.ValidationError as error:
            if isinstance(error.detail, dict):
                raise serializers.ValidationError({**error.detail, **faults}) from error
            raise
        if faults:
            raise serializers.ValidationError(faults)
        return found

    def _refused(self, data: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
        known = {name: field for name, field in self.fields.items() if not field.read_only}
        for name in data:
            if name not in known:
                detail = serializers.ErrorDetail("There is no such field.", code="unknown_field")
                yield shown(name), [detail]
            elif isinstance(data, MultiValueDict):
                continue  # a form of HTML, where everything is text
            elif wrong := mistyped(known[name], data[name]):
                yield name, wrong


class NoBody(StrictForm):
    """The body of a call that needs none."""


TYPES: Final[tuple[tuple[tuple[type[Any], ...], tuple[type, ...], str], ...]] = (
    ((serializers.CharField, serializers.UUIDField, serializers.DateTimeField), (str,), "a text"),
    ((serializers.BooleanField,), (bool,), "true or false"),
    ((serializers.IntegerField,), (int,), "a whole number"),
    ((serializers.FloatField,), (int, FloatRefused), "a number"),
)
"""Fields of bodies, the JSON that they take, and what people call it."""
INTEGER_MAX: Final = 2**63 - 1


def mistyped(field: Any, value: Any) -> Any:
    """What is wrong with the JSON type of a field's value, as DRF's errors; nothing: None.

    A null is left to the field, which knows whether it may be.
    """
    if value is None:
        return None
    inside: Iterable[tuple[Any, Any]] = ()
    if isinstance(field, serializers.ListField) and isinstance(value, list):
        inside = enumerate(value)
    elif isinstance(field, serializers.DictField) and isinstance(value, Mapping):
        inside = value.items()
    wrong = {shown(at): mistyped(field.child, one) for at, one in inside}
    if wrong := {at: one for at, one in wrong.items() if one}:
        return wrong
    for fields, types, called in TYPES:
        if isinstance(field, fields):
            if type(value) not in types:
                return [serializers.ErrorDetail(f"Send {called}.", code="invalid")]
            if type(value) is int and abs(value) > INTEGER_MAX:
                return [serializers.ErrorDetail("So large a number is none.", code="max_value")]
    return None


@extend_schema_field({"type": "string", "example": "12.50"})
class AmountField(serializers.Field[Decimal, Any, str, Any]):
    """An exact amount, sent as text."""

    def to_internal_value(self, data: Any) -> Decimal:
        """The amount, with no digit lost. Floats are refused."""
        if isinstance(data, FloatRefused):
            detail = 'Send amounts as strings, such as "12.50": a JSON fraction loses digits.'
            raise serializers.ValidationError(detail, code="float_refused")
        try:
            return parse_amount(data)
        except ValueError as error:
            raise serializers.ValidationError(f"{error}.", code="invalid_amount") from error

    def to_representation(self, value: Decimal) -> str:
        """The canonical text."""
        return plain(value)


@extend_schema_field(OpenApiTypes.STR)
class TextField(serializers.CharField):
    """Text as it was sent: not trimmed, and not made of numbers."""

    def __init__(self, **options: Any) -> None:
        """As DRF's, without the trimming."""
        super().__init__(**{"trim_whitespace": False, **options})

    def to_internal_value(self, data: Any) -> str:
        """The text."""
        if type(data) is not str:
            self.fail("invalid")
        return super().to_internal_value(data)


@extend_schema_field(OpenApiTypes.DATETIME)
class TimeField(serializers.DateTimeField):
    """A time; without an offset it is UTC. `ends_day`: a date alone means the end of that day."""

    def __init__(self, *, ends_day: bool = False, **options: Any) -> None:
        """As DRF's, and what a date alone means."""
        super().__init__(**options)
        self.ends_day = ends_day

    def to_internal_value(self, value: Any) -> datetime:
        """The time, aware."""
        text = _LOST_PLUS.sub(r"\1+\2", str(value).strip())
        found = self._day(text) or super().to_internal_value(text)
        if found.year < FIRST_YEAR:  # and no sum of it and a day is beyond what there is
            detail = f"Nothing is kept of before {FIRST_YEAR}."
            raise serializers.ValidationError(detail, code="out_of_range")
        return found

    def _day(self, text: str) -> datetime | None:
        try:
            day = parse_date(text)
        except ValueError:
            return None
        if day is not None and self.ends_day and day < date.max:
            day += timedelta(days=1)
        return None if day is None else datetime(day.year, day.month, day.day, tzinfo=UTC)


class AsOfField(TimeField):
    """A time up to which something counts, itself included; a date alone: to the end of that day."""

    def __init__(self, **options: Any) -> None:
        """As a time that ends its day."""
        super().__init__(ends_day=True, **options)

    def _day(self, text: str) -> datetime | None:
        end = super()._day(text)
        return None if end is None else end - timedelta(microseconds=1)


@extend_schema_field(OpenApiTypes.STR)
class NameField(serializers.CharField):
    """An id, or a name that may stand for one: a number, a symbol, a code, a label."""

    default_error_messages: ClassVar = {"invalid": "Nothing here has such a name."}

    def to_internal_value(self, data: Any) -> str:
        """The name, of the form that all our names have."""
        text = super().to_internal_value(data)
        if not NAME.fullmatch(text):
            self.fail("invalid")
        return text


class NumberField(serializers.IntegerField):
    """A whole number of a query, in ASCII digits."""

    def to_internal_value(self, data: Any) -> int:
        """The number."""
        if not _NUMBER.fullmatch(str(data)):
            self.fail("invalid")
        return super().to_internal_value(data)


class Query(Form):
    """What may stand behind an address's `?`. This one: nothing."""


class LimitQuery(Query):
    """How many rows are shown."""

    limit = NumberField(
        default=PAGE_DEFAULT, min_value=1, max_value=PAGE_MAX, help_text="How many at most."
    )


class Cursor(serializers.CharField):
    """The `next` of the page before; here a text of somebody's own."""

    most: ClassVar[int] = CURSOR_MAX  # characters

    def __init__(self, **options: Any) -> None:
        """Not required: the first page has none."""
        said = {"help_text": "The `next` of the page before."}
        super().__init__(**{"required": False, "trim_whitespace": False, **said, **options})

    def to_internal_value(self, data: Any) -> Any:
        """The text, within bounds; those that inherit make more of it."""
        text = super().to_internal_value(data)
        if len(text) > self.most:
            raise self.refuse()
        return text

    def refuse(self) -> serializers.ValidationError:
        """What is said to a text that is no cursor of ours."""
        return serializers.ValidationError("This is no `next` of a page here.", code="invalid")


class NameCursor(Cursor):
    """A cursor of a list that goes by natural names."""

    def to_internal_value(self, data: Any) -> Any:
        """The name."""
        text = super().to_internal_value(data)
        if not NAME.fullmatch(text):
            raise self.refuse()
        return text


class IdCursor(Cursor):
    """A cursor of a list that goes by ids."""

    def to_internal_value(self, data: Any) -> Any:
        """The id."""
        try:
            return UUID(super().to_internal_value(data))
        except ValueError:
            raise self.refuse() from None


class PlaceCursor(Cursor):
    """A cursor of a list that goes by numbers."""

    def to_internal_value(self, data: Any) -> Any:
        """The number."""
        text = super().to_internal_value(data)
        if not _NUMBER.fullmatch(text) or text.startswith("-"):
            raise self.refuse()
        return int(text)


class DayCursor(Cursor):
    """A cursor of a list that goes by days."""

    def to_internal_value(self, data: Any) -> Any:
        """The day."""
        try:
            return date.fromisoformat(super().to_internal_value(data))
        except ValueError:
            raise self.refuse() from None


class PageQuery(LimitQuery):
    """A page of a list that goes by ids; where it goes by something else, `after` says so."""

    after: Cursor = IdCursor()
