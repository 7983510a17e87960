"""Dialogues to replay: JSON Lines, one dialogue a line.

    {"id": "lost-card", "turns": [{"by": "customer", "text": "…", "after": 1.5}, {"by": "agent", …}]}

`by` is customer or agent; `after` (seconds of thinking before it, optional) defaults to one second.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

BUILT_IN: Final = Path(__file__).with_name("dialogues.jsonl")


class Turn(msgspec.Struct, frozen=True):
    """What one side says."""

    by: Literal["customer", "agent"]
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=16_000)]
    after: Annotated[float, msgspec.Meta(ge=0, le=3_600)] = 1.0


class Dialogue(msgspec.Struct, frozen=True):
    """A conversation that took place, or might have."""

    id: str
    turns: Annotated[list[Turn], msgspec.Meta(min_length=1)]
    customer: str = ""
    """The customer's name; empty: made up."""


def read(path: Path) -> Iterator[Dialogue]:
    """The dialogues of a file. Raises `ValueError` with the line's number, `OSError`."""
    with path.open(encoding="utf-8") as lines:
        yield from parse(lines)


def parse(lines: Iterable[str]) -> Iterator[Dialogue]:
    """The dialogues of lines; empty ones are passed over. Raises `ValueError`."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield msgspec.json.decode(line, type=Dialogue)
            except msgspec.MsgspecError as error:
                raise ValueError(f"line {number}: {error}") from None
