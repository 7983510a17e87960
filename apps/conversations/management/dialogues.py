"""Dialogues to replay: JSON Lines, one dialogue a line.

    {"id": "lost-card", "turns": [{"by": "customer", "text": "…", "after": 1.5}, {"by": "agent", …}]}

`by` is customer or agent; `after` (seconds of thinking before it, optional) defaults to one second. Dialogues
of the past, in any form that `import_conversations` takes, can be replayed, too: what customers and agents said,
with the pauses that they made.
"""

import gzip
import json
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import IO, Annotated, Final, Literal

import msgspec
from django.utils import timezone

from apps.conversations import dialogues as past

BUILT_IN: Final = Path(__file__).with_name("dialogues.jsonl")
TURNS: Final = "turns"
FORMS: Final = (TURNS, *sorted(past.FORMS))
PAUSE_MAX: Final = 3_600  # seconds


class Turn(msgspec.Struct, frozen=True):
    """What one side says."""

    by: Literal["customer", "agent"]
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=past.BODY_MAX)]
    after: Annotated[float, msgspec.Meta(ge=0, le=PAUSE_MAX)] = 1.0


class Dialogue(msgspec.Struct, frozen=True):
    """A conversation that took place, or might have."""

    id: str
    turns: Annotated[list[Turn], msgspec.Meta(min_length=1)]
    customer: str = ""
    """The customer's name; empty: made up."""


def read(path: Path, form: str = TURNS) -> Iterator[Dialogue]:
    """The dialogues of a file, which may be packed. Raises `ValueError` with the line's number, `OSError`."""
    with _opened(path) as lines:
        yield from parse(lines, form)


def _opened(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")


def parse(lines: Iterable[str], form: str = TURNS) -> Iterator[Dialogue]:
    """The dialogues of lines; empty ones, and dialogues in which nobody speaks, are passed over.

    Raises `ValueError`.
    """
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                found = _decode(line) if form == TURNS else _from_past(line, form)
            except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
                raise ValueError(f"line {number}: {error}") from None
            if found is not None:
                yield found


def _decode(line: str) -> Dialogue:
    return msgspec.json.decode(line, type=Dialogue)


def _from_past(line: str, form: str) -> Dialogue | None:
    told = past.FORMS[form](json.loads(line))
    if isinstance(told, dict) and told.get("messages") == []:
        return None
    found = past.read(told, now=timezone.now())
    if not isinstance(found, past.Dialogue):
        raise ValueError("; ".join(f"{one['field']}: {one['detail']}" for one in found))
    said = [one for one in found.messages if one.sender in ("customer", "agent")]
    times = [said[0].sent_at, *(one.sent_at for one in said)] if said else []
    pauses = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    turns = [
        Turn("customer" if one.sender == "customer" else "agent", one.body, min(pause, PAUSE_MAX))
        for one, pause in zip(said, pauses, strict=True)
    ]
    return Dialogue(found.name, turns, found.customer_name) if turns else None
