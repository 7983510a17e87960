"""The bot's rules: from what a customer meant to what the bot does. Pure; no clock, no storage.

A flow belongs to an intent: it asks for its slots, one after another, has them confirmed if it wants
that, and ends in a reply, with people, or with the conversation's end. "Agent please" always works;
who is not understood is asked again once, and then gets a person; who is understood and wants what no
flow is about gets one at once.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from apps.nlu.interpretation import OUT_OF_SCOPE, Entity, Interpretation

AGENT_INTENTS: Final = frozenset({"agent", "human", "talk_to_agent", "speak_to_human"})
SWITCH_FROM: Final = 0.75
"""How sure another intent must be to lead away from a question that was asked."""
TRIES_MAX: Final = 2
"""Answers to one question, and texts in a row, that may be missed before a person takes over."""
ANY: Final = "text"
"""The kind of a slot that takes whatever is said."""

ANSWER_MAX: Final = 500
"""Characters of an answer that are kept, and filled in."""
TEXT_MAX: Final = 4_000
"""Characters that the bot says at once."""

_AGENT = re.compile(
    r"\b(?:agents?|humans?|real person|representative|operator|mitarbeiter(?:in)?|mensch(?:en)?)\b"
    r"|\b(?:talk|speak) to (?:a|some)(?:one|body| person)\b",
    re.IGNORECASE,
)
_YES = frozenset(
    [
        "yes",
        "yep",
        "yeah",
        "y",
        "ok",
        "okay",
        "sure",
        "correct",
        "right",
        "ja",
        "genau",
        "richtig",
        "oui",
        "si",
    ]
)
_NO = frozenset(
    ["no", "nope", "n", "wrong", "not", "don", "dont", "nein", "nicht", "falsch", "non"]
)
_STOP = frozenset(["cancel", "stop", "abbrechen", "stopp", "annuler"])
"""Wherever they stand, nothing is done."""
_WORD = re.compile(r"\w+")
_SLOT = re.compile(r"\w{1,40}")
_PLACE = re.compile(r"\{(\w+)\}")
_REASONS: Final = {
    "asked_for": "the customer asked for a person",
    "not_understood": "it did not understand the customer",
    "no_flow": "it has no flow for what the customer wants",
}
Texts = Mapping[str, str]
"""What is said, by language."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Something that a flow has to know: an entity of a kind, or whatever is said."""

    name: str
    kind: str
    question: Texts


@dataclass(frozen=True, slots=True)
class Flow:
    """What the bot does about an intent."""

    intent: str
    replies: Texts = field(default_factory=dict)
    slots: tuple[Slot, ...] = ()
    confirmation: Texts = field(default_factory=dict)
    then: str = "reply"
    """`reply`, `hand_over` or `close`."""
    skills: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Phrases:
    """What the bot says of itself."""

    ask_again: Texts
    handing_over: Texts
    cancelled: Texts


@dataclass(frozen=True, slots=True)
class Memory:
    """What the bot remembers of a conversation between two messages."""

    intent: str = ""
    slots: Mapping[str, str] = field(default_factory=dict)
    asking: str = ""
    """The slot whose question is open, or `?` for the confirmation."""
    missed: int = 0
    confidence: float = 0.0
    """How sure the intent was, and who said so."""
    provider: str = ""


CONFIRMING: Final = "?"


@dataclass(frozen=True, slots=True)
class Reply:
    """Say something, and wait for whatever comes."""

    text: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask something, and expect the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class HandOver:
    """Let people take over: why, with which skills, and what is known so far."""

    text: str
    reason: str
    skills: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Close:
    """Say goodbye, and end the conversation."""

    text: str


Turn = Reply | Ask | HandOver | Close


@dataclass(frozen=True, slots=True)
class Script:
    """A tenant's flows and phrases."""

    flows: Mapping[str, Flow]
    phrases: Phrases


