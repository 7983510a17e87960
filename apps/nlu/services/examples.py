"""Examples: read from files, checked, and kept."""

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import IO, Any
from uuid import UUID

from apps.core.exceptions import Fault, fault
from apps.nlu.exceptions import ExamplesRefused, TextNotKept
from apps.nlu.interpretation import INTENT_MAX, OUT_OF_SCOPE, TEXT_MAX
from apps.nlu.models import Example, Turn

EXAMPLES_MAX = 200_000
FAULTS_SHOWN = 20
CHUNK = 1_000  # rows an INSERT
Pair = tuple[str, str]
"""A text and its intent."""


def read_examples(file: IO[str]) -> list[Pair]:
    """The (text, intent) pairs of a CSV with the columns `text` and `intent`.

    Raises `ExamplesRefused` with the line and reason of every fault (the first twenty).
    """
    reader = csv.DictReader(file)
    missing = [name for name in ("text", "intent") if name not in (reader.fieldnames or [])]
    if missing:
        detail = f"A column {missing[0]!r} is needed."
        raise ExamplesRefused(errors=[fault("file", "missing_column", detail)])
    found: list[Pair] = []
    faults: list[Fault] = []
    try:
        for row in reader:
            text, intent = (row["text"] or "").strip(), (row["intent"] or "").strip()
            if reason := _reason(text, intent):
                faults.append(fault(f"line {reader.line_num}", *reason))
            else:
                found.append((text, intent))
    except (csv.Error, UnicodeDecodeError) as error:
        faults.append(fault(f"line {reader.line_num}", "unreadable", str(error)))
    if faults:
        raise ExamplesRefused(errors=faults[:FAULTS_SHOWN])
    return found


def checked(pairs: Sequence[Pair]) -> list[Pair]:
    """What can be learned from: each text once, at least two intents with two examples each.

    Of a text that was given several intents the last counts. Raises `ExamplesRefused`.
    """
    once = list({text: (text, intent) for text, intent in pairs}.values())
    counts = Counter(intent for _, intent in once)
    inside = [intent for intent in counts if intent != OUT_OF_SCOPE]
    faults = [
        fault(intent, "too_few_examples", "An intent needs at least two examples.")
        for intent, count in sorted(counts.items())
        if count < 2  # noqa: PLR2004 - one to learn from, one to keep aside
    ]
    if len(inside) < 2:  # noqa: PLR2004 - with one there is nothing to tell apart
        faults.append(fault("intent", "too_few_intents", "At least two intents are needed."))
    if len(once) > EXAMPLES_MAX:
        faults.append(fault("text", "too_many", f"At most {EXAMPLES_MAX:,} examples are learned."))
    if faults:
        raise ExamplesRefused(errors=faults[:FAULTS_SHOWN])
    return once


def add_examples(tenant: int, pairs: Iterable[Pair], *, language: str = "en") -> int:
    """Keep examples; a text that is known gets the new intent. How many were given."""
    rows = [
        Example(tenant_id=tenant, text=text, intent=intent, language=language)
        for text, intent in dict(pairs).items()
    ]
    options: dict[str, Any] = {
        "update_conflicts": True,
        "unique_fields": ["tenant", "language", "text"],
        "update_fields": ["intent"],
    }
    Example.objects.bulk_create(rows, batch_size=CHUNK, **options)
    return len(rows)


def label(tenant: int, turn: UUID, intent: str) -> None:
    """Make an example of what a customer wrote: this is what it meant. The next training learns it.

    Raises `TextNotKept` where the turn has no text (any more), and `ExamplesRefused`.
    """
    row = Turn.objects.for_tenant(tenant).filter(pk=turn).first()
    if row is None or not row.text:
        raise TextNotKept(turn=str(turn))
    text, named = row.text.strip(), intent.strip()
    if reason := _reason(text, named):
        raise ExamplesRefused(errors=[fault("intent", *reason)])
    add_examples(tenant, [(text, named)], language=row.language)


def _reason(text: str, intent: str) -> tuple[str, str] | None:
    if not text or len(text) > TEXT_MAX or "\x00" in text:
        return "bad_text", f"A text has 1 to {TEXT_MAX} characters."
    if not intent or len(intent) > INTENT_MAX or not intent.isprintable():
        return "bad_intent", f"An intent has 1 to {INTENT_MAX} printable characters."
    return None
