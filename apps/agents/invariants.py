"""What must always be true of agents and their work; `manage.py verify` looks.

Each check is one statement, hence one snapshot: loads, states and assignments change together.
"""

from collections.abc import Sequence

from apps.events.invariants import Check, Invariant, check_by_query


def loads_are_their_assignments(tenant_id: int | None) -> Check:
    """An agent's load is the weight of what they have."""
    return check_by_query(
        "agents: a load is the sum of its assignments",
        count="SELECT count(*) FROM agents_agent WHERE tenant_id = coalesce(%s, tenant_id)",
        faults="""
            SELECT format('agent %%s: load %%s, has %%s', g.id, g.load, coalesce(held.weight, 0))
            FROM agents_agent g
            LEFT JOIN (SELECT agent_id, sum(weight) AS weight FROM agents_assignment
                       WHERE state <> 'ended' GROUP BY agent_id) AS held ON held.agent_id = g.id
            WHERE g.tenant_id = coalesce(%s, g.tenant_id) AND g.load <> coalesce(held.weight, 0)""",
        params=[tenant_id],
    )


def nobody_was_given_too_much(tenant_id: int | None) -> Check:
    """Nobody has more than their capacity, unless it was lowered, or silent work woke, since."""
    return check_by_query(
        "agents: nobody has more than there is room for",
        count="SELECT count(*) FROM agents_agent WHERE tenant_id = coalesce(%s, tenant_id)",
        faults="""
            SELECT format('agent %%s: %%s of %%s', g.id, g.load, g.capacity * 1000)
            FROM agents_agent g LEFT JOIN agents_routingpolicy p ON p.tenant_id = g.tenant_id
            WHERE g.tenant_id = coalesce(%s, g.tenant_id) AND g.load > g.capacity * 1000
              AND coalesce(p.inactive_weight, 1000) = 1000
              AND NOT EXISTS (SELECT FROM events_event e WHERE e.topic = 'agent'
                  AND e.key = g.id::text AND e.name = 'agents.agent.changed'
                  AND e.data -> 'changed' ? 'capacity')""",
        params=[tenant_id],
    )


def states_agree(tenant_id: int | None) -> Check:
    """Work that somebody has is in the state of their assignment; work that waits, nobody has."""
    return check_by_query(
        "agents: work and its assignment are in one state",
        count="""SELECT count(*) FROM agents_work
                 WHERE state <> 'done' AND tenant_id = coalesce(%s, tenant_id)""",
        faults="""
            SELECT format('work %%s is %%s, its assignment %%s', w.work_id, w.state,
                          coalesce(a.state, 'is none'))
            FROM agents_work w
            LEFT JOIN agents_assignment a ON a.work_id = w.id AND a.state <> 'ended'
            WHERE w.tenant_id = coalesce(%s, w.tenant_id)
              AND a.state IS DISTINCT FROM CASE w.state WHEN 'assigned' THEN 'active'
                  WHEN 'offered' THEN 'offered' WHEN 'wrap_up' THEN 'wrap_up' END""",
        params=[tenant_id],
    )


def fences_grow(tenant_id: int | None) -> Check:
    """Of two assignments of the same work the later one has the higher token."""
    return check_by_query(
        "agents: fences grow",
        count="SELECT count(*) FROM agents_assignment WHERE tenant_id = coalesce(%s, tenant_id)",
        faults="""
            SELECT format('work %%s: %%s after %%s', later.work_id, later.fence, later.before)
            FROM (SELECT work_id, fence, lag(fence) OVER (
                      PARTITION BY work_id ORDER BY coalesce(ended_at, 'infinity'), fence) AS before
                  FROM agents_assignment WHERE tenant_id = coalesce(%s, tenant_id)) AS later
            WHERE later.fence <= later.before""",
        params=[tenant_id],
    )


def statuses_are_gapless(tenant_id: int | None) -> Check:
    """An agent's newest status is the present one, and each begins when the one before ended."""
    return check_by_query(
        "agents: statuses follow each other without a gap",
        count="SELECT count(*) FROM agents_statuschange WHERE tenant_id = coalesce(%s, tenant_id)",
        faults="""
            SELECT format('agent %%s since %%s', s.agent_id, s.since)
            FROM (SELECT *, lead(since) OVER (PARTITION BY agent_id ORDER BY since, id) AS next
                  FROM agents_statuschange WHERE tenant_id = coalesce(%s, tenant_id)) AS s
            JOIN agents_agent g ON g.id = s.agent_id
            WHERE s.until IS DISTINCT FROM s.next
               OR (s.until IS NULL AND s.status <> g.status)""",
        params=[tenant_id],
    )


def matches_were_told(tenant_id: int | None) -> Check:
    """Every agent who has work was told of: the log knows the match, by its fence."""
    return check_by_query(
        "agents: every match was told",
        count="""SELECT count(*) FROM agents_assignment
                 WHERE state = 'active' AND tenant_id = coalesce(%s, tenant_id)""",
        faults="""
            SELECT format('work %%s of agent %%s, fence %%s', w.work_id, a.agent_id, a.fence)
            FROM agents_assignment a JOIN agents_work w ON w.id = a.work_id
            WHERE a.state = 'active' AND a.tenant_id = coalesce(%s, a.tenant_id)
              AND NOT EXISTS (SELECT FROM events_event e WHERE e.topic = 'agent'
                  AND e.key = w.work_id::text AND e.name = 'agents.agent.matched'
                  AND e.data ->> 'fence' = a.fence::text)
              AND NOT EXISTS (
                  SELECT FROM events_partition WHERE topic = 'agent' AND floor > 0)""",
        params=[tenant_id],
    )


INVARIANTS: Sequence[Invariant] = (
    loads_are_their_assignments,
    nobody_was_given_too_much,
    states_agree,
    fences_grow,
    statuses_are_gapless,
    matches_were_told,
)
