"""When to look next: one alarm a tenant, for the soonest of everything that will be due."""

from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection
from django.utils import timezone

from apps.agents.hours import window
from apps.agents.matching import UNIT
from apps.agents.models import Agent, RoutingPolicy, Schedule, Status
from apps.agents.selectors.rules import hours_of
from apps.agents.services import state
from apps.events.services import ring_at

ALARM: Final = "agents.look"
FARTHEST: Final = timedelta(minutes=5)
"""Alarms are not set farther ahead: what is later is found by then, or by the sweep."""
MARGIN: Final = timedelta(milliseconds=20)

# Everything that will be due, soonest first. `steps` is an array of seconds of waiting.
NEXT: Final = """
SELECT min(due) FROM (
    SELECT min(expires_at) AS due FROM agents_assignment
    WHERE tenant_id = %(tenant)s AND state = 'offered'
    UNION ALL
    SELECT min(wrap_up_until) FROM agents_assignment
    WHERE tenant_id = %(tenant)s AND state = 'wrap_up'
    UNION ALL
    SELECT min(coalesce(w.asked_at, w.queued_at) + make_interval(secs => step.after))
    FROM agents_work w, unnest(%(steps)s::float[]) AS step (after)
    WHERE w.tenant_id = %(tenant)s AND w.state = 'waiting'
      AND coalesce(w.asked_at, w.queued_at) + make_interval(secs => step.after) > %(now)s
    UNION ALL
    SELECT min(least(CASE WHEN fallback_at > %(now)s THEN fallback_at END,
                     CASE WHEN deadline > %(now)s THEN deadline END))
    FROM agents_work WHERE tenant_id = %(tenant)s AND state = 'waiting'
    UNION ALL
    SELECT min(to_timestamp(at::numeric / 1000.0))
    FROM agents_work w, jsonb_each_text(w.declined) AS no (agent, at)
    WHERE w.tenant_id = %(tenant)s AND w.state = 'waiting'
      AND at::numeric > extract(epoch FROM %(now)s::timestamptz) * 1000
    UNION ALL
    SELECT min(matched_at + make_interval(secs => %(gap)s)) FROM agents_agent
    WHERE tenant_id = %(tenant)s AND status = 'online' AND warm_until > %(now)s
      AND matched_at + make_interval(secs => %(gap)s) > %(now)s
    UNION ALL
    SELECT min(w.active_at + make_interval(secs => %(silent)s))
    FROM agents_work w JOIN agents_assignment a ON a.work_id = w.id AND a.state = 'active'
    WHERE w.tenant_id = %(tenant)s AND %(lighter)s AND NOT w.on_hold
      AND a.weight = w.weight AND w.weight > 0
) AS all_of_them
"""


def set_alarm(tenant: int, policy: RoutingPolicy) -> None:
    """Have `look` called when the next thing will be due. Raises `StateUnavailable`."""
    now = timezone.now()
    steps = [float(step["after"]) for step in policy.relax]
    steps += [float(policy.sticky_time), *([float(policy.long_wait)] if policy.long_wait else [])]
    asked: dict[str, Any] = {
        "tenant": tenant,
        "now": now,
        "steps": steps,
        "gap": float(policy.warm_up_interval),
        "silent": float(policy.inactive_after),
        "lighter": policy.inactive_weight < UNIT,
    }
    with connection.cursor() as cursor:
        cursor.execute(NEXT, asked)
        due: datetime | None = cursor.fetchone()[0]
    if due is not None:
        _ring(tenant, due, now)


def turn_hours(tenant: int) -> None:
    """Copy agents who have working hours anew, and have it looked when the next of them begins.

    A copy knows one stretch of hours, the present or the next: after its end the next is to follow.
    Raises `StateUnavailable`.
    """
    rows = Agent.objects.for_tenant(tenant).exclude(status=Status.OFFLINE).exclude(schedule=None)
    people = dict(rows.values_list("pk", "schedule_id"))
    if not people:
        return
    state.refresh(tenant, agents=list(people))
    now = timezone.now()
    schedules = Schedule.objects.for_tenant(tenant).filter(pk__in=set(people.values()))
    known = hours_of(list(schedules.prefetch_related("hours", "exceptions")))
    stretches = [window(one, now) for one in known.values()]
    begins = [found[0] for found in stretches if found is not None and found[0] > now]
    if begins:
        _ring(tenant, min(begins), now)


def look_soon(tenant: int) -> None:
    """Have it looked now, by a worker. Never raises."""
    ring_at(ALARM, str(tenant), timezone.now())


def _ring(tenant: int, due: datetime, now: datetime) -> None:
    if due < now + FARTHEST and state.is_news(tenant, due, now):
        ring_at(ALARM, str(tenant), max(due, now) + MARGIN)
