"""Holds a history of calls against the log and its effects, as Jepsen does for Kafka.

The anomalies: a lost fact (acknowledged, not in the log), a phantom (in the log, never told or taken
back), half a unit of work, a duplicate, facts of one client and key out of order, a gap in the
offsets; and of every handler: an effect lost, doubled or out of order.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any


@dataclass(frozen=True)
class Call:
    """A unit of work that a client tried."""

    client: str
    facts: tuple[tuple[str, int], ...]
    outcome: str
    """ok, failed (nothing of it may be there) or unknown (all of it or nothing)."""
    seconds: float = 0.0


@dataclass(frozen=True)
class Fact:
    """A fact in the log."""

    partition: int
    offset: int
    key: str
    number: int


@dataclass
class Run:
    """What was tried and what came of it."""

    calls: list[Call]
    log: list[Fact]
    effects: Mapping[str, Sequence[Fact]]
    """Of every handler, in the order of effect; a handler that took nothing has an empty list."""
    held: Mapping[str, set[tuple[int, int]]] = field(default_factory=dict)
    """Partition and offset of what waits behind parked keys, for each handler."""
    spans: Sequence[tuple[int, int, int, int]] = ()
    """Partition, number of facts, lowest and highest offset: of the whole log."""


def calls_of(lines: Iterable[Mapping[str, Any]]) -> list[Call]:
    """Calls from a history: what was begun and never ended is unknown."""
    calls: dict[tuple[str, int], Call] = {}
    for line in lines:
        outcome = {"began": "unknown"}.get(line["outcome"], line["outcome"].partition(":")[0])
        facts = tuple((key, number) for key, number in line["facts"])
        call = Call(line["client"], facts, outcome, line.get("seconds", 0.0))
        calls[line["client"], line["turn"]] = call
    return list(calls.values())


def anomalies(run: Run) -> list[str]:
    """Everything that breaks the promise; empty if it was kept."""
    return [
        *_of_the_log(run),
        *_of_the_order(run),
        *(
            one
            for name, effects in run.effects.items()
            for one in _of_a_handler(name, effects, run)
        ),
    ]


def _of_the_log(run: Run) -> Iterator[str]:
    stored = Counter((one.key, one.number) for one in run.log)
    known = set()
    for call in run.calls:
        known.update(call.facts)
        there = [fact for fact in call.facts if fact in stored]
        if call.outcome == "ok":
            yield from (f"lost: {fact}" for fact in call.facts if fact not in stored)
        elif call.outcome == "failed":
            yield from (f"phantom: {fact} was taken back" for fact in there)
        elif there and len(there) < len(call.facts):
            yield f"half a unit of work: {there} of {call.facts}"
    yield from (f"phantom: nobody told {fact}" for fact in stored if fact not in known)
    yield from (f"duplicate in the log: {fact}" for fact, count in stored.items() if count > 1)


def _of_the_order(run: Run) -> Iterator[str]:
    for partition, count, lowest, highest in run.spans:
        if count != highest - lowest + 1:
            yield f"gap: partition {partition} holds {count} between {lowest} and {highest}"
    position = {(one.key, one.number): one.offset for one in run.log}
    told: dict[tuple[str, str], list[tuple[str, int]]] = defaultdict(list)
    for call in run.calls:
        for fact in call.facts:
            if fact in position:
                told[call.client, fact[0]].append(fact)
    for facts in told.values():
        yield from (
            f"out of order in the log: {a} before {b}"
            for a, b in pairwise(facts)
            if position[a] >= position[b]
        )


def _of_a_handler(name: str, effects: Sequence[Fact], run: Run) -> Iterator[str]:
    counts = Counter(effects)
    held = run.held.get(name, set())
    yield from (f"{name}: twice: {one}" for one, count in counts.items() if count > 1)
    log = set(run.log)
    yield from (f"{name}: effect of nothing: {one}" for one in counts if one not in log)
    for one in run.log:
        if (one.partition, one.offset) in held:
            if one in counts:
                yield f"{name}: held and done: {one}"
        elif one not in counts:
            yield f"{name}: lost: {one}"
    by_key: dict[str, list[Fact]] = defaultdict(list)
    for one in effects:
        by_key[one.key].append(one)
    for facts in by_key.values():
        yield from (
            f"{name}: out of order: {a} before {b}"
            for a, b in pairwise(facts)
            if a.offset >= b.offset
        )
