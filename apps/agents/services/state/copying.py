"""Copies of agents and waiting work, made from the tables."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Max, QuerySet
from django.utils import timezone

from apps.agents.hours import Hours, window
from apps.agents.matching import UNIT, UNKNOWN_SPEED
from apps.agents.models import Agent, Assignment, Status, Work, WorkState
from apps.agents.selectors.rules import hours_of
from apps.agents.services.state.believing import forget
from apps.agents.services.state.scripts import run
from apps.agents.services.times import millis
from apps.core.problems import dumps

KEEP_MS: Final = 60_000
"""How long agents count as present after the memory of their connections was lost; their sockets
beat within that time."""
FAR: Final = 2**52  # a time that does not come, exact in Lua's numbers
CHUNK: Final = 500

Settled = Sequence[tuple[UUID, int]]
"""Works and fences of reservations that are over."""


def _ms(at: datetime | None) -> int:
    return millis(at) if at else 0


def refresh(
    tenant: int,
    *,
    agents: Collection[UUID] = (),
    works: Collection[UUID] = (),
    settled: Settled = (),
) -> int:
    """Copy these agents and works (by row) as they stand now; how many copies were older.

    Outside any transaction that is still open, so that what is copied is committed. Raises
    `StateUnavailable`.
    """
    people = _agents(tenant, agents) if agents else []
    rows = list(_works(tenant).filter(pk__in=works)) if works else []
    made = _put(tenant, people, rows, settled)
    forget(tenant, set(works) - {row.pk for row in rows})
    return made


def rebuild(tenant: int) -> int:
    """Copy all agents who are in and all waiting work. Raises `StateUnavailable`."""
    ids = Agent.objects.for_tenant(tenant).exclude(status=Status.OFFLINE)
    people = _agents(tenant, list(ids.values_list("pk", flat=True)))
    rows = list(_works(tenant).filter(state=WorkState.WAITING))
    newest = Assignment.objects.for_tenant(tenant).aggregate(Max("fence"))["fence__max"] or 0
    made = 0
    for begin in range(0, max(len(rows), len(people)), CHUNK):
        part = slice(begin, begin + CHUNK)
        made += _put(tenant, people[part], rows[part], keep=KEEP_MS)
    # Warm only now: until all is copied nobody is to match with a part of it.
    _put(tenant, [], [], lowest=newest, warm=True)
    return made


def _works(tenant: int) -> QuerySet[Work]:
    return Work.objects.for_tenant(tenant).select_related("team")


def _agents(tenant: int, ids: Collection[UUID]) -> list[dict[str, Any]]:
    rows = Agent.objects.for_tenant(tenant).filter(pk__in=ids)
    found = list(rows.select_related("team", "schedule").prefetch_related("skills"))
    own = {row.schedule_id: row.schedule for row in found if row.schedule is not None}
    hours = hours_of([one for one in own.values() if one is not None])
    now = timezone.now()
    return [_agent(row, hours.get(row.schedule_id), now) for row in found]


def _agent(row: Agent, hours: Hours | None, now: datetime) -> dict[str, Any]:
    opens, closes = 0, FAR
    if hours is not None:
        # The present or next stretch, not a flag: it ends by itself, also when nobody looks again.
        stretch = window(hours, now)
        opens, closes = map(_ms, stretch) if stretch else (FAR, FAR)
    fields: dict[str, object] = {
        "cap": row.capacity * UNIT,
        "load": row.load,
        "ready": int(row.status == Status.ONLINE),
        "from": opens,
        "to": closes,
        "warm": _ms(row.warm_until),
        "share": row.weight,
        "speed": UNKNOWN_SPEED if row.response_ms is None else row.response_ms,
        "team": row.team.name if row.team else "",
        "langs": "\n" + "\n".join(row.languages) + "\n" if row.languages else "",
    }
    fields |= {f"s:{one.skill}": one.level for one in row.skills.all()}
    return {
        "id": str(row.pk),
        "v": row.version,
        "last": _ms(row.matched_at),
        "lease": _ms(row.lease_until),
        "fields": _flat(fields),
    }


def _work(row: Work) -> dict[str, Any]:
    forever = row.fallback_at is None and (row.team_id or row.agent_id)
    fields: dict[str, object] = {
        "queued": _ms(row.waits_since),
        "weight": row.weight,
        "skills": "\n".join(f"{name}={level}" for name, level in row.skills.items()),
        "lang": row.language,
        "team": row.team.name if row.team else "",
        "agent": row.agent_id or "",
        "fallback": FAR if forever else _ms(row.fallback_at),
        "sticky": row.sticky_agent_id or "",
        "fence": row.fence,
        "declined": "\n".join(f"{name}={at}" for name, at in row.declined.items()),
    }
    return {
        "id": str(row.pk),
        "v": row.version,
        "waits": row.state == WorkState.WAITING,
        "order": _ms(row.order_at),
        "fields": _flat(fields),
    }


def _flat(fields: dict[str, object]) -> list[str]:
    return [text for name, value in fields.items() for text in (name, str(value))]


def _put(
    tenant: int,
    agents: Iterable[dict[str, Any]],
    works: Iterable[Work],
    settled: Settled = (),
    *,
    lowest: int = 0,
    warm: bool = False,
    keep: int = 0,
) -> int:
    body = {
        "agents": list(agents),
        "works": [_work(row) for row in works],
        "settled": [{"work": str(work), "fence": str(fence)} for work, fence in settled],
        "lowest": str(lowest),
        "warm": int(warm),
        "keep": keep,
    }
    return int(run("put", tenant, dumps(body).decode()))
