"""Change how work is given out: policy and hours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from typing import Any, Final
from uuid import UUID
from zoneinfo import available_timezones

from django.utils import timezone

from apps.agents.events import PolicyChanged
from apps.agents.exceptions import PolicyRefused
from apps.agents.matching import LEVEL_MAX, UNIT
from apps.agents.models import (
    Agent,
    OutOfHours,
    RoutingPolicy,
    Schedule,
    ScheduleException,
    ScheduleHours,
    Status,
    Strategy,
)
from apps.agents.selectors import find_schedule, find_team, policy_of
from apps.agents.services import faults as check
from apps.agents.services.touching import touch
from apps.core.exceptions import Fault, fault
from apps.events.services import UnitOfWork, unit_of_work

BOUNDS: Final[Mapping[str, tuple[int, int]]] = {
    "priority_step": (0, 3600),
    "target_wait": (1, 86_400),
    "target_response": (1, 86_400),
    "offer_time": (1, 3600),
    "decline_pause": (0, 86_400),
    "missed_max": (1, 100),
    "sticky_time": (0, 86_400),
    "grace": (0, 3600),
    "inactive_after": (10, 86_400),
    "inactive_weight": (0, UNIT),
    "wrap_up": (0, 3600),
    "warm_up": (0, 86_400),
    "warm_up_interval": (1, 3600),
}
STEPS_MAX: Final = 10
INTERVALS_MAX: Final = 100
EXCEPTIONS_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class Opening:
    """Hours of a weekday (0 is Monday), or of a day that is not like its weekday."""

    opens: time | None
    closes: time | None
    weekday: int | None = None
    day: date | None = None


@dataclass(frozen=True, slots=True)
class ScheduleTerms:
    """A schedule as a whole."""

    name: str
    zone: str
    hours: Sequence[Opening] = ()
    exceptions: Sequence[Opening] = ()


def change_policy(tenant: int, changes: Mapping[str, Any]) -> RoutingPolicy:
    """Change rules of matching; they hold for what is matched from now on.

    Raises `PolicyRefused`, `UnknownSchedule`, `UnknownTeam`.
    """
    _refuse(list(_faults(changes)))
    with unit_of_work() as work:
        RoutingPolicy.objects.bulk_create([RoutingPolicy(tenant_id=tenant)], ignore_conflicts=True)
        row = RoutingPolicy.objects.for_tenant(tenant).select_for_update().get()
        for name, value in changes.items():
            setattr(row, name, _resolved(tenant, name, value))
        row.updated_at = timezone.now()
        row.save()
        _tell(work, tenant, tuple(sorted(changes)))
    return policy_of(tenant)


def set_schedule(tenant: int, terms: ScheduleTerms) -> Schedule:
    """Make a schedule, or give one of this name other hours. Raises `PolicyRefused`."""
    _refuse(_schedule_faults(terms))
    with unit_of_work() as work:
        row, made = Schedule.objects.update_or_create(
            tenant_id=tenant, name=terms.name, defaults={"zone": terms.zone}
        )
        if not made:
            row.hours.all().delete()
            row.exceptions.all().delete()
        ScheduleHours.objects.bulk_create(
            ScheduleHours(schedule=row, **_columns(one, "weekday")) for one in terms.hours
        )
        ScheduleException.objects.bulk_create(
            ScheduleException(schedule=row, **_columns(one, "day")) for one in terms.exceptions
        )
        _tell(work, tenant, ("schedule",))
        touch(work, tenant, agents=_with_hours(tenant, row))
    return find_schedule(tenant, terms.name)


def _columns(one: Opening, when: str) -> dict[str, Any]:
    return {when: getattr(one, when), "opens": one.opens, "closes": one.closes}


def _with_hours(tenant: int, schedule: Schedule) -> list[UUID]:
    rows = Agent.objects.for_tenant(tenant).filter(schedule=schedule)
    return list(rows.exclude(status=Status.OFFLINE).values_list("pk", flat=True))


def _tell(work: UnitOfWork, tenant: int, changed: tuple[str, ...]) -> None:
    work.publish(PolicyChanged(changed=changed), tenant=tenant, key=f"policy:{tenant}")


def _resolved(tenant: int, name: str, value: Any) -> Any:
    if name == "schedule":
        return find_schedule(tenant, value) if value else None
    if name == "overflow_team":
        return find_team(tenant, value) if value else None
    return value


def _refuse(found: list[Fault]) -> None:
    if found:
        raise PolicyRefused(errors=found)


def _faults(changes: Mapping[str, Any]) -> list[Fault]:
    found: list[Fault] = []
    for name, (least, most) in BOUNDS.items():
        if name in changes:
            found += check.whole(name, changes[name], least, most)
    for name in ("long_wait", "long_queue"):
        if changes.get(name) is not None:
            found += check.whole(name, changes[name], 0, 1_000_000)
    if "strategy" in changes:
        found += check.choice("strategy", changes["strategy"], Strategy.values)
    if "out_of_hours" in changes:
        found += check.choice("out_of_hours", changes["out_of_hours"], OutOfHours.values)
    for index, step in enumerate(changes.get("relax", ())):
        found += check.whole(f"relax.{index}.after", step.get("after"), 0, 86_400)
        found += check.whole(f"relax.{index}.drop", step.get("drop"), 1, LEVEL_MAX)
    if len(changes.get("relax", ())) > STEPS_MAX:
        found.append(fault("relax", "too_many", f"At most {STEPS_MAX} steps."))
    for channel, cost in changes.get("channel_costs", {}).items():
        found += check.label("channel_costs", channel)
        found += check.whole(f"channel_costs.{channel}"[:80], cost, 0, 100 * UNIT)
    return found


def _schedule_faults(terms: ScheduleTerms) -> list[Fault]:
    found = list(check.label("name", terms.name))
    if terms.zone not in available_timezones():
        found.append(fault("zone", "unknown_zone", "An IANA zone, such as Europe/Berlin."))
    if len(terms.hours) > INTERVALS_MAX or len(terms.exceptions) > EXCEPTIONS_MAX:
        detail = f"At most {INTERVALS_MAX} intervals and {EXCEPTIONS_MAX} exceptions."
        found.append(fault("hours", "too_many", detail))
    for index, one in enumerate(terms.hours):
        found += check.whole(f"hours.{index}.weekday", one.weekday, 0, 6)
        if one.opens is None or one.closes is None:
            found.append(fault(f"hours.{index}", "incomplete", "From when to when."))
    for index, one in enumerate(terms.exceptions):
        if one.day is None or (one.opens is None) != (one.closes is None):
            detail = "A day, with both times or (closed) with none."
            found.append(fault(f"exceptions.{index}", "incomplete", detail))
    weekly = [(one.weekday, one.opens) for one in terms.hours]
    special = [(one.day, one.opens) for one in terms.exceptions]
    if len(set(weekly)) < len(weekly) or len(set(special)) < len(special):
        found.append(fault("hours", "twice", "Two intervals begin at the same time."))
    return found
