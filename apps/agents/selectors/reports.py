"""How well it went: of agents, of the line, and of each hour.

Bots are in none of these figures, by definition: what a bot says is never noted, and time counts
from when work was queued for a person. Seconds are wall time; `business` ones count only within the
tenant's hours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from apps.agents.hours import open_seconds
from apps.agents.selectors.rules import opening_hours, policy_of

ROWS_MAX: Final = 10_000
"""Works of which business time is counted one by one; a report of more is of the newest."""

AGENTS: Final = """
WITH span AS (SELECT %(since)s::timestamptz AS since, least(%(until)s::timestamptz, now()) AS until),
held AS (
    SELECT a.agent_id, count(*) FILTER (WHERE a.accepted_at IS NOT NULL) AS taken,
           count(*) FILTER (WHERE a.outcome = 'declined') AS declined,
           count(*) FILTER (WHERE a.outcome = 'timed_out') AS missed,
           count(*) FILTER (WHERE a.outcome = 'transferred') AS transferred,
           avg(a.first_response_ms) / 1000 AS first_response,
           avg(extract(epoch FROM coalesce(a.ended_at, now()) - a.accepted_at))
               FILTER (WHERE a.accepted_at IS NOT NULL) AS handle
    FROM agents_assignment a, span
    WHERE a.tenant_id = %(tenant)s AND a.offered_at >= span.since AND a.offered_at < span.until
    GROUP BY a.agent_id
),
-- Time with at least one conversation: overlapping ones count once.
stretches AS (
    SELECT a.agent_id, greatest(a.accepted_at, span.since) AS began,
           least(coalesce(a.ended_at, span.until), span.until) AS ended
    FROM agents_assignment a, span
    WHERE a.tenant_id = %(tenant)s AND a.accepted_at IS NOT NULL
      AND a.accepted_at < span.until AND coalesce(a.ended_at, span.until) > span.since
),
marked AS (
    SELECT *, max(ended) OVER (PARTITION BY agent_id ORDER BY began
                               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached
    FROM stretches
),
busy AS (
    SELECT agent_id, sum(extract(epoch FROM greatest(ended, coalesce(reached, began))
                                            - greatest(began, coalesce(reached, began)))) AS seconds
    FROM marked GROUP BY agent_id
),
shifts AS (
    SELECT s.agent_id,
           sum(extract(epoch FROM least(coalesce(s.until, span.until), span.until)
                                  - greatest(s.since, span.since)))
               FILTER (WHERE s.status <> 'offline') AS signed_in,
           sum(extract(epoch FROM least(coalesce(s.until, span.until), span.until)
                                  - greatest(s.since, span.since)))
               FILTER (WHERE s.status = 'online') AS online
    FROM agents_statuschange s, span
    WHERE s.tenant_id = %(tenant)s AND s.since < span.until
      AND coalesce(s.until, span.until) > span.since
    GROUP BY s.agent_id
)
SELECT g.id, g.name, coalesce(held.taken, 0), coalesce(held.declined, 0), coalesce(held.missed, 0),
       coalesce(held.transferred, 0), held.first_response, held.handle, coalesce(busy.seconds, 0),
       coalesce(signed_in, 0), coalesce(online, 0)
FROM agents_agent g
LEFT JOIN held ON held.agent_id = g.id
LEFT JOIN busy ON busy.agent_id = g.id
LEFT JOIN shifts ON shifts.agent_id = g.id
WHERE g.tenant_id = %(tenant)s ORDER BY g.name, g.id
"""
# Work by the skills that it asked for; one that asked for several counts for each. '' asks for none.
GROUPED: Final = """
SELECT {grouping}, count(*),
       count(*) FILTER (WHERE matched_at IS NOT NULL),
       count(*) FILTER (WHERE outcome = 'abandoned'),
       avg(extract(epoch FROM matched_at - queued_at)) FILTER (WHERE matched_at IS NOT NULL),
       percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM matched_at - queued_at)),
       avg(first_response_ms) / 1000,
       sum(response_ms)::float / nullif(sum(responses), 0) / 1000,
       count(*) FILTER (WHERE matched_at <= queued_at + make_interval(secs => %(target_wait)s)),
       count(*) FILTER (WHERE first_response_ms <= %(target_response)s * 1000),
       count(*) FILTER (WHERE first_response_ms IS NOT NULL)
