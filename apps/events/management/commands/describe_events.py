"""`manage.py describe_events`: the catalogue of events, made from the contracts (docs/events.md)."""

import inspect
import io
import tokenize
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, Final, get_args, get_origin
from uuid import UUID

import msgspec
from django.core.management.base import BaseCommand

from apps.events import contracts, registry
from apps.events.contracts import Contract

_INTRODUCTION: Final = """\
# Events

Made by `manage.py describe_events docs/events.md`; a test fails when it is out of date.

Every fact that the log holds, by topic. An event is frozen and versioned; its data is JSON with
amounts as strings and times in ISO 8601, UTC. Around the data every event carries: `id` (UUIDv7),
`tenant_id`, `key` (the entity whose order is kept), `topic`, `partition` and `offset` (its place),
`occurred_at`, `recorded_at` and `headers`.

The golden JSON Schema of each version is in `tests/contracts/`.
"""
_TEXTS: Final = {
    UUID: "UUID",
    Decimal: "decimal",
    datetime: "time",
    date: "date",
    str: "text",
    int: "whole number",
    bool: "true or false",
    type(None): "nothing",
}


class Command(BaseCommand):
    """Describe every event."""

    help = "Write the catalogue of events (Markdown), to FILE or to the screen."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """FILE."""
        parser.add_argument("file", nargs="?", type=Path, help="for example: docs/events.md")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write what the code says."""
        text = catalogue(
            one for one in contracts.contracts() if one.type.__module__.startswith("apps.")
        )
        if options["file"] is None:
            self.stdout.write(text, ending="")
        else:
            options["file"].write_text(text)
            self.stdout.write(f"written: {options['file']}")


def catalogue(found: Iterable[Contract]) -> str:
    """All of these events, by topic, as one Markdown page."""
    by_topic = sorted(found, key=lambda one: (contracts.TOPICS.index(one.topic), one.name))
    parts = [_INTRODUCTION]
    for topic, group in groupby(by_topic, key=lambda one: one.topic):
        parts.append(f"## Topic `{topic}`\n")
        parts += ["\n".join(_describe(one)) for one in group]
    return "\n".join(parts)


def _describe(contract: Contract) -> Iterator[str]:
    """One event: what it says, who hears it, what it holds."""
    cls = contract.type
    yield f"### `{contract.name}` v{contract.version}\n"
    yield f"{inspect.getdoc(cls)}\n"
    heard = [
        f"`{one.name}` (lane `{one.lane}`)"
        for one in registry.handlers()
        if contract.name in one.names
    ]
    yield f"Told as `{cls.__name__}` in `{cls.__module__}`. Heard by {', '.join(heard) or 'nobody yet'}.\n"
    yield from _fields(cls)
    for inner in _structs_in(cls):
        yield f"Each `{inner.__name__}`: {_first_line(inner)}\n"
        yield from _fields(inner)


def _fields(cls: type[msgspec.Struct]) -> Iterator[str]:
    comments = _comments(cls)
    yield "| field | type | |"
    yield "|---|---|---|"
    for one in msgspec.structs.fields(cls):
        optional = "" if one.required else "optional; "
        meaning = f"{optional}{comments.get(one.name, '')}".removesuffix("; ")
        yield f"| `{one.encode_name}` | {_text_of(one.type)} | {_cell(meaning)} |"
    yield ""


def _text_of(kind: Any) -> str:
    """A type in words: `tuple[Fee, ...]` is "list of `Fee`"."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _text_of(inner[0])
    if origin is tuple or origin is list:
        return f"list of {_text_of(inner[0])}"
    if inner:
        return " or ".join(_text_of(one) for one in inner)
    return _TEXTS.get(kind) or f"`{kind.__name__}`"


def _structs_in(cls: type[msgspec.Struct]) -> list[type[msgspec.Struct]]:
    kinds = (
        inner for one in msgspec.structs.fields(cls) for inner in (one.type, *get_args(one.type))
    )
    return [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, msgspec.Struct)]


def _comments(cls: type) -> dict[str, str]:
    """What stands behind each field on its line; the source is where fields are explained."""
    source = inspect.getsource(cls)
    names = {
        number: line.split(":")[0].strip()
        for number, line in enumerate(source.splitlines(), 1)
        if ":" in line
    }
    return {
        names[token.start[0]]: token.string.removeprefix("#").strip()
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT and token.start[0] in names
    }


def _first_line(cls: type) -> str:
    return (inspect.getdoc(cls) or "").splitlines()[0]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
