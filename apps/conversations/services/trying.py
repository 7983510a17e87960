"""A bot tried out by whoever writes its flows: understood as customers are, and nothing is kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from apps.conversations.dialogue import Ask, Close, HandOver, Memory, Reply, next_turn
from apps.conversations.models import Bot
from apps.conversations.selectors.bot import script_of
from apps.nlu.interpretation import Interpretation
from apps.nlu.services import interpret

TEXT_MAX: Final = 2_000  # characters; the bot reads no more of a customer's message either
ENDS: Final = {Reply: "", Ask: "asks", HandOver: "to a person", Close: "the end"}


@dataclass(frozen=True, slots=True)
class Tried:
    """What the bot would have said, and what it took the text for."""

    text: str
    end: str
    """Empty after a reply, else what follows: `asks`, `to a person`, `the end`."""
    found: Interpretation
    memory: dict[str, Any]
    """What it remembers, as JSON: to be given back with the next text."""


def try_out(bot: Bot, text: str, memory: Mapping[str, Any], *, language: str = "") -> Tried:
    """One turn of a conversation that does not exist. Raises `TextRefused` for what is no text."""
    tongue = language or bot.language
    before = msgspec.convert(memory, Memory) if memory else Memory()
    found = interpret(bot.tenant_id, text[:TEXT_MAX], language=tongue)
    turn, after = next_turn(script_of(bot), before, found, text[:TEXT_MAX], tongue)
    return Tried(turn.text, ENDS[type(turn)], found, msgspec.to_builtins(after))
