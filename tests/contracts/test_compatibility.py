"""What counts as an incompatible change of a released event."""

from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal

import msgspec
import pytest

from tests.contracts.compatibility import faults


class Side(Enum):
    BUY = "buy"
    SELL = "sell"


class WiderSide(Enum):
    BUY = "buy"
    SELL = "sell"
    SHORT = "short"


class Leg(msgspec.Struct, kw_only=True):
    asset: str
    amount: Decimal


class LegWithNote(Leg, kw_only=True):
    note: str = ""


class LegWithoutAmount(msgspec.Struct, kw_only=True):
    asset: str


class Tree(msgspec.Struct, kw_only=True):
    name: str
    children: "list[Tree]" = []


def made_of(**fields):
    """The schema of a struct with these fields: a type, or a type and a default."""
    listed = [
        (name, *(kind if isinstance(kind, tuple) else (kind,))) for name, kind in fields.items()
    ]
    return msgspec.json.schema(msgspec.defstruct("Fact", listed, kw_only=True))


COMPATIBLE = {
    "nothing changed": ({"a": int}, {"a": int}),
    "a new field with a default": ({"a": int}, {"a": int, "b": (str, "")}),
    "a default where there was none": ({"a": int}, {"a": (int, 0)}),
    "null is now possible": ({"a": int}, {"a": int | None}),
    "integers become numbers": ({"a": int}, {"a": float}),
    "anything goes now": ({"a": int}, {"a": Any}),
    "a date becomes free text": ({"a": date}, {"a": str}),
    "one more choice": ({"a": Side}, {"a": WiderSide}),
    "choices become free text": ({"a": Literal["x"]}, {"a": str}),
    "a limit falls": ({"a": Annotated[str, msgspec.Meta(max_length=3)]}, {"a": str}),
    "a limit is raised": (
        {"a": Annotated[str, msgspec.Meta(max_length=3)]},
        {"a": Annotated[str, msgspec.Meta(max_length=4)]},
    ),
    "a part gets a field with a default": ({"a": list[Leg]}, {"a": list[LegWithNote]}),
    "fields change places": ({"a": int, "b": str}, {"b": str, "a": int}),
    "a type within itself": ({"a": Tree}, {"a": Tree}),
}
INCOMPATIBLE = {
    "a field is gone": ({"a": int, "b": str}, {"a": int}, "/b: is gone"),
    "a field with a default is gone": ({"a": (int, 1)}, {}, "/a: is gone"),
    "a field is renamed": ({"a": int}, {"b": int}, "/a: is gone"),
    "a new field without a default": ({"a": int}, {"a": int, "b": str}, "/b: is new"),
    "a default is gone": ({"a": (int, 1)}, {"a": int}, "/a: had a default"),
    "null is no longer possible": ({"a": int | None}, {"a": int}, "/a: was null"),
    "another type": ({"a": int}, {"a": str}, "/a: was integer, is now string"),
    "numbers become integers": ({"a": float}, {"a": int}, "/a: was number"),
    "free text becomes a date": ({"a": str}, {"a": date}, "/a: was format None"),
    "a date becomes a decimal": ({"a": date}, {"a": Decimal}, "/a: was format date"),
    "free text becomes choices": ({"a": str}, {"a": Side}, "/a: took any value"),
    "a choice less": ({"a": WiderSide}, {"a": Side}, "/a: no longer takes ['short']"),
    "a limit comes": (
        {"a": str},
        {"a": Annotated[str, msgspec.Meta(max_length=3)]},
        "/a: maxLength was None",
    ),
    "a limit is lowered": (
        {"a": Annotated[str, msgspec.Meta(max_length=3)]},
        {"a": Annotated[str, msgspec.Meta(max_length=2)]},
        "/a: maxLength was 3",
    ),
    "a part loses a field": (
        {"a": list[Leg]},
        {"a": list[LegWithoutAmount]},
        "/a/[]/amount: is gone",
    ),
    "a list's items change": ({"a": list[int]}, {"a": list[str]}, "/a/[]: was integer"),
    "a map's values change": ({"a": dict[str, int]}, {"a": dict[str, str]}, "/a/*: was integer"),
    "a tuple grows": ({"a": tuple[int, int]}, {"a": tuple[int, int, int]}, "/a: had 2"),
    "a tuple's place changes": ({"a": tuple[int, int]}, {"a": tuple[int, str]}, "/a/[1]: was"),
}


class TestBackwardCompatibility:
    @pytest.mark.parametrize(("old", "new"), COMPATIBLE.values(), ids=COMPATIBLE)
    def test_allows(self, old, new):
        assert faults(made_of(**old), made_of(**new)) == []

    @pytest.mark.parametrize(("old", "new", "why"), INCOMPATIBLE.values(), ids=INCOMPATIBLE)
    def test_refuses(self, old, new, why):
        found = faults(made_of(**old), made_of(**new))
        assert any(one.startswith(why) for one in found), found
