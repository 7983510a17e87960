"""Fields and forms that the agents' serializers share."""

import re
from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.tenants.forms import StrictForm

NAME = 200


def text(**options: Any) -> serializers.CharField:
    """Text as it was sent, within bounds."""
    return serializers.CharField(**{"max_length": NAME, "trim_whitespace": False, **options})


@extend_schema_field(
    {
        "oneOf": [
            {"type": "object", "additionalProperties": {"type": "integer"}},
            {
                "type": "array",
                "items": {
                    "oneOf": [
                        {"type": "string"},
                        {
                            "type": "object",
                            "properties": {
                                "skill": {"type": "string"},
                                "level": {"type": "integer", "minimum": 1, "maximum": 5},
                            },
                        },
                    ]
                },
            },
        ],
        "example": [{"skill": "billing", "level": 4}],
    }
)
class SkillsField(serializers.Field[dict[str, int], Any, Any, Any]):
    """Skills with levels: `{name: level}`, `[{skill, level}]`, or names alone (level `default`)."""

    def __init__(self, *, default_level: int = 3, **options: Any) -> None:
        """As any field; `default_level` is the level of a name alone."""
        super().__init__(**options)
        self.default_level = default_level

    def to_internal_value(self, data: Any) -> dict[str, int]:
        """Name to level; whether they are in range is the service's to say."""
        if isinstance(data, Mapping):
            return {name: _level(level) for name, level in data.items()}
        if not isinstance(data, list):
            raise serializers.ValidationError("A list or an object.", code="invalid")
        found: dict[str, int] = {}
        for one in data:
            name, level = self._pair(one)
            if name in found:
                raise serializers.ValidationError(f"{name} is named twice.", code="twice")
            found[name] = level
        return found

    def _pair(self, one: Any) -> tuple[str, int]:
        if isinstance(one, str):
            return one, self.default_level
        if isinstance(one, Mapping):
            name = one.get("skill", one.get("name"))
            level = one.get("level", one.get("proficiency", self.default_level))
            known = {"skill", "name", "level", "proficiency"}
            if isinstance(name, str) and not set(one) - known:
                return name, _level(level)
        raise serializers.ValidationError("A name, or {skill, level}.", code="invalid")

    def to_representation(self, value: Any) -> list[dict[str, object]]:
        """By name."""
        return [{"skill": name, "level": level} for name, level in sorted(value.items())]


@extend_schema_field(
    {"oneOf": [{"type": "string", "pattern": "^[0-9]{1,18}$"}, {"type": "integer"}]}
)
class FenceField(serializers.Field[int, Any, str, Any]):
    """A fence as offers show it: text, since it may be larger than a number of JavaScript; an int will do."""

    def to_internal_value(self, data: Any) -> int:
        """The number."""
        if type(data) not in {int, str} or not re.fullmatch("[0-9]{1,18}", str(data)):
            raise serializers.ValidationError("Send the offer's fence.", code="invalid")
        return int(data)


def _level(value: Any) -> int:
    if type(value) is not int:
        raise serializers.ValidationError("A level is a whole number.", code="invalid")
    return value


class AgentMaybe(StrictForm):
    """An agent by id or username; the caller's own where none is named."""

    agent = text(required=False)


class AgentNamed(StrictForm):
    """An agent by id or username."""

    agent = text()
