"""Who gets which work: the rule, in pure form. `services/state/match.lua` is the same rule in Redis.

Work is looked at in its order (`Need.order_at`, then id). The first agent of the strategy's ranking
who may take it gets it; work that nobody may take now is passed over and keeps its place. Times are
milliseconds since 1970, weights thousandths of one conversation; all are integers, so that both
forms of the rule calculate alike.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

LEVEL_MAX: Final = 5
UNIT: Final = 1_000
"""The weight of one conversation."""
TURN: Final = 1_000_000
"""What a match adds to an agent's turn in the rotation, divided by the agent's share."""
UNKNOWN_SPEED: Final = 2**31
"""The response time of an agent who never answered: nobody is slower, so nobody is displaced."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An agent as the rule sees them."""

    id: str
    capacity: int
    load: int = 0
    skills: Mapping[str, int] = field(default_factory=dict)
    languages: frozenset[str] = frozenset()
    """None: speaks them all."""
    team: str = ""
    weight: int = 1
    speed: int = UNKNOWN_SPEED
    """Smoothed time to a first response, ms."""
    matched_at: int = 0
    turn: int = 0
    online: bool = True
    present_until: int = 2**52
    open_from: int = 0
    open_until: int = 2**52
    warm_until: int = 0
    """Until then work comes only at intervals."""


@dataclass(frozen=True, slots=True)
class Need:
    """Work as the rule sees it."""

    id: str
    queued_at: int
    """Since when it waits for whom it asks for; what was served or transferred began anew."""
    order_at: int
    skills: Mapping[str, int] = field(default_factory=dict)
    language: str = ""
    weight: int = UNIT
    only_team: str = ""
    only_agent: str = ""
    fallback_at: int = 0
    """From then on not only that team or agent."""
    sticky: str = ""
    declined: Mapping[str, int] = field(default_factory=dict)
    """Agents who said no, and when they may be asked again."""


@dataclass(frozen=True, slots=True)
class Rules:
    """A tenant's rules. `relax`: (after ms, levels less), ascending."""

    strategy: str = "least_load"
    relax: tuple[tuple[int, int], ...] = ()
    sticky_ms: int = 30_000
    warm_gap_ms: int = 90_000


@dataclass(frozen=True, slots=True)
class Match:
    """Work and its agent."""

    work: str
    agent: str


def order_at(
    queued_at: int, priority: int, *, step_ms: int, deadline: int | None = None, target_ms: int = 0
) -> int:
    """The time by which work is ordered, which never changes while it waits.

    Each step of priority makes it so much earlier; a deadline that is closer than the usual target
    does, too. Since the order is by time, whatever waits long enough is first: nobody starves.
    """
    found = queued_at - priority * step_ms
    return found if deadline is None else min(found, deadline - target_ms)


def levels_less(waited: int, relax: Sequence[tuple[int, int]]) -> int:
    """How many levels fewer are asked after waiting so long."""
    return max((drop for after, drop in relax if waited >= after), default=0)


def is_free(agent: Candidate, now: int, rules: Rules) -> bool:
    """Whether the agent may be given anything at all now."""
    warming = now < agent.warm_until and now < agent.matched_at + rules.warm_gap_ms
    return (
        agent.online
        and now < agent.present_until
        and agent.open_from <= now < agent.open_until
        and agent.load < agent.capacity
        and not warming
    )


def may_take(work: Need, agent: Candidate, now: int, rules: Rules, *, sticky: bool) -> bool:
    """Whether a free agent may be given this work now. `sticky`: who knows the customer is in."""
    if agent.load + work.weight > agent.capacity or now < work.declined.get(agent.id, 0):
        return False
    if now < work.fallback_at:
        if work.only_agent:
            return agent.id == work.only_agent
        if work.only_team and agent.team != work.only_team:
            return False
    if sticky and agent.id != work.sticky:
        return False
    less = levels_less(now - work.queued_at, rules.relax)
    speaks = not work.language or not agent.languages or work.language in agent.languages
    if less < LEVEL_MAX and not speaks:
        return False
    return all(agent.skills.get(name, 0) >= level - less for name, level in work.skills.items())


