"""What the stubs understand: examples, compared by the words that they share. Seeded, not clever."""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_WORD: Final = re.compile(r"\w+")
_ACCOUNT: Final = re.compile(r"\bACC-\d+\b")
SURE_FROM: Final = 0.34
"""Of words in common; below it a text is taken for none of the intents."""
BUILT_IN: Final = (
    ("hello there", "greeting"), ("good morning", "greeting"),
    ("what is my balance", "balance"), ("how much money do i have", "balance"),
    ("i lost my card", "lost_card"), ("my card was stolen", "lost_card"),
    ("when are you open", "opening_hours"), ("what are your opening hours", "opening_hours"),
    ("i want to talk to a person", "agent"), ("agent please", "agent"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Understood:
    """Intents with their confidences, likeliest first; none where nothing fits."""

    intents: tuple[tuple[str, float], ...]
    accounts: tuple[tuple[str, int, int], ...] = ()
    """Numbers of accounts that the text names, and where they stand."""

    @property
    def top(self) -> tuple[str, float] | None:
        """The likeliest."""
        return self.intents[0] if self.intents else None


class Brain:
    """Examples by their words."""

    def __init__(self, examples: Iterable[tuple[str, str]] = BUILT_IN) -> None:
        """Of (text, intent) pairs; those of no intent are left out."""
        self._examples = [(words_of(text), intent) for text, intent in examples if intent != "oos"]

    @classmethod
    def of_file(cls, path: Path) -> "Brain":
        """Of a CSV with the columns text,intent."""
        with path.open(encoding="utf-8", newline="") as file:
            return cls((row["text"], row["intent"]) for row in csv.DictReader(file))

    def understand(self, text: str) -> Understood:
        """What a text means."""
        words = words_of(text)
        found: dict[str, float] = {}
        for known, intent in self._examples:
            share = len(words & known) / max(len(words | known), 1)
            found[intent] = max(found.get(intent, 0.0), share)
        likely = [(intent, share) for intent, share in found.items() if share >= SURE_FROM]
        ranked = sorted(likely, key=lambda one: (-one[1], one[0]))[:5]
        return Understood(
            tuple((name, round(0.5 + share / 2, 4)) for name, share in ranked),
            tuple((one[0], one.start(), one.end()) for one in _ACCOUNT.finditer(text)),
        )


def words_of(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(_WORD.findall(text.casefold()))