def next_turn(
    script: Script, memory: Memory, found: Interpretation, text: str, language: str
) -> tuple[Turn, Memory]:
    """What the bot does about a text, and what it remembers afterwards."""
    if found.hand_over or found.intent in AGENT_INTENTS or _AGENT.search(text):
        return _hand_over(script, language, "asked_for", _wished(memory, found))
    open_flow = script.flows.get(memory.intent) if memory.asking else None
    if open_flow is not None and not _leads_away(script, memory, found):
        return _answered(script, open_flow, memory, found, text, language)
    flow = script.flows.get(found.intent)
    if flow is not None:
        begun = replace(_meant(found), slots=_filled(flow, {}, found.entities))
        return _go_on(script, flow, begun, language)
    if found.in_scope and found.reply:
        return Reply(found.reply), _meant(found)
    if found.in_scope:  # in other words it would be the same
        return _hand_over(script, language, "no_flow", _meant(found))
    return _missed(script, replace(memory, asking=""), language)


def _meant(found: Interpretation) -> Memory:
    """A new wish; what was known of the one before is forgotten."""
    return Memory(found.intent, confidence=found.confidence, provider=found.provider)


def _wished(memory: Memory, found: Interpretation) -> Memory:
    """What is wanted besides a person: what was talked about, else what this text may be about."""
    is_wish = found.in_scope and found.intent not in AGENT_INTENTS
    if is_wish and (found.hand_over or not memory.intent) and found.intent != memory.intent:
        return _meant(found)
    return memory


def _leads_away(script: Script, memory: Memory, found: Interpretation) -> bool:
    other = found.intent != memory.intent and found.intent in script.flows
    return other and found.confidence >= SWITCH_FROM


def _answered(
    script: Script, flow: Flow, memory: Memory, found: Interpretation, text: str, language: str
) -> tuple[Turn, Memory]:
    """The answer to an open question."""
    if memory.asking == CONFIRMING:
        return _confirmed(script, flow, memory, text, language)
    slot = next((one for one in flow.slots if one.name == memory.asking), None)
    if slot is None:  # the flow was edited meanwhile
        return _go_on(script, flow, replace(memory, asking=""), language)
    known = _filled(flow, memory.slots, found.entities)
    if slot.name not in known and slot.kind == ANY:
        known[slot.name] = text.strip()[:ANSWER_MAX]
    if slot.name in known:
        return _go_on(script, flow, replace(memory, slots=known, asking="", missed=0), language)
    if memory.missed + 1 >= TRIES_MAX:
        return _hand_over(script, language, "not_understood", memory)
    again = replace(memory, missed=memory.missed + 1)
    return Ask(said(slot.question, language)), again


def _confirmed(
    script: Script, flow: Flow, memory: Memory, text: str, language: str
) -> tuple[Turn, Memory]:
    agrees = agreement(text)
    if agrees is False:
        return Reply(said(script.phrases.cancelled, language)), Memory()
    if agrees:
        return _ended(script, flow, memory, language)
    if memory.missed + 1 >= TRIES_MAX:
        return _hand_over(script, language, "not_understood", memory)
    question = filled_in(said(flow.confirmation, language), memory.slots)
    return Ask(question), replace(memory, missed=memory.missed + 1)


def agreement(text: str) -> bool | None:
    """Whether a text says yes or no; None where it says neither. The first word that does counts."""
    words = _WORD.findall(text.casefold())
    if not _STOP.isdisjoint(words):
        return False
    return next((one in _YES for one in words if one in _YES or one in _NO), None)


def _go_on(script: Script, flow: Flow, memory: Memory, language: str) -> tuple[Turn, Memory]:
    """The next question of a flow, or its end."""
    for slot in flow.slots:
        if slot.name not in memory.slots:
            asking = replace(memory, asking=slot.name, missed=0)
            return Ask(said(slot.question, language)), asking
    if flow.confirmation:
        question = filled_in(said(flow.confirmation, language), memory.slots)
        return Ask(question), replace(memory, asking=CONFIRMING, missed=0)
    return _ended(script, flow, memory, language)


def _ended(script: Script, flow: Flow, memory: Memory, language: str) -> tuple[Turn, Memory]:
    text = filled_in(said(flow.replies, language), memory.slots)
    done = replace(memory, asking="", missed=0)
    if flow.then == "hand_over":
        words = text or said(script.phrases.handing_over, language)
        return HandOver(words, flow.intent, flow.skills), done
    if flow.then == "close":
        return Close(text), Memory()
    return Reply(text), done


