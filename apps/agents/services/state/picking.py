"""Pick and reserve, in one round trip; and settle what was picked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from apps.agents.matching import RANKING, Rules
from apps.agents.services.state.copying import refresh
from apps.agents.services.state.scripts import run, text

HOLD_MS: Final = 10_000
"""How long a reservation waits for its confirmation; after that its worker is taken for dead."""
MATCHES: Final = 50
"""Matches of one call, which are confirmed in one transaction."""
SCAN: Final = 1_000
"""Waiting works that one call looks at: some milliseconds, in which Redis serves nobody else."""


@dataclass(frozen=True, slots=True)
class Pick:
    """Work (by row) that is reserved for an agent, under a token that grows with every pick."""

    work: UUID
    agent: UUID
    fence: int


@dataclass(frozen=True, slots=True)
class Picks:
    """What one call found. `place`: where to look on, where there is more to look at."""

    cold: bool
    more: bool
    place: int
    picks: Sequence[Pick]


def pick(
    tenant: int, rules: Rules, *, place: int = 0, most: int = MATCHES, now: int | None = None
) -> Picks:
    """Give out what can be given out, from a place in the line on. Raises `StateUnavailable`."""
    steps = ",".join(f"{after}:{drop}" for after, drop in rules.relax)
    found = run(
        "match",
        tenant,
        ",".join(RANKING[rules.strategy]),
        steps,
        rules.sticky_ms,
        rules.warm_gap_ms,
        most,
        SCAN,
        place,
        HOLD_MS,
        "" if now is None else now,
    )
    state, reached, *flat = map(text, found)
    triples = zip(flat[::3], flat[1::3], flat[2::3], strict=True)
    return Picks(
        cold=state == "cold",
        more=state == "more",
        place=int(reached),
        picks=[Pick(UUID(work), UUID(agent), int(fence)) for work, agent, fence in triples],
    )


def settle(tenant: int, picks: Sequence[Pick]) -> None:
    """The tables have decided about these picks, either way: copy what they say now."""
    refresh(
        tenant,
        agents={one.agent for one in picks},
        works={one.work for one in picks},
        settled=[(one.work, one.fence) for one in picks],
    )


def is_news(tenant: int, due: datetime, now: datetime) -> bool:
    """Whether an alarm at this time comes before the one that is set; it is set by this.

    Raises `StateUnavailable`.
    """
    at, present = int(due.timestamp() * 1000), int(now.timestamp() * 1000)
    return bool(int(run("alarm", tenant, at, present)))
