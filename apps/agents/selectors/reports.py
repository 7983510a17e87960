"""How well it went: of agents, of their skills, of the line, and of each hour.

Bots are in none of these figures, by definition: what a bot says is never noted, and time counts
from when work was queued for a person. Seconds are wall time; `business` ones count only within the
tenant's hours. Each report is one query besides those for the policy and its hours.

Handle time is what an agent has work for, from taking it to the end of the wrap-up; work that is
still in hand has none. Utilisation is the share of the time online with at least one conversation.
"""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection

from apps.agents.hours import ALWAYS, open_spans
from apps.agents.selectors.rules import opening_hours, policy_of

ROUND_ABOUT: Final = timedelta(days=7)
"""How far beyond a period business time is counted: who came in it may be served after it."""

SPAN: Final = """
WITH span AS (
    SELECT %(since)s::timestamptz AS since, least(%(until)s::timestamptz, now()) AS until,
           %(open)s::tstzmultirange AS open
)
"""
# Seconds of a stretch within the hours, and in all. A clock that was put back ends none before it began.
BUSINESS: Final = """(
    SELECT coalesce(sum(extract(epoch FROM upper(part) - lower(part))), 0)
    FROM unnest(tstzmultirange(tstzrange({begin}, greatest({begin}, {end}))) * span.open) AS part)"""
WALL: Final = "extract(epoch FROM {end} - {begin})"
HANDLED: Final = {"begin": "a.accepted_at", "end": "a.ended_at"}
WAITED: Final = {"begin": "w.queued_at", "end": "w.matched_at"}
ANSWERED: Final = {
    "begin": "w.queued_at",
    "end": "w.queued_at + make_interval(secs => w.first_response_ms / 1000.0)",
}