FROM agents_work w {source}
WHERE w.tenant_id = %(tenant)s AND w.queued_at >= %(since)s AND w.queued_at < %(until)s
GROUP BY 1 ORDER BY 1
"""
BY_SKILL: Final = GROUPED.format(
    grouping="coalesce(s.skill, '')",
    source="LEFT JOIN LATERAL jsonb_object_keys(w.skills) AS s (skill) ON true",
)
BY_HOUR: Final = GROUPED.format(grouping="date_trunc('hour', queued_at, 'UTC')", source="")
IN_ALL: Final = GROUPED.format(grouping="true", source="")
WAITS: Final = """
SELECT queued_at, matched_at FROM agents_work
WHERE tenant_id = %(tenant)s AND queued_at >= %(since)s AND queued_at < %(until)s
  AND matched_at IS NOT NULL ORDER BY queued_at DESC LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class AgentReport:
    """An agent's figures of a period; seconds. `utilisation`: busy share of the time online."""

    agent_id: UUID
    name: str
    taken: int
    declined: int
    missed: int
    transferred: int
    first_response: float | None
    handle_time: float | None
    busy: float
    signed_in: float
    online: float

    @property
    def utilisation(self) -> float | None:
        """At most 1: work that goes on after the agent left `online` counts no further."""
        return min(1.0, self.busy / self.online) if self.online else None


@dataclass(frozen=True, slots=True)
class QueueReport:
    """Figures of work that was queued in a period; seconds. Shares are of 1."""

    group: Any
    queued: int
    matched: int
    abandoned: int
    average_wait: float | None
    wait_p90: float | None
    first_response: float | None
    average_response: float | None
    matched_in_target: int
    answered_in_target: int
    answered: int
    business_wait: float | None = None

    @property
    def abandonment(self) -> float | None:
        """The share of work whose customer left before an agent had it."""
        return self.abandoned / self.queued if self.queued else None

    @property
    def service_level(self) -> float | None:
        """The share of work that an agent had in time, of what was matched or abandoned."""
        judged = self.matched + self.abandoned
        return self.matched_in_target / judged if judged else None

    @property
    def response_level(self) -> float | None:
        """The share of first responses that came in time."""
        return self.answered_in_target / self.answered if self.answered else None


def by_agent(tenant: int, since: datetime, until: datetime) -> list[AgentReport]:
    """Every agent's figures, by name."""
    asked: dict[str, Any] = {"tenant": tenant, "since": since, "until": until}
    with connection.cursor() as cursor:
        cursor.execute(AGENTS, asked)
        return [AgentReport(*map(_plain, row)) for row in cursor.fetchall()]


def by_skill(tenant: int, since: datetime, until: datetime) -> list[QueueReport]:
    """Figures for each skill that work asked for."""
    return _reports(BY_SKILL, tenant, since, until)


def by_hour(tenant: int, since: datetime, until: datetime) -> list[QueueReport]:
    """Figures for each hour (UTC) in which work was queued."""
    return _reports(BY_HOUR, tenant, since, until)


def in_all(tenant: int, since: datetime, until: datetime) -> QueueReport:
    """Figures of all work, with the wait within business hours besides."""
    found = _reports(IN_ALL, tenant, since, until)
    total = found[0] if found else QueueReport(True, 0, 0, 0, None, None, None, None, 0, 0, 0)
    waits = _business_waits(tenant, since, until)
    values = {name: getattr(total, name) for name in QueueReport.__slots__}
    average = sum(waits) / len(waits) if waits else None
    return QueueReport(**(values | {"business_wait": average}))


def _reports(query: str, tenant: int, since: datetime, until: datetime) -> list[QueueReport]:
    policy = policy_of(tenant)
    asked: dict[str, Any] = {
        "tenant": tenant,
        "since": since,
        "until": until,
        "target_wait": float(policy.target_wait),
        "target_response": policy.target_response,
    }
    with connection.cursor() as cursor:
        cursor.execute(query, asked)
        return [QueueReport(*map(_plain, row)) for row in cursor.fetchall()]


def _business_waits(tenant: int, since: datetime, until: datetime) -> Sequence[float]:
    hours = opening_hours(tenant)
    asked: dict[str, Any] = {"tenant": tenant, "since": since, "until": until, "most": ROWS_MAX}
    with connection.cursor() as cursor:
        cursor.execute(WAITS, asked)
        return [open_seconds(hours, begin, end) for begin, end in cursor.fetchall()]


def _plain(value: Any) -> Any:
    """Averages come as Decimals; figures of time are floats."""
    return float(value) if hasattr(value, "as_tuple") else value
