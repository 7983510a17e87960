"""docs/asyncapi.yaml, held against frames as they come."""

from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml

FILE = Path(__file__).resolve().parents[2] / "docs" / "asyncapi.yaml"


@cache
def document() -> dict[str, Any]:
    """The whole file."""
    found: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return found


def names(operation: str) -> list[str]:
    """The messages of an operation, such as `chatTells`."""
    return [
        one["$ref"].rsplit("/", 1)[1] for one in document()["operations"][operation]["messages"]
    ]


@cache
def _schemas(operation: str, kind: str) -> list[jsonschema.Draft202012Validator]:
    payloads = [document()["components"]["messages"][name]["payload"] for name in names(operation)]
    return [
        jsonschema.Draft202012Validator(one)
        for one in payloads
        if one["properties"]["type"]["const"] == kind
    ]


def check(operation: str, frame: dict[str, Any]) -> None:
    """Raise what is wrong with a frame of this operation; the nearest of several schemas counts."""
    schemas = _schemas(operation, frame["type"])
    assert schemas, f"{operation} has no {frame['type']}"
    faults = [next(schema.iter_errors(frame), None) for schema in schemas]
    if None not in faults:
        raise AssertionError(f"{operation}: {frame}: {faults[-1]}")
