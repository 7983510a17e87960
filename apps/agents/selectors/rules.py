"""Questions about a tenant's rules: policy, hours."""

from collections import defaultdict
from datetime import date, datetime
from typing import Any, NamedTuple

from apps.agents.exceptions import UnknownSchedule
from apps.agents.hours import ALWAYS, Hours, Interval, window
from apps.agents.hours import is_open as _is_open
from apps.agents.matching import Rules
from apps.agents.models import RoutingPolicy, Schedule, Team


class Opening(NamedTuple):
    """Whether somebody is to be there, and if not, from when on."""

    is_open: bool
    opens_at: datetime | None
    """None: it is open, or stays closed as far as one can see."""


def policy_of(tenant: int) -> RoutingPolicy:
    """The tenant's policy; one with the defaults where none was made."""
    rows = RoutingPolicy.objects.for_tenant(tenant).select_related("schedule", "overflow_team")
    return rows.first() or RoutingPolicy(tenant_id=tenant)


def rules_of(policy: RoutingPolicy) -> Rules:
    """The policy as the matching rule takes it."""
    steps = sorted((int(step["after"]) * 1000, int(step["drop"])) for step in policy.relax)
    return Rules(
        strategy=policy.strategy,
        relax=tuple(steps),
        sticky_ms=policy.sticky_time * 1000,
        warm_gap_ms=policy.warm_up_interval * 1000,
    )


def find_schedule(tenant: int, name: str) -> Schedule:
    """The schedule of this name. Raises `UnknownSchedule`."""
    found = Schedule.objects.for_tenant(tenant).filter(name=name).first()
    if found is None:
        raise UnknownSchedule(schedule=name)
    return found


def schedules(tenant: int) -> list[Schedule]:
    """All schedules by name, with their hours."""
    rows = Schedule.objects.for_tenant(tenant).order_by("name")
    return list(rows.prefetch_related("hours", "exceptions"))


def hours_of(schedules: list[Schedule]) -> dict[Any, Hours]:
    """What these schedules say, by their ids. Asks nothing where hours were prefetched."""
    found: dict[Any, Hours] = {}
    for row in schedules:
        weekly: dict[int, list[Interval]] = defaultdict(list)
        special: dict[date, list[Interval]] = defaultdict(list)
        for one in row.hours.all():
            weekly[one.weekday].append((one.opens, one.closes))
        for other in row.exceptions.all():
            intervals = special[other.day]
            if other.opens is not None and other.closes is not None:
                intervals.append((other.opens, other.closes))
        found[row.pk] = Hours(row.zone, dict(weekly), dict(special))
    return found


def opening_hours(tenant: int, *, team: str = "") -> Hours:
    """The hours of the tenant, or of a team that has its own; around the clock where none are set."""
    wanted = None
    if team:
        row = Team.objects.for_tenant(tenant).filter(name=team).first()
        wanted = row.schedule_id if row else None
    wanted = wanted or policy_of(tenant).schedule_id
    if wanted is None:
        return ALWAYS
    rows = Schedule.objects.for_tenant(tenant).filter(pk=wanted)
    return hours_of(list(rows.prefetch_related("hours", "exceptions")))[wanted]


def is_open(tenant: int, at: datetime, *, team: str = "") -> bool:
    """Whether somebody is to be there at a moment; computed now, never kept."""
    return _is_open(opening_hours(tenant, team=team), at)


def opening_at(tenant: int, at: datetime, *, team: str = "") -> Opening:
    """Whether somebody is to be there at a moment, and when again; computed now, never kept."""
    hours = opening_hours(tenant, team=team)
    if hours is ALWAYS or _is_open(hours, at):
        return Opening(True, None)
    stretch = window(hours, at)
    return Opening(False, stretch[0] if stretch else None)
