"""Fields that take what was sent and nothing else."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.conversations.lifecycle import OPEN, State
from apps.tenants import forms


class TextField(forms.TextField):
    """Text as it was sent, perhaps none. How long it may be, services say."""

    def __init__(self, **options: Any) -> None:
        """As it is, and blank."""
        super().__init__(**{"allow_blank": True, **options})


@extend_schema_field(OpenApiTypes.STR)
class StatesField(serializers.Field[list[str], str, Any, Any]):
    """`open`, or states with commas."""

    def to_internal_value(self, data: str) -> list[str]:
        """The states."""
        names = sorted(OPEN) if data == "open" else [name for name in data.split(",") if name]
        if not names or not set(names) <= set(State):
            detail = f"`open`, or some of: {', '.join(State)}."
            raise serializers.ValidationError(detail, code="invalid_choice")
        return [str(name) for name in names]


@extend_schema_field(OpenApiTypes.STR)
class AgentField(serializers.UUIDField):
    """An agent's id, or `me`."""

    def to_internal_value(self, data: Any) -> Any:
        """The id, or `me` itself: who that is, the view knows."""
        return data if data == "me" else super().to_internal_value(data)


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
