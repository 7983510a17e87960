"""A way to do the work: how fast it is, and what it costs."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self

from benchmarks.measure import Chapter, Role, Series
from benchmarks.procfs import cpu_seconds

COST = (
    "CPU time of all processes, clients and databases included, over the same runs. It says nearly "
    "the same on a busy machine; 1,000 ÷ it is what one core can do in a second."
)


@dataclass
class Contender:
    """Its series in two chapters: rates, and costs."""

    rate: Series
    cost: Series
    parts: dict[str, Series] = field(default_factory=dict)
    """What the cost is made of, by kind of process."""

    @classmethod
    def new(cls, rates: Chapter, costs: Chapter, name: str, role: Role, unit: str) -> Self:
        """Take part in both chapters; `unit` is what is done, in the singular."""
        rate = rates.new(name, role, f"{unit}s/s" if unit != "entry" else "entries/s")
        return cls(rate, costs.new(name, role, f"ms/{unit}"))

    @contextmanager
    def measure(self, total: int) -> Iterator[None]:
        """Record what it takes to do so many."""
        started = time.perf_counter()
        with cpu_seconds() as spent:
            yield
            seconds = time.perf_counter() - started
        self.record(total, seconds, spent)

    def record(self, total: int, seconds: float, spent: Counter[str]) -> None:
        """Record a turn; without a cost where this machine does not tell it."""
        self.rate.add(total / seconds)
        if spent:
            self.cost.add(1000 * sum(spent.values()) / total)
            for kind, series in self.parts.items():
                series.add(1000 * spent[kind] / total)
