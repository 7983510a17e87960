"""What a text was taken to mean, and the rules that every provider's answer goes through.

Pure: no Django, no clock, no I/O. Confidences are probabilities, 0 to 1.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec

OUT_OF_SCOPE: Final = "oos"
"""The intent of a text that belongs to none; the name that the public intent corpora use."""
LOCAL: Final = "local"
"""The provider that is always there: our own classifier."""
TEXT_MAX: Final = 2_000
"""Characters. Longer than what a person types, shorter than any provider's own limit but ES's."""
ALTERNATIVES_MAX: Final = 5
INTENT_MAX: Final = 100  # characters, of an entity's kind as well
VALUE_MAX: Final = 200  # characters of what an entity names
ENTITIES_MAX: Final = 50
REPLY_MAX: Final = 4_000  # characters, as much as a person may write
CONTEXT_MAX: Final = 100_000  # bytes as JSON

_SPACES = re.compile(r"\s+")
_UNTELLABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
"""Control characters, and halves of characters: neither stored nor shown."""


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


def bounded(found: Interpretation) -> Interpretation:
    """The answer with nothing in it that could not be stored or sent on, whatever a provider said.

    Texts are cut, numbers and places brought into their ranges; a context that is too large, or is
    no JSON that others would read, is forgotten: the dialog goes on without it.
    """
    chance = found.confidence
    return replace(
        found,
        intent=_told(found.intent, INTENT_MAX) or OUT_OF_SCOPE,
        confidence=chance if 0 <= chance <= 1 else 0.0,
        entities=tuple(_bounded_entity(one) for one in found.entities[:ENTITIES_MAX]),
        alternatives=tuple(
            Candidate(_told(one.intent, INTENT_MAX), one.confidence)
            for one in found.alternatives[:ALTERNATIVES_MAX]
        ),
        reply=_told(found.reply, REPLY_MAX).strip(),
        context=_bounded_context(found.context),
    )


def _bounded_entity(one: Entity) -> Entity:
    places = (one.start, one.end)
    start, end = (at if at is not None and 0 <= at <= TEXT_MAX else None for at in places)
    kind, value = _told(one.kind, INTENT_MAX), _told(one.value, VALUE_MAX)
    return Entity(kind, value, _told(one.text, VALUE_MAX), start, end)


def _bounded_context(context: Mapping[str, Any]) -> Mapping[str, Any]:
    if not context:
        return {}
    try:
        raw = msgspec.json.encode(context)  # no integers beyond 64 bits, no half characters
    except (ValueError, TypeError, OverflowError, RecursionError):
        return {}
    if len(raw) > CONTEXT_MAX or b"\\u0000" in raw:
        return {}
    told: Mapping[str, Any] = msgspec.json.decode(raw)  # what is no number has become null
    return told


def _told(text: str, most: int) -> str:
    return _UNTELLABLE.sub("\ufffd", text[:most])
