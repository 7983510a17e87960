"""Admit agents and change them; teams."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError
from django.utils import timezone

from apps.agents.events import AgentChanged, AgentCreated
from apps.agents.exceptions import AgentDiffers, AgentMalformed, UnknownAgent, UserElsewhere
from apps.agents.matching import UNIT
from apps.agents.models import Agent, AgentSkill, Schedule, Status, StatusChange, Team
from apps.agents.selectors import find_agent, find_schedule, find_team
from apps.agents.services import faults as check
from apps.agents.services.touching import touch
from apps.core.exceptions import Fault, fault
from apps.events.services import unit_of_work
from apps.tenants.models import Membership, Role, Tenant, User
from apps.tenants.services import add_member

CAPACITY: Final = 3
CHANGEABLE: Final = (
    "name",
    "capacity",
    "skills",
    "languages",
    "team",
    "schedule",
    "weight",
    "auto_accept",
)


@dataclass(frozen=True, slots=True)
class AgentTerms:
    """A person who is to serve: a member of the tenant, or somebody new."""

    user: str
    name: str = ""
    capacity: int = CAPACITY
    skills: Mapping[str, int] = field(default_factory=dict)
    languages: Sequence[str] = ()
    team: str = ""
    schedule: str = ""
    weight: int = 1
    auto_accept: bool | None = None
    password: str | None = None
    """Only for somebody new; without one they sign in when they were given one."""


def create_agent(tenant: int, terms: AgentTerms) -> tuple[Agent, bool]:
    """The agent that this person is, and whether this call made them one.

    Raises `AgentMalformed`, `UnknownTeam`, `UnknownSchedule`, `UserElsewhere`, and `AgentDiffers`
    where they are one with other terms.
    """
    refuse([*check.text("user", terms.user, most=150), *_faults(_changes(terms))])
    with unit_of_work() as work:
        found = Agent.objects.for_tenant(tenant).filter(user__username=terms.user).first()
        if found is not None:
            return _same(tenant, found, terms), False
        user = _member(tenant, terms)
        row = Agent(tenant_id=tenant, user=user)
        try:
            _assign(tenant, row, _changes(terms), new=True)
        except IntegrityError as error:  # two at once: the other one's agent is there
            raise AgentDiffers(agent=terms.user) from error
        begin = timezone.now()
        StatusChange.objects.create(
            tenant_id=tenant, agent=row, status=Status.OFFLINE, since=begin, reason="created"
        )
        fact = AgentCreated(
            agent_id=row.pk,
            user_id=user.pk,
            name=row.name,
            capacity=row.capacity * UNIT,
            skills=dict(terms.skills),
        )
        work.publish(fact, tenant=tenant, key=str(row.pk))
        touch(work, tenant, agents=[row.pk])
    return find_agent(tenant, row.pk), True


def change_agent(tenant: int, name: str | UUID, changes: Mapping[str, Any]) -> Agent:
    """Change what of an agent can change. Raises `UnknownAgent`, `AgentMalformed`, `UnknownTeam`."""
    unknown = [
        fault(one, "fixed", f"What can be changed is {', '.join(CHANGEABLE)}.")
        for one in changes
        if one not in CHANGEABLE
    ]
    refuse([*unknown, *_faults(changes)])
    with unit_of_work() as work:
        row = lock_agent(tenant, find_agent(tenant, name).pk)
        changed = _assign(tenant, row, changes)
        if changed:
            skills = dict(row.skills.values_list("skill", "level"))
            fact = AgentChanged(
                agent_id=row.pk,
                changed=tuple(changed),
                capacity=row.capacity * UNIT,
                skills=skills,
            )
            work.publish(fact, tenant=tenant, key=str(row.pk))
            touch(work, tenant, agents=[row.pk])
    return find_agent(tenant, row.pk)


def create_team(tenant: int, name: str, *, schedule: str = "") -> tuple[Team, bool]:
    """The team of this name, and whether this call made it. Raises `AgentMalformed`."""
    refuse(list(check.label("name", name)))
    hours = find_schedule(tenant, schedule) if schedule else None
    with unit_of_work():
        row, made = Team.objects.get_or_create(
            tenant_id=tenant, name=name, defaults={"schedule": hours}
        )
    return row, made


def lock_agent(tenant: int, agent: UUID) -> Agent:
    """The agent's row, locked. Raises `UnknownAgent`."""
    rows = Agent.objects.for_tenant(tenant).select_for_update(no_key=True, of=("self",))
    row = rows.filter(pk=agent).first()
    if row is None:
        raise UnknownAgent(agent=str(agent))
    return row


