"""What the engine is asked to do, and what it tells of how it was done."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from apps.nlu.backends.wire import Ask, Provider
from apps.nlu.interpretation import Interpretation
from apps.nlu.selection import Choice

DEADLINE: Final = 1.9
"""Seconds after which the local classifier answers; the rest of the two is for the way back."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How a tenant wants its providers used."""

    choice: Choice = Choice.ORDER
    race: int = 0
    """How many providers are asked at once; 0 and 1: one after another."""
    hedge_share: float = 0.1
    """Second calls, as a part of first ones; 0: never."""
    cache: bool = True
    deadline: float = DEADLINE


@dataclass(frozen=True, slots=True)
class Plan:
    """One question with everything that is needed to answer it."""

    tenant: int
    ask: Ask
    providers: tuple[Provider, ...]
    local: Callable[[str], Interpretation]
    """The classifier that is always there; its version is part of the cache's key."""
    local_version: str = ""
    terms: Terms = Terms()
    asked_at: float = field(default_factory=time.monotonic)
    """Of the process's monotonic clock: the deadline counts from here, wherever time was spent."""

    @property
    def left(self) -> float:
        """Seconds until the deadline; none are left once it has passed."""
        return max(self.terms.deadline - (time.monotonic() - self.asked_at), 0.0)


@dataclass(slots=True)
class Attempt:
    """One call to a provider, for the record."""

    provider: str
    role: str  # first, retry, fallback, hedge, race
    began: float  # seconds after the question
    seconds: float = 0.0
    outcome: str = "cancelled"
    """`ok`, the failure's name, `cancelled`, `open` (breaker), `quota` (own bucket), `crowded`."""
    cost: float = 0.0
    won: bool = False


@dataclass(slots=True)
class Answer:
    """The interpretation, and how it came about."""

    found: Interpretation
    attempts: list[Attempt] = field(default_factory=list)
    shared: bool = False
    """Another caller had asked the same thing at the same time, and was answered together."""
