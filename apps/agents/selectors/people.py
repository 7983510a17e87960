"""Questions about agents."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet, Sum

from apps.agents.exceptions import UnknownAgent, UnknownTeam
from apps.agents.matching import UNIT
from apps.agents.models import Agent, Status, StatusChange, Team


@dataclass(frozen=True, slots=True)
class Load:
    """What an agent has, in thousandths of a conversation, and how many."""

    load: int
    capacity: int
    works: int


@dataclass(frozen=True, slots=True)
class Attendance:
    """Who is there; load and capacity of those online, in thousandths of a conversation."""

    online: int
    signed_on: int
    load: int
    capacity: int


def as_uuid(name: object) -> UUID | None:
    """The id that a text spells, if it does."""
    if isinstance(name, UUID):
        return name
    try:
        return UUID(str(name))
    except ValueError:
        return None


def _with_all(tenant: int) -> QuerySet[Agent]:
    rows = Agent.objects.for_tenant(tenant).select_related("user", "team", "schedule")
    return rows.prefetch_related("skills")


def find_agent(tenant: int, name: str | UUID) -> Agent:
    """The agent of this id or username. Raises `UnknownAgent`."""
    uid = as_uuid(name)
    wanted = Q(pk=uid) if uid else Q(user__username=str(name))
    found = _with_all(tenant).filter(wanted).first()
    if found is None:
        raise UnknownAgent(agent=str(name))
    return found


def agent_of(tenant: int, client: str) -> Agent | None:
    """The agent that a caller (`user:<id>`, as in `tenants.authentication.Caller`) is, if one."""
    kind, _, name = client.partition(":")
    if kind != "user" or not name.isdecimal():
        return None
    return _with_all(tenant).filter(user_id=int(name)).first()


def agents(
    tenant: int, *, after: UUID | None = None, limit: int = 100, status: str = "", team: str = ""
) -> Sequence[Agent]:
    """Agents by age, those after an id. Raises `UnknownTeam`."""
    rows = _with_all(tenant).order_by("pk")
    if after is not None:
        rows = rows.filter(pk__gt=after)
    if status:
        rows = rows.filter(status=status)
    if team:
        rows = rows.filter(team=find_team(tenant, team))
    return list(rows[:limit])


def find_team(tenant: int, name: str) -> Team:
    """The team of this id or name. Raises `UnknownTeam`."""
    uid = as_uuid(name)
    rows = Team.objects.for_tenant(tenant).select_related("schedule")
    found = rows.filter(Q(pk=uid) if uid else Q(name=name)).first()
    if found is None:
        raise UnknownTeam(team=name)
    return found


def teams(tenant: int) -> Sequence[Team]:
    """All teams by name."""
    return list(Team.objects.for_tenant(tenant).select_related("schedule").order_by("name"))


def statuses(tenant: int, agent: UUID, *, limit: int = 100) -> Sequence[StatusChange]:
    """An agent's statuses, the newest first."""
    rows = StatusChange.objects.for_tenant(tenant).filter(agent_id=agent)
    return list(rows.order_by("-since", "-pk")[:limit])


def attendance(tenant: int) -> Attendance:
    """How many agents are there at present, and how much they have."""
    online = Q(status=Status.ONLINE)
    rows = Agent.objects.for_tenant(tenant).exclude(status=Status.OFFLINE)
    found = rows.aggregate(
        online=Count("pk", filter=online),
        signed_on=Count("pk"),
        load=Sum("load", filter=online, default=0),
        capacity=Sum(F("capacity") * UNIT, filter=online, default=0),
    )
    return Attendance(**found)


def load_of(tenant: int, agent: UUID) -> Load:
    """What an agent has at present. Raises `UnknownAgent`."""
    row = Agent.objects.for_tenant(tenant).filter(pk=agent).first()
    if row is None:
        raise UnknownAgent(agent=str(agent))
    works = row.assignments.exclude(state="ended").count()
    return Load(row.load, row.capacity * 1000, works)
