"""The net: compare what Redis believes with the tables, mend it, and do what is due.

Drift is what a comparison finds twice: once is a copy on its way.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import connection
from django.utils import timezone

from apps.agents.exceptions import StateUnavailable
from apps.agents.matching import UNIT
from apps.agents.models import Agent, DriftCheck, Status, Work, WorkState
from apps.agents.services import state
from apps.agents.services.alarms import turn_hours
from apps.agents.services.deadlines import look
from apps.agents.services.presence import look_after
from apps.agents.services.state import Belief

log = structlog.get_logger(__name__)

SHOWN: Final = 20
# Tenants with anybody in, or anything live: the others need no look.
BUSY: Final = """
SELECT tenant_id FROM agents_agent WHERE status <> 'offline'
UNION SELECT tenant_id FROM agents_work WHERE state <> 'done' ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Drift:
    """What a comparison found: how many copies it looked at, and which are wrong."""

    compared: int
    agents: frozenset[UUID]
    works: frozenset[UUID]
    cold: bool = False

    def __and__(self, other: "Drift") -> "Drift":
        """What both found."""
        return Drift(
            other.compared,
            self.agents & other.agents,
            self.works & other.works,
            cold=self.cold and other.cold,
        )

    def __len__(self) -> int:
        """How many are wrong."""
        return len(self.agents) + len(self.works)


def sweep() -> int:
    """Look after every tenant where anything goes on; how many drifted copies were mended.

    One tenant's trouble does not keep the others from their turn.
    """
    with connection.cursor() as cursor:
        cursor.execute(BUSY)
        tenants = [tenant for (tenant,) in cursor.fetchall()]
    mended = 0
    for tenant in tenants:
        try:
            mended += mend(tenant)
            turn_hours(tenant)
            for agent in _in(tenant):
                look_after(tenant, agent)
            look(tenant)
        except StateUnavailable:
            log.warning("sweep without Redis", tenant=tenant)
            return mended
    return mended


def mend(tenant: int) -> int:
    """Compare, mend what has drifted, and note what was found; how many copies had drifted."""
    first = compare(tenant)
    rebuilt = 0
    if first.cold:
        rebuilt = 1
        state.rebuild(tenant)
        first = compare(tenant)
    found = first & compare(tenant) if len(first) else first
    if len(found):
        log.warning("matching state drifted", tenant=tenant, count=len(found))
        state.refresh(tenant, agents=found.agents, works=found.works)
        state.forget(tenant, compare(tenant).works & found.works)
    _note(tenant, found, rebuilt)
    return len(found)


def compare(tenant: int) -> Drift:
    """Compare one moment of the tables with one moment of Redis. Raises `StateUnavailable`."""
    rows = _agents(tenant)
    people = {
        pk: Belief(version, load, ready=status == Status.ONLINE)
        for pk, version, load, status, _ in rows
    }
    capacities = {pk: capacity * UNIT for pk, _, _, _, capacity in rows}
    waiting = dict(
        Work.objects.for_tenant(tenant).filter(state=WorkState.WAITING).values_list("pk", "version")
    )
    believed = state.dump(tenant, people, waiting)
    wrong_agents = {
        pk for pk, truth in people.items() if _differs(truth, believed.agents[pk], capacities[pk])
    }
    wrong_works = {
        pk for pk, version in waiting.items() if believed.works[pk] != (version, True)
    } | (believed.line - set(waiting))
    return Drift(
        compared=len(people) + len(waiting),
        agents=frozenset(wrong_agents),
        works=frozenset(wrong_works),
        cold=believed.cold,
    )


def _differs(truth: Belief, belief: Belief, capacity: int) -> bool:
    if (truth.version, truth.load, truth.ready) != (belief.version, belief.load, belief.ready):
        return True
    has_room = belief.ready and belief.load + belief.held < capacity
    return has_room and not belief.has_room  # one too many in the set is dropped by the next pick


def _agents(tenant: int) -> Iterable[tuple[Any, ...]]:
    rows = Agent.objects.for_tenant(tenant).exclude(status=Status.OFFLINE)
    return list(rows.values_list("pk", "version", "load", "status", "capacity"))


def _in(tenant: int) -> list[UUID]:
    rows = Agent.objects.for_tenant(tenant).exclude(status=Status.OFFLINE)
    return list(rows.values_list("pk", flat=True))


def _note(tenant: int, found: Drift, rebuilt: int) -> None:
    row, _ = DriftCheck.objects.get_or_create(
        tenant_id=tenant,
        defaults={"checked_at": timezone.now(), "compared": 0, "drifted": 0},
    )
    row.checked_at, row.compared, row.drifted = timezone.now(), found.compared, len(found)
    row.drifted_total += len(found)
    row.rebuilds_total += rebuilt
    row.details = [str(pk) for pk in sorted(found.agents | found.works)[:SHOWN]]
    row.save()