def _missed(script: Script, memory: Memory, language: str) -> tuple[Turn, Memory]:
    if memory.missed + 1 >= TRIES_MAX:
        return _hand_over(script, language, "not_understood", memory)
    return Ask(said(script.phrases.ask_again, language)), replace(memory, missed=memory.missed + 1)


def _hand_over(script: Script, language: str, reason: str, memory: Memory) -> tuple[Turn, Memory]:
    flow = script.flows.get(memory.intent)
    skills = flow.skills if flow is not None else {}
    return HandOver(said(script.phrases.handing_over, language), reason, skills), memory


def _filled(flow: Flow, known: Mapping[str, str], entities: Sequence[Entity]) -> dict[str, str]:
    """Slots with what the text named: each entity fills the first free slot of its kind."""
    filled = dict(known)
    for entity in entities:
        free = (one for one in flow.slots if one.kind == entity.kind and one.name not in filled)
        if (slot := next(free, None)) is not None:
            filled[slot.name] = entity.value
    return filled


def said(texts: Texts, language: str) -> str:
    """The text of a language, else of its main part, of English, or the first there is."""
    for name in (language, language.split("-", maxsplit=1)[0], "en"):
        if texts.get(name):
            return texts[name]
    return next(iter(texts.values()), "")


def filled_in(text: str, slots: Mapping[str, str]) -> str:
    """A text with the values of its `{slots}`; a name that is no slot stays as it is."""
    return _PLACE.sub(lambda name: slots.get(name[1], name[0]), text)[:TEXT_MAX]


def summary_of(memory: Memory, reason: str) -> str:
    """What a person is told who takes over: what is wanted, how sure that is, and what is known."""
    lines = [f"Handed over by the bot: {_REASONS.get(reason, f'so says the flow {reason}')}."]
    if memory.intent:
        lines.append(f"Intent: {memory.intent} ({memory.confidence:.0%}, {memory.provider})")
    lines += [f"{name.replace('_', ' ')}: {value}" for name, value in memory.slots.items()]
    return "\n".join(lines)


def faults_of(flow: Flow, language: str, kinds: Collection[str]) -> list[tuple[str, str]]:
    """What would go wrong with a flow, as (field, sentence), before a customer meets it.

    `language` is the bot's own, `kinds` are the entities that are found in texts. Flows do not lead
    into each other, so none can go round in circles; a dead end is a question that nothing answers,
    or an end at which the customer hears nothing.
    """
    found: list[tuple[str, str]] = []
    if flow.intent in AGENT_INTENTS or flow.intent == OUT_OF_SCOPE:
        found.append(
            ("intent", "The bot never gets here: this intent leads to a person or to asking again.")
        )
    if flow.then != "hand_over" and not any(flow.replies.values()):
        found.append(
            ("replies", "The flow ends without a word: say something, or end it with a person.")
        )
    names = [slot.name for slot in flow.slots]
    for slot in flow.slots:
        found += [("slots", text) for text in _slot_faults(slot, names, language, kinds)]
    for field_name, texts in (("replies", flow.replies), ("confirmation", flow.confirmation)):
        if texts and not said_in(texts, language):
            found.append((field_name, f"There is no text in the bot's own language, {language}."))
        places = {place for text in texts.values() for place in _PLACE.findall(text)}
        found += [
            (
                field_name,
                f"{{{place}}} is no slot of this flow: customers would read it as it stands.",
            )
            for place in sorted(places.difference(names))
        ]
    return found


def _slot_faults(
    slot: Slot, names: Sequence[str], language: str, kinds: Collection[str]
) -> Iterator[str]:
    if not _SLOT.fullmatch(slot.name):
        yield f"{slot.name!r}: a slot's name has letters, digits and _ only."
    if names.count(slot.name) > 1:
        yield f"{slot.name} is there twice."
    if slot.kind != ANY and slot.kind not in kinds:
        known = ", ".join(sorted(kinds))
        yield f"{slot.name}: nothing is ever found of the kind {slot.kind}; known are {known}, {ANY}."
    if not said_in(slot.question, language):
        yield f"{slot.name}: there is no question in the bot's own language, {language}."


def said_in(texts: Texts, language: str) -> bool:
    """Whether there is a text of a language, or of its main part."""
    return bool(texts.get(language) or texts.get(language.split("-", maxsplit=1)[0]))