def refuse(found: list[Fault]) -> None:
    """Raise `AgentMalformed` if there is any reason to."""
    if found:
        raise AgentMalformed(errors=found)


def _changes(terms: AgentTerms) -> dict[str, Any]:
    return {name: getattr(terms, name) for name in CHANGEABLE} | {"name": terms.name or terms.user}


def _faults(changes: Mapping[str, Any]) -> list[Fault]:
    found: list[Fault] = []
    if "name" in changes:
        found += check.text("name", changes["name"])
    if "capacity" in changes:
        found += check.whole("capacity", changes["capacity"], 1, 100)
    if "weight" in changes:
        found += check.whole("weight", changes["weight"], 1, 100)
    if "skills" in changes:
        found += check.skills("skills", changes["skills"])
    for index, language in enumerate(changes.get("languages", ())):
        found += check.label(f"languages.{index}", language)
    if len(changes.get("languages", ())) > check.LABELS_MAX:
        found.append(fault("languages", "too_many", f"At most {check.LABELS_MAX}."))
    return found


def _member(tenant: int, terms: AgentTerms) -> User:
    """The member of this name; somebody new becomes one. Nobody's role is changed by this."""
    member = Membership.objects.for_tenant(tenant).filter(user__username=terms.user)
    known = member.select_related("user").first()
    if known is not None:
        return known.user
    if User.objects.filter(username=terms.user).exists():
        # Not admitted by the way: a name of another tenant is not ours to take in.
        raise UserElsewhere(user=terms.user)
    owner = Tenant.objects.get(pk=tenant)
    return add_member(owner, username=terms.user, role=Role.AGENT, password=terms.password)[0]


def _same(tenant: int, row: Agent, terms: AgentTerms) -> Agent:
    found = find_agent(tenant, row.pk)
    known = {
        "name": found.name,
        "capacity": found.capacity,
        "skills": {one.skill: one.level for one in found.skills.all()},
        "languages": list(found.languages),
        "team": found.team.name if found.team else "",
        "schedule": found.schedule.name if found.schedule else "",
        "weight": found.weight,
        "auto_accept": found.auto_accept,
    }
    wanted = _changes(terms)
    wanted |= {"skills": dict(terms.skills), "languages": list(terms.languages)}
    differing = [
        fault(name, "differs", f"It exists with another {name}.")
        for name, value in wanted.items()
        if known[name] != value
    ]
    if differing:
        raise AgentDiffers(agent=terms.user, errors=differing)
    return found


def _assign(tenant: int, row: Agent, changes: Mapping[str, Any], *, new: bool = False) -> list[str]:
    """Put changes into an agent and save; the names of those that were any."""
    plain = {name: changes[name] for name in ("name", "capacity", "weight") if name in changes}
    if "auto_accept" in changes:
        plain["auto_accept"] = changes["auto_accept"]
    if "languages" in changes:
        plain["languages"] = list(changes["languages"])
    if "team" in changes:
        plain["team"] = _named(find_team, tenant, changes["team"])
    if "schedule" in changes:
        plain["schedule"] = _named(find_schedule, tenant, changes["schedule"])
    changed = [name for name, value in plain.items() if new or getattr(row, name) != value]
    for name in changed:
        setattr(row, name, plain[name])
    if new:
        row.save(force_insert=True)
    if "skills" in changes and _set_skills(row, changes["skills"]):
        changed.append("skills")
    if changed and not new:
        # Also where only skills changed: the version of the row stands for them.
        row.save(update_fields=[*(name for name in changed if name != "skills"), "updated_at"])
    return changed


def _named(find: Any, tenant: int, name: str | None) -> Team | Schedule | None:
    return find(tenant, name) if name else None


def _set_skills(row: Agent, wanted: Mapping[str, int]) -> bool:
    known = dict(row.skills.values_list("skill", "level"))
    if known == dict(wanted):
        return False
    row.skills.exclude(skill__in=list(wanted)).delete()
    AgentSkill.objects.bulk_create(
        [AgentSkill(agent=row, skill=name, level=level) for name, level in wanted.items()],
        update_conflicts=True,
        unique_fields=["agent", "skill"],
        update_fields=["level"],
    )
    return True
