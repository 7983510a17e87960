"""Public corpora of what people write, where they are at hand: `LOCKSTEP_DATA`, else `../shared/data`.

None of them is part of this repository; rows that need one are left out without it.
"""

import csv
import gzip
import json
import os
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.lab import ROOT

OUTSIDE = "oos"


@dataclass(frozen=True)
class Turn:
    """What a customer wrote, and what people took it to mean."""

    text: str
    intent: str


@dataclass(frozen=True)
class Part:
    """Texts with their intents."""

    texts: list[str]
    intents: list[str]

    @classmethod
    def of(cls, pairs: Sequence[tuple[str, str]]) -> "Part":
        return cls([text for text, _ in pairs], [intent for _, intent in pairs])


def folder(name: str) -> Path:
    given = os.environ.get("LOCKSTEP_DATA")
    return (Path(given) if given else ROOT.parent / "shared" / "data") / name


def customers_turns(domain: str) -> list[Turn]:
    """Turns of MultiDoGO, in their order; none where it is not at hand."""
    file = folder("conversations_multidogo") / f"{domain}.jsonl.gz"
    if not file.exists():
        return []
    return [
        Turn(turn["text"], (turn["intents"] or [OUTSIDE])[0])
        for line in _lines(file)
        for turn in line["customer_turns"]
        if turn["text"].strip()
    ]


def clinc150() -> tuple[Part, Part] | None:
    """Its train and validation parts (the test part is not at hand), texts of no intent included."""
    place = folder("intents_clinc150")
    if not place.exists():
        return None

    def part(*names: str) -> Part:
        lines = [line for name in names for line in _lines(place / f"{name}.jsonl.gz")]
        return Part.of([(line["text"], line["intent"]) for line in lines])

    return part("train", "oos_train"), part("val", "oos_val")


def banking77() -> list[tuple[str, str]]:
    """Its train part."""
    return _rows(folder("intents_banking77") / "train.csv.gz", "text", "category")


def hwu64() -> list[tuple[str, str]]:
    """The train part that Dialogflow, LUIS, Watson and Cognigy were measured with."""
    return _rows(folder("intents_hwu64") / "large_train.csv.gz", "text", "intent")


def split(pairs: Sequence[tuple[str, str]], *, aside: float, seed: int) -> tuple[Part, Part]:
    """What to learn from and what to ask: of each intent the same share is kept aside."""
    by_intent: dict[str, list[str]] = defaultdict(list)
    for text, intent in pairs:
        by_intent[intent].append(text)
    learn, ask = [], []
    dice = random.Random(seed)
    for intent in sorted(by_intent):
        texts = by_intent[intent]
        dice.shuffle(texts)
        kept = max(1, round(aside * len(texts)))
        ask += [(text, intent) for text in texts[:kept]]
        learn += [(text, intent) for text in texts[kept:]]
    return Part.of(learn), Part.of(ask)


def _lines(file: Path) -> Iterator[Any]:
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _rows(file: Path, text: str, intent: str) -> list[tuple[str, str]]:
    if not file.exists():
        return []
    with gzip.open(file, "rt", encoding="utf-8", newline="") as lines:
        return [(row[text], row[intent]) for row in csv.DictReader(lines)]