# What an agent did with what they were given; of assignments that were offered in the period.
HELD: Final = f"""
    count(*) FILTER (WHERE a.accepted_at IS NOT NULL) AS taken,
    count(*) FILTER (WHERE a.outcome = 'declined') AS declined,
    count(*) FILTER (WHERE a.outcome = 'timed_out') AS missed,
    count(*) FILTER (WHERE a.outcome = 'transferred' AND a.accepted_at IS NOT NULL) AS transferred,
    avg(a.first_response_ms) / 1000 AS first_response,
    sum(a.response_ms) / 1000.0 / nullif(sum(a.responses), 0) AS average_response,
    count(*) FILTER (WHERE a.first_response_ms <= %(target_response)s * 1000) AS answered_in_target,
    count(a.first_response_ms) AS answered,
    avg({WALL.format(**HANDLED)}) FILTER (WHERE a.accepted_at < a.ended_at) AS handle,
    avg({BUSINESS.format(**HANDLED)}) FILTER (WHERE a.accepted_at < a.ended_at) AS business_handle
"""
OF_PERIOD: Final = """
    a.tenant_id = %(tenant)s AND a.offered_at >= span.since AND a.offered_at < span.until
"""
AGENTS: Final = f"""{SPAN},
held AS (
    SELECT a.agent_id, {HELD}
    FROM agents_assignment a, span WHERE {OF_PERIOD} GROUP BY a.agent_id
),
-- Time with at least one conversation: overlapping ones count once.
stretches AS (
    SELECT a.agent_id, range_agg(tstzrange(
        greatest(a.accepted_at, span.since),
        greatest(a.accepted_at, span.since, least(coalesce(a.ended_at, span.until), span.until))
    )) AS all_of
    FROM agents_assignment a, span
    WHERE a.tenant_id = %(tenant)s AND a.accepted_at IS NOT NULL
      AND a.accepted_at < span.until AND coalesce(a.ended_at, span.until) > span.since
    GROUP BY a.agent_id
),
busy AS (
    SELECT agent_id, sum(extract(epoch FROM upper(part) - lower(part))) AS seconds
    FROM stretches, unnest(all_of) AS part GROUP BY agent_id
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
       coalesce(held.transferred, 0), held.first_response, held.average_response,
       coalesce(held.answered_in_target, 0), coalesce(held.answered, 0), held.handle,
       held.business_handle, coalesce(busy.seconds, 0), coalesce(signed_in, 0), coalesce(online, 0)
FROM agents_agent g
LEFT JOIN held ON held.agent_id = g.id
LEFT JOIN busy ON busy.agent_id = g.id
LEFT JOIN shifts ON shifts.agent_id = g.id
WHERE g.tenant_id = %(tenant)s ORDER BY g.name, g.id
"""
SKILL: Final = "LEFT JOIN LATERAL jsonb_object_keys(w.skills) AS s (skill) ON true"
# Work that asked for several skills counts for each; '' asks for none.
AGENTS_BY_SKILL: Final = f"""{SPAN},
held AS (
    SELECT a.agent_id, coalesce(s.skill, '') AS skill, {HELD}
    FROM span, agents_assignment a JOIN agents_work w ON w.id = a.work_id {SKILL}
    WHERE {OF_PERIOD} GROUP BY 1, 2
)
SELECT g.id, g.name, held.skill, held.taken, held.declined, held.missed, held.transferred,
       held.first_response, held.average_response, held.answered_in_target, held.answered,
       held.handle, held.business_handle
FROM held JOIN agents_agent g ON g.id = held.agent_id ORDER BY g.name, g.id, held.skill
"""
GROUPED: Final = f"""{SPAN}
SELECT {{grouping}}, count(*),
       count(*) FILTER (WHERE w.matched_at IS NOT NULL),
       count(*) FILTER (WHERE w.outcome = 'abandoned'),
       avg({WALL.format(**WAITED)}) FILTER (WHERE w.matched_at IS NOT NULL),
       percentile_cont(0.9) WITHIN GROUP (ORDER BY {WALL.format(**WAITED)}),
       avg(w.first_response_ms) / 1000,
       sum(w.response_ms) / 1000.0 / nullif(sum(w.responses), 0),
       avg(handled.seconds),
       count(*) FILTER (WHERE w.matched_at <= w.queued_at + make_interval(secs => %(target_wait)s)),
       count(*) FILTER (WHERE w.first_response_ms <= %(target_response)s * 1000),
       count(w.first_response_ms),
       avg({BUSINESS.format(**WAITED)}) FILTER (WHERE w.matched_at IS NOT NULL),
       avg({BUSINESS.format(**ANSWERED)}) FILTER (WHERE w.first_response_ms IS NOT NULL)
FROM span, agents_work w {{source}}
LEFT JOIN LATERAL (
    -- All agents' time with it together, once nobody has it any more.
    SELECT sum({WALL.format(**HANDLED)}) AS seconds FROM agents_assignment a
    WHERE a.work_id = w.id AND a.accepted_at IS NOT NULL
    HAVING bool_and(a.ended_at IS NOT NULL)
) AS handled ON true
WHERE w.tenant_id = %(tenant)s AND w.queued_at >= span.since AND w.queued_at < span.until
GROUP BY 1 ORDER BY 1
"""
BY_SKILL: Final = GROUPED.format(grouping="coalesce(s.skill, '')", source=SKILL)
BY_HOUR: Final = GROUPED.format(grouping="date_trunc('hour', w.queued_at, 'UTC')", source="")
IN_ALL: Final = GROUPED.format(grouping="true", source="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Handling:
    """What an agent did with what they were given in a period; seconds."""

    taken: int
    declined: int
    missed: int
    transferred: int
    first_response: float | None
    """From taking the work, or from the customer's word if that came later."""
    average_response: float | None
    answered_in_target: int
    answered: int
    handle_time: float | None
    business_handle_time: float | None

    @property
    def response_level(self) -> float | None:
        """The share of first responses that came in time."""
        return self.answered_in_target / self.answered if self.answered else None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentReport(Handling):
    """An agent's figures of a period; seconds."""

    agent_id: UUID
    name: str
    busy: float
    signed_in: float
    online: float

    @property
    def utilisation(self) -> float | None:
        """At most 1: work that goes on after the agent left `online` counts no further."""
        return min(1.0, self.busy / self.online) if self.online else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillReport(Handling):
    """An agent's figures of work that asked for a skill."""

    agent_id: UUID
    name: str
    skill: str


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
    """From queueing to the first word of an agent."""
    average_response: float | None
    handle_time: float | None
    matched_in_target: int
    answered_in_target: int
    answered: int
    business_wait: float | None
    business_first_response: float | None

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


HANDLING: Final = tuple(one.name for one in fields(Handling))


def by_agent(tenant: int, since: datetime, until: datetime) -> list[AgentReport]:
    """Every agent's figures, by name."""
    names = ("agent_id", "name", *HANDLING, "busy", "signed_in", "online")
    rows = _ask(AGENTS, tenant, since, until)
    return [AgentReport(**dict(zip(names, row, strict=True))) for row in rows]


def by_agent_and_skill(tenant: int, since: datetime, until: datetime) -> list[SkillReport]:
    """Each agent's figures for each skill that their work asked for, by name and skill."""
    names = ("agent_id", "name", "skill", *HANDLING)
    rows = _ask(AGENTS_BY_SKILL, tenant, since, until)
    return [SkillReport(**dict(zip(names, row, strict=True))) for row in rows]


def by_skill(tenant: int, since: datetime, until: datetime) -> list[QueueReport]:
    """Figures for each skill that work asked for."""
    return [QueueReport(*row) for row in _ask(BY_SKILL, tenant, since, until)]


def by_hour(tenant: int, since: datetime, until: datetime) -> list[QueueReport]:
    """Figures for each hour (UTC) in which work was queued."""
    return [QueueReport(*row) for row in _ask(BY_HOUR, tenant, since, until)]


def in_all(tenant: int, since: datetime, until: datetime) -> QueueReport:
    """Figures of all work."""
    found = _ask(IN_ALL, tenant, since, until)
    nothing = (True, 0, 0, 0, None, None, None, None, None, 0, 0, 0, None, None)
    return QueueReport(*(found[0] if found else nothing))


def _ask(query: str, tenant: int, since: datetime, until: datetime) -> list[tuple[Any, ...]]:
    policy = policy_of(tenant)
    asked: dict[str, Any] = {
        "tenant": tenant,
        "since": since,
        "until": until,
        "open": _open(tenant, since, until),
        "target_wait": float(policy.target_wait),
        "target_response": policy.target_response,
    }
    with connection.cursor() as cursor:
        cursor.execute(query, asked)
        return [tuple(map(_plain, row)) for row in cursor.fetchall()]


def _open(tenant: int, since: datetime, until: datetime) -> str:
    """The tenant's hours about a period, as PostgreSQL reads a set of stretches."""
    hours = opening_hours(tenant)
    if hours == ALWAYS:
        return "{(,)}"
    spans = open_spans(hours, since - ROUND_ABOUT, until + ROUND_ABOUT)
    return "{" + ",".join(f"[{begin.isoformat()},{end.isoformat()})" for begin, end in spans) + "}"


def _plain(value: Any) -> Any:
    """Averages come as Decimals; figures of time are floats."""
    return float(value) if hasattr(value, "as_tuple") else value
