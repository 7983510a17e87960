"""The supervisors' picture: everybody, what they have, and who waits. Four queries at any size."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from apps.agents.models import Agent, Assignment
from apps.agents.selectors.people import agents
from apps.agents.selectors.queue import Queue, queue

AGENTS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Seat:
    """An agent and the works that they have: id, state, channel."""

    agent: Agent
    works: Sequence[tuple[UUID, str, str]]


@dataclass(frozen=True, slots=True)
class Board:
    """Everybody, and who waits."""

    seats: Sequence[Seat]
    queue: Queue


def board(tenant: int) -> Board:
    """Agents, oldest first, with what they have; the first hundred who wait."""
    rows = Assignment.objects.for_tenant(tenant).exclude(state="ended").order_by("offered_at")
    works: dict[UUID, list[tuple[UUID, str, str]]] = defaultdict(list)
    for agent, work, state, channel in rows.values_list(
        "agent_id", "work__work_id", "state", "work__channel"
    ):
        works[agent].append((work, state, channel))
    seats = [Seat(one, works[one.pk]) for one in agents(tenant, limit=AGENTS_MAX)]
    return Board(seats, queue(tenant))
