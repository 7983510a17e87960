"""Replay: run a handler over the log again, into empty shadow tables, and compare or swap.

The shadows are temporary tables of the same names: PostgreSQL looks there first, so the very same
handler code fills them. Events of parked keys are left out up to where the handler itself left
them out. Nothing is published and nobody is told.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from django.db import connection, transaction

from apps.events import registry
from apps.events.contracts import PARTITIONS
from apps.events.exceptions import NotRebuildable
from apps.events.registry import Handler, Projection
from apps.events.services import places
from apps.events.services.places import Place
from apps.events.services.publishing import unit_of_work

CHUNK = 500  # events
DIFFERENCES_SHOWN = 20


@dataclass
class Replay:
    """What a replay found."""

    handler: str
    events: int = 0
    differences: dict[str, list[str]] = field(default_factory=dict)
    swapped: bool = False

    @property
    def ok(self) -> bool:
        """Whether the tables are what the log says."""
        return not any(self.differences.values())


def replay(
    name: str, *, swap: bool = False, progress: Callable[[int], None] = lambda _count: None
) -> Replay:
    """Rebuild a handler's projection beside the present one and compare; with `swap`, replace it.

    While it runs, this handler (and no other) stands still, so that both sides are true at the same
    offsets. Raises `NotRebuildable`.
    """
    handler = registry.handler(name)
    projection = handler.projection
    if projection is None or (swap and not projection.rebuildable):
        raise NotRebuildable(handler=name)
    result = Replay(name)
    with unit_of_work(muted=True), connection.cursor() as cursor:
        cursors = _stand_still(handler)
        for table in projection.tables:
            cursor.execute(
                f"CREATE TEMPORARY TABLE {table} (LIKE public.{table} INCLUDING DEFAULTS INCLUDING"
                " IDENTITY INCLUDING CONSTRAINTS INCLUDING INDEXES INCLUDING GENERATED)"
                " ON COMMIT DROP"
            )
        # Statements that this session has prepared still mean the real tables.
        cursor.execute("DISCARD PLANS")
        for topic, partition, offset in cursors:
            _refill(Place(handler, topic, partition), offset, result, progress)
        for title, query in projection.comparisons.items():
            result.differences[title] = _differences(query, projection)
        if swap and not result.ok:
            _swap(projection)
            result.swapped = True
    return result


def _stand_still(handler: Handler) -> list[tuple[str, int, int]]:
    """Keep drains and resumptions out until the transaction ends; topics, partitions, offsets."""
    places_of_handler = (
        Place(handler, topic, number)
        for topic in sorted(handler.topics)
        for number in range(PARTITIONS)
    )
    for place in places_of_handler:
        places.claim_until_commit(place)
    with connection.cursor() as cursor:
        cursor.execute(
            'SELECT topic, partition, "offset" FROM events_cursor WHERE handler = %s'
            " ORDER BY topic, partition FOR UPDATE",
            [handler.name],
        )
        return list(cursor.fetchall())


def _refill(place: Place, until: int, result: Replay, progress: Callable[[int], None]) -> None:
    held = _held(place)
    after = 0
    while rows := places.read(place, after, CHUNK, until=until):
        after = rows[-1].offset
        wanted = [row for row in rows if row.name in place.handler.names and row.offset not in held]
        if wanted:
            events = [row.recorded() for row in wanted]
            place.handler.function(place.batch(events, replaying=True))
        result.events += len(wanted)
        progress(len(rows))


def _held(place: Place) -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT c."offset" FROM events_parkedevent c WHERE {places.AT}', place.at)
        return {offset for (offset,) in cursor.fetchall()}


def _differences(query: str, projection: Projection) -> list[str]:
    """Rows that only one side has: `-` stands in the tables, `+` is what the log says."""
    tables = "|".join(map(re.escape, projection.tables))
    real = re.sub(rf"\b({tables})\b", r"public.\1", query)
    found: list[str] = []
    with connection.cursor() as cursor:
        for sign, one, other in (("-", real, query), ("+", query, real)):
            cursor.execute(
                f"SELECT difference::text FROM (({one}) EXCEPT ALL ({other})) AS difference"
                f" LIMIT {DIFFERENCES_SHOWN}"
            )
            found += [f"{sign} {row}" for (row,) in cursor.fetchall()]
    return found


def _swap(projection: Projection) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        # Histories that follow from the log refuse to be rewritten by anyone who does not say this.
        cursor.execute("SET LOCAL lockstep.rebuilding = 'on'")
        for table in projection.tables:
            cursor.execute(
                """SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute
                   WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped
                     AND attgenerated = ''""",
                [f"public.{table}"],
            )
            columns = cursor.fetchone()[0]
            cursor.execute(f"DELETE FROM public.{table}")
            cursor.execute(
                f"INSERT INTO public.{table} ({columns}) OVERRIDING SYSTEM VALUE"
                f" SELECT {columns} FROM pg_temp.{table}"
            )


def log_length(handler: Handler) -> int:
    """Events that a replay of this handler reads."""
    with connection.cursor() as cursor:
        cursor.execute(
            'SELECT coalesce(sum("offset"), 0) FROM events_cursor WHERE handler = %s',
            [handler.name],
        )
        return int(cursor.fetchone()[0])
