"""The bot's rules: from what a customer meant to what the bot does. Pure; no clock, no storage.

A flow belongs to an intent: it asks for its slots, one after another, has them confirmed if it wants
that, and ends in a reply, with people, or with the conversation's end. "Agent please" always works;
who is not understood is asked again once, and then gets a person.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from apps.nlu.interpretation import Entity, Interpretation

AGENT_INTENTS: Final = frozenset({"agent", "human", "talk_to_agent", "speak_to_human"})
SWITCH_FROM: Final = 0.75
"""How sure another intent must be to lead away from a question that was asked."""
TRIES_MAX: Final = 2
"""Answers to one question, and texts in a row, that may be missed before a person takes over."""
ANY: Final = "text"
"""The kind of a slot that takes whatever is said."""

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
        "please",
        "ja",
        "genau",
        "richtig",
        "oui",
        "si",
    ]
)
_NO = frozenset(["no", "nope", "n", "wrong", "not", "cancel", "stop", "nein", "falsch", "non"])
_WORD = re.compile(r"\w+")
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
        return _hand_over(script, language, "asked_for", memory, found)
    open_flow = script.flows.get(memory.intent) if memory.asking else None
    if open_flow is not None and not _leads_away(script, memory, found):
        return _answered(script, open_flow, memory, found, text, language)
    flow = script.flows.get(found.intent)
    if flow is not None:
        begun = Memory(intent=found.intent, slots=_filled(flow, {}, found.entities))
        return _go_on(script, flow, begun, language)
    if found.in_scope and found.reply:
        return Reply(found.reply), Memory(intent=found.intent)
    return _missed(script, replace(memory, asking=""), language, found)


def _leads_away(script: Script, memory: Memory, found: Interpretation) -> bool:
    other = found.intent != memory.intent and found.intent in script.flows
    return other and found.confidence >= SWITCH_FROM


def _answered(
    script: Script, flow: Flow, memory: Memory, found: Interpretation, text: str, language: str
) -> tuple[Turn, Memory]:
    """The answer to an open question."""
    if memory.asking == CONFIRMING:
        return _confirmed(script, flow, memory, text, language, found)
    slot = next((one for one in flow.slots if one.name == memory.asking), None)
    if slot is None:  # the flow was edited meanwhile
        return _go_on(script, flow, replace(memory, asking=""), language)
    known = _filled(flow, memory.slots, found.entities)
    if slot.name not in known and slot.kind == ANY:
        known[slot.name] = text.strip()
    if slot.name in known:
        return _go_on(script, flow, replace(memory, slots=known, asking="", missed=0), language)
    if memory.missed + 1 >= TRIES_MAX:
        return _hand_over(script, language, "not_understood", memory, found, flow)
    again = replace(memory, missed=memory.missed + 1)
    return Ask(said(slot.question, language)), again


def _confirmed(
    script: Script,
    flow: Flow,
    memory: Memory,
    text: str,
    language: str,
    found: Interpretation,
) -> tuple[Turn, Memory]:
    words = set(_WORD.findall(text.casefold()))
    if words & _NO:
        return Reply(said(script.phrases.cancelled, language)), Memory()
    if words & _YES:
        return _ended(script, flow, memory, language)
    if memory.missed + 1 >= TRIES_MAX:
        return _hand_over(script, language, "not_understood", memory, found, flow)
    question = filled_in(said(flow.confirmation, language), memory.slots)
    return Ask(question), replace(memory, missed=memory.missed + 1)


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


def _missed(
    script: Script, memory: Memory, language: str, found: Interpretation
) -> tuple[Turn, Memory]:
    if memory.missed + 1 >= TRIES_MAX:
        return _hand_over(script, language, "not_understood", memory, found)
    return Ask(said(script.phrases.ask_again, language)), replace(memory, missed=memory.missed + 1)


def _hand_over(
    script: Script,
    language: str,
    reason: str,
    memory: Memory,
    found: Interpretation,
    flow: Flow | None = None,
) -> tuple[Turn, Memory]:
    flow = flow or script.flows.get(found.intent) or script.flows.get(memory.intent)
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
    return re.sub(r"\{(\w+)\}", lambda name: slots.get(name[1], name[0]), text)


def summary_of(memory: Memory, found: Mapping[str, Any], reason: str) -> str:
    """What a person is told who takes over: what is wanted, how sure that is, and what is known."""
    lines = [f"Handed over by the bot: {reason.replace('_', ' ')}."]
    intent = found.get("intent") or memory.intent
    if intent:
        lines.append(
            f"Intent: {intent} ({found.get('confidence', 0):.0%}, {found.get('provider')})"
        )
    lines += [f"{name.replace('_', ' ')}: {value}" for name, value in memory.slots.items()]
    return "\n".join(lines)