def waits_for_sticky(work: Need, agents: Mapping[str, Candidate], now: int, rules: Rules) -> bool:
    """Whether work still waits for the agent who knows the customer: in, but perhaps without room."""
    agent = agents.get(work.sticky)
    return (
        agent is not None
        and now < work.queued_at + rules.sticky_ms
        and now >= work.declined.get(agent.id, 0)
        and agent.online
        and now < agent.present_until
        and agent.open_from <= now < agent.open_until
    )


def _skill(work: Need, agent: Candidate) -> int:
    return sum(agent.skills.get(name, 0) for name in work.skills)


class _Ratio:
    """load ÷ capacity without division."""

    __slots__ = ("capacity", "load")

    def __init__(self, agent: Candidate) -> None:
        self.load, self.capacity = agent.load, agent.capacity

    def __lt__(self, other: "_Ratio") -> bool:
        return self.load * other.capacity < other.load * self.capacity

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Ratio) and not self < other and not other < self

    __hash__ = None  # type: ignore[assignment] # compared, never kept


Criterion = Callable[[Need, Candidate, int], object]
CRITERIA: Final[Mapping[str, Criterion]] = {
    "load": lambda _work, agent, _clock: _Ratio(agent),
    "skill": lambda work, agent, _clock: -_skill(work, agent),
    "speed": lambda _work, agent, _clock: agent.speed,
    "idle": lambda _work, agent, _clock: agent.matched_at,
    "turn": lambda _work, agent, clock: max(agent.turn, clock),
}
"""What agents are compared by; the lower, the better."""
RANKING: Final[Mapping[str, tuple[str, ...]]] = {
    "least_load": ("load", "skill", "speed", "idle"),
    "weighted_round_robin": ("turn", "idle", "load"),
    "best_skill": ("skill", "load", "speed", "idle"),
    "performance": ("speed", "load", "skill", "idle"),
}
"""A strategy's comparisons, the first that differs decides; the id decides last."""


def choose(
    work: Need, agents: Mapping[str, Candidate], now: int, rules: Rules, *, clock: int = 0
) -> Candidate | None:
    """The agent for this work, if there is one. `clock` is the rotation's time."""
    sticky = waits_for_sticky(work, agents, now, rules)
    fit = [
        agent
        for agent in agents.values()
        if is_free(agent, now, rules) and may_take(work, agent, now, rules, sticky=sticky)
    ]
    by = RANKING[rules.strategy]

    def rank(agent: Candidate) -> tuple[object, ...]:
        return (*(CRITERIA[name](work, agent, clock) for name in by), agent.id)

    return min(fit, key=rank, default=None)


def assigned(agent: Candidate, work: Need, now: int, clock: int) -> tuple[Candidate, int]:
    """The agent once the work is theirs, and the rotation's time then.

    An agent who was away does not catch up: their turn begins at the rotation's time.
    """
    begin = max(agent.turn, clock)
    after = replace(
        agent,
        load=agent.load + work.weight,
        matched_at=now,
        turn=begin + TURN // agent.weight,
    )
    return after, begin


def match(
    waiting: Iterable[Need], agents: Iterable[Candidate], now: int, rules: Rules, *, clock: int = 0
) -> list[Match]:
    """Give out what can be given out now, in order."""
    known = {agent.id: agent for agent in agents}
    found = []
    for work in sorted(waiting, key=lambda one: (one.order_at, one.id)):
        agent = choose(work, known, now, rules, clock=clock)
        if agent is None:
            continue
        known[agent.id], clock = assigned(agent, work, now, clock)
        found.append(Match(work.id, agent.id))
    return found


def wait_estimate(place: int, agents: int, handle_seconds: float) -> float:
    """Seconds until the work at this place (1 is next) is served: agents finish one after another.

    With n agents busy for h seconds on average, one is free every h ÷ n seconds.
    """
    return place * handle_seconds / max(agents, 1)
