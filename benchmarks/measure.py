"""Figures: series of values by round, the goals that they are held to, and taking turns."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

Role = Literal["ours", "limit", "peer", "also"]
Turn = tuple[str, Callable[[], None]]
"""A contender's turn: its name, and what it does; it adds to its own series."""


@dataclass
class Series:
    """One figure, measured once a round."""

    name: str
    role: Role
    unit: str
    values: list[float] = field(default_factory=list)

    def add(self, value: float) -> None:
        self.values.append(value)

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def low(self) -> float:
        return min(self.values)

    @property
    def high(self) -> float:
        return max(self.values)


@dataclass
class Goal:
    """What a figure is held to."""

    text: str
    value: float
    bound: float
    at_least: bool
    unit: str = "×"

    @property
    def is_met(self) -> bool:
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def __str__(self) -> str:
        sign = "≥" if self.at_least else "≤"
        return f"{self.text}: {short(self.value)} {self.unit} ({sign} {short(self.bound)})"


@dataclass
class Chapter:
    """What belongs together: series that were measured in turns, and their goals."""

    key: str
    title: str
    how: str
    series: list[Series] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)

    def new(self, name: str, role: Role, unit: str) -> Series:
        self.series.append(Series(name, role, unit))
        return self.series[-1]

    def ratio(self, text: str, ours: Series, other: Series, at_least: float) -> None:
        """Hold the quotient of two medians to a bound."""
        if ours.values and other.values:
            self.goals.append(Goal(text, ours.median / other.median, at_least, at_least=True))

    def at_least(self, text: str, ours: Series, bound: float) -> None:
        if ours.values:
            self.goals.append(Goal(text, ours.median, bound, at_least=True, unit=ours.unit))

    def at_most(self, text: str, ours: Series, bound: float) -> None:
        if ours.values:
            self.goals.append(Goal(text, ours.median, bound, at_least=False, unit=ours.unit))

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        series = [Series(**one) for one in data["series"]]
        goals = [Goal(**one) for one in data["goals"]]
        return cls(**{**data, "series": series, "goals": goals})


def take_turns(turns: Sequence[Turn], rounds: int, say: Callable[[str], None]) -> None:
    """A B C, B C A, C A B …: nobody always comes first, or always after the same one."""
    for number in range(rounds):
        start = number % len(turns)
        for name, turn in [*turns[start:], *turns[:start]]:
            say(f"round {number + 1} of {rounds}: {name}")
            turn()


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which this share of the values lies."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def short(value: float) -> str:
    """A figure as people read it: three digits that count."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
