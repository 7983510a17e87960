"""What Redis believes, to be compared with the tables."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from apps.agents.services.state.scripts import run, text


@dataclass(frozen=True, slots=True)
class Belief:
    """An agent's copy."""

    version: int
    load: int
    ready: bool
    held: int = 0
    """Reserved, and not yet confirmed."""
    has_room: bool = False
    """Whether a pick would look at them."""


@dataclass(frozen=True, slots=True)
class Beliefs:
    """Copies as they were at one moment. `works`: version, and whether it waits or is reserved."""

    cold: bool
    agents: dict[UUID, Belief]
    works: dict[UUID, tuple[int, bool]]
    line: set[UUID]


def dump(tenant: int, agents: Collection[UUID], works: Collection[UUID]) -> Beliefs:
    """What is believed of these agents and works, and who is in the line. Raises `StateUnavailable`."""
    warm, people, waiting, line = run("dump", tenant, *map(str, agents), "|", *map(str, works))
    flat = list(map(text, people))
    found = {}
    for begin in range(0, len(flat), 6):
        name, version, load, held, ready, has_room = flat[begin : begin + 6]
        found[UUID(name)] = Belief(
            int(version), int(load), ready == "1", int(held), has_room == "1"
        )
    flat = list(map(text, waiting))
    lines = {
        UUID(flat[begin]): (int(flat[begin + 1]), flat[begin + 2] == "1")
        for begin in range(0, len(flat), 3)
    }
    return Beliefs(not int(warm), found, lines, {UUID(text(one)) for one in line})


def forget(tenant: int, works: Collection[UUID]) -> None:
    """Take works out of the line that the tables do not know as waiting. Raises `StateUnavailable`."""
    if works:
        run("forget", tenant, *map(str, works))
