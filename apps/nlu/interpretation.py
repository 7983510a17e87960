"""What a text was taken to mean, and the rules that every provider's answer goes through.

Pure: no Django, no clock, no I/O. Confidences are probabilities, 0 to 1.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

OUT_OF_SCOPE: Final = "oos"
"""The intent of a text that belongs to none; the name that the public intent corpora use."""
LOCAL: Final = "local"
"""The provider that is always there: our own classifier."""
TEXT_MAX: Final = 2_000
"""Characters. Longer than what a person types, shorter than any provider's own limit but ES's."""
ALTERNATIVES_MAX: Final = 5

_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Candidate:
    """An intent and how likely it is."""

    intent: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Entity:
    """Something named in the text: `value` is the normal form, `text` what was written."""

    kind: str
    value: str
    text: str
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Interpretation:
    """What a text was taken to mean, by whom, and how it came about."""

    intent: str
    confidence: float
    entities: tuple[Entity, ...] = ()
    alternatives: tuple[Candidate, ...] = ()
    reply: str = ""
    hand_over: bool = False
    """The provider itself asks for a person (Watson's connect_to_agent, Dialogflow's handoff)."""
    provider: str = LOCAL
    degraded: bool = False
    """Not the answer that was wanted first: a fallback's, or none at all."""
    cached: bool = False
    latency_ms: float = 0.0
    context: Mapping[str, Any] = field(default_factory=dict)
    """What the provider wants back with the next text (opaque)."""

    @property
    def in_scope(self) -> bool:
        """Whether the text belongs to any intent."""
        return self.intent != OUT_OF_SCOPE


def unknown(*, provider: str = LOCAL, degraded: bool = False) -> Interpretation:
    """The answer where nobody understood: ask again, or let a person take over."""
    return Interpretation(OUT_OF_SCOPE, 0.0, provider=provider, degraded=degraded)


def clean(text: str) -> str:
    """The text as it is sent to providers: NFC, one line, no control characters.

    Watson refuses CR, LF and TAB in a text.
    """
    line = _SPACES.sub(" ", unicodedata.normalize("NFC", text))
    shown = "".join(char for char in line if char.isprintable())
    # Again, because what was taken out may have stood between two spaces or two halves of a letter.
    return _SPACES.sub(" ", unicodedata.normalize("NFC", shown)).strip()


def normalised(text: str) -> str:
    """The text as caches and single flight know it: case and trailing punctuation do not count."""
    return clean(text).casefold().rstrip(" .!?…")


def with_thresholds(
    found: Interpretation, thresholds: Mapping[str, float], *, default: float
) -> Interpretation:
    """The answer with its intent taken away where it is less sure than that intent must be.

    Providers are sure in different measure, so thresholds are per provider and intent; what was
    taken away stays visible as the first alternative.
    """
    if not found.in_scope or found.confidence >= thresholds.get(found.intent, default):
        return found
    candidates = (Candidate(found.intent, found.confidence), *found.alternatives)
    return replace(found, intent=OUT_OF_SCOPE, alternatives=best(candidates))


def best(candidates: Sequence[Candidate], *, but: str = "") -> tuple[Candidate, ...]:
    """The likeliest candidates without `but`, likeliest first, each once."""
    seen: dict[str, Candidate] = {}
    for one in sorted(candidates, key=lambda one: (-one.confidence, one.intent)):
        if one.intent != but:
            seen.setdefault(one.intent, one)
    return tuple(seen.values())[:ALTERNATIVES_MAX]
