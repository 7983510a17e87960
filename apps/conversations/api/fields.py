"""Fields and forms that take what was sent and nothing else."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers


class StrictForm(serializers.Serializer[Any]):
    """Refuses fields that it does not know: what is ignored, the sender believes was heeded."""

    def to_internal_value(self, data: Any) -> Any:
        """The values, or every fault at once."""
        known = {name for name, field in self.fields.items() if not field.read_only}
        unknown = set(data) - known if isinstance(data, Mapping) else set()
        faults: dict[str, Any] = {
            str(name): [serializers.ErrorDetail("There is no such field.", code="unknown_field")]
            for name in unknown
        }
        try:
            found = super().to_internal_value(data)
        except serializers.ValidationError as error:
            if isinstance(error.detail, dict):
                raise serializers.ValidationError(faults | error.detail) from error
            raise
        if faults:
            raise serializers.ValidationError(faults)
        return found


@extend_schema_field(OpenApiTypes.STR)
class TextField(serializers.CharField):
    """Text as it was sent: not trimmed, and not made of numbers. How long it may be, services say."""

    def __init__(self, **options: Any) -> None:
        """As DRF's, without the trimming."""
        super().__init__(**{"trim_whitespace": False, "allow_blank": True, **options})

    def to_internal_value(self, data: Any) -> str:
        """The text."""
        if type(data) is not str:
            self.fail("invalid")
        return super().to_internal_value(data)


@extend_schema_field(OpenApiTypes.INT)
class WholeField(serializers.IntegerField):
    """A whole number, sent as one."""

    def to_internal_value(self, data: Any) -> int:
        """The number; true, "1" and 1.5 are none."""
        if type(data) is not int:
            self.fail("invalid")
        return super().to_internal_value(data)


@extend_schema_field(
    {
        "oneOf": [
            {"type": "array", "items": {"type": "string"}},
            {"type": "object", "additionalProperties": {"type": "integer"}},
        ],
        "example": ["billing"],
    }
)
class SkillsField(serializers.Field[Any, Any, Any, Any]):
    """Skills: names, or an object of name → level (1 to 5)."""

    def to_internal_value(self, data: Any) -> Any:
        """As it was sent; the services look closer."""
        if not isinstance(data, list | dict):
            raise serializers.ValidationError("A list of names, or an object of name and level.")
        return data

    def to_representation(self, value: Any) -> Any:
        """Their names."""
        return sorted(value)
