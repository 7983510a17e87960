"""What `manage.py verify` reports, and this app's own checks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

FAILURES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Check:
    """One invariant that was looked at: how many things, and which of them break it."""

    name: str
    ok: bool
    checked: int
    failures: Sequence[str] = ()


Invariant = Callable[[int | None], Check]
"""A check over one tenant's rows, or over all (None)."""


def check_by_query(
    name: str, *, count: str, faults: str, params: Sequence[Any] | Mapping[str, Any] = ()
) -> Check:
    """A check made of two queries: how many things there are, and a text for each that is wrong.

    In both, a per cent sign that is no parameter is doubled.
    """
    with connection.cursor() as cursor:
        cursor.execute(count, params)
        checked = int(cursor.fetchone()[0])
        cursor.execute(f"{faults} LIMIT {FAILURES_SHOWN}", params)
        failures = [str(row[0]) for row in cursor.fetchall()]
    return Check(name=name, ok=not failures, checked=checked, failures=failures)


def offsets_are_gapless(tenant_id: int | None) -> Check:
    """In every partition offsets run from the retention floor to the end without a gap."""
    return check_by_query(
        "events: offsets are gapless",
        count="SELECT count(*) FROM events_event",
        faults="""
            SELECT format('%%s/%%s holds %%s events between %%s and %%s, archived up to %%s',
                          e.topic, e.partition, e.events, e.low, e.high, coalesce(p.floor, 0))
            FROM (SELECT topic, partition, count(*) AS events, min("offset") AS low,
                         max("offset") AS high
                  FROM events_event GROUP BY topic, partition) AS e
            LEFT JOIN events_partition p ON p.topic = e.topic AND p.number = e.partition
            WHERE e.events <> e.high - coalesce(p.floor, 0)""",
    )


def cursors_do_not_lead(tenant_id: int | None) -> Check:
    """No handler claims to have read past the end of the log."""
    return check_by_query(
        "events: no cursor is ahead of the log",
        count="SELECT count(*) FROM events_cursor",
        faults="""
            SELECT format('%%s in %%s/%%s stands at %%s', c.handler, c.topic, c.partition, c."offset")
            FROM events_cursor c
            LEFT JOIN events_partition p ON p.topic = c.topic AND p.number = c.partition
            WHERE c."offset" > greatest(coalesce(p.floor, 0), coalesce((
                SELECT max("offset") FROM events_event e
                WHERE e.topic = c.topic AND e.partition = c.partition), 0))""",
    )


def parked_events_have_a_parked_key(tenant_id: int | None) -> Check:
    """Every held event waits behind a key that somebody can resume."""
    return check_by_query(
        "events: held events wait behind a parked key",
        count="SELECT count(*) FROM events_parkedevent",
        faults="""
            SELECT format('%%s %%s/%%s offset %%s', h.handler, h.topic, h.partition, h."offset")
            FROM events_parkedevent h WHERE NOT EXISTS (
                SELECT FROM events_parkedkey k WHERE k.handler = h.handler
                AND k.topic = h.topic AND k.partition = h.partition AND k.key = h.key)""",
    )


INVARIANTS: Sequence[Invariant] = (
    offsets_are_gapless,
    cursors_do_not_lead,
    parked_events_have_a_parked_key,
)
