"""Reading the log as an outsider: one tenant's events of some topics, on from a cursor."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from django.db import connection

from apps.events.exceptions import BeyondTheLog

Offsets = dict[tuple[str, int], int]
"""Topic and partition to the offset of the last event that was read there."""

HEADS = """
SELECT p.topic, p.number, greatest(p.floor, coalesce((
    SELECT e."offset" FROM events_event e WHERE e.topic = p.topic AND e.partition = p.number
    ORDER BY e."offset" DESC LIMIT 1), 0))
FROM events_partition p WHERE p.topic = ANY(%s)
"""
# The others' events are counted, so that the cursor gets past them, and not shown.
READ_ON = """
SELECT w.topic, w.partition, e."offset", e.tenant_id = %s, e.id, e.key, e.name, e.version,
       CASE WHEN e.tenant_id = %s THEN e.data::text END, e.occurred_at, e.recorded_at
FROM unnest(%s::text[], %s::smallint[], %s::bigint[]) AS w (topic, partition, after)
CROSS JOIN LATERAL (
    SELECT * FROM events_event f
    WHERE f.topic = w.topic AND f.partition = w.partition AND f."offset" > w.after
    ORDER BY f."offset" LIMIT %s
) AS e
ORDER BY w.topic, w.partition, e."offset"
"""
AT = """
SELECT e.topic, e.partition, e."offset", true, e.id, e.key, e.name, e.version, e.data::text,
       e.occurred_at, e.recorded_at
FROM unnest(%s::text[], %s::smallint[], %s::bigint[]) AS w (topic, partition, "offset")
JOIN events_event e USING (topic, partition, "offset")
WHERE e.tenant_id = %s
"""


# One tenant's events within a window of the log; what the others told is passed over.
NEXT = """
SELECT w.topic, w.partition, e."offset", true, e.id, e.key, e.name, e.version, e.data::text,
       e.occurred_at, e.recorded_at
FROM unnest(%s::text[], %s::smallint[], %s::bigint[], %s::bigint[], %s::integer[])
    AS w (topic, partition, after, until, most)
CROSS JOIN LATERAL (
    SELECT * FROM events_event f
    WHERE f.topic = w.topic AND f.partition = w.partition AND f."offset" > w.after
      AND f."offset" <= w.until AND f.tenant_id = %s
    ORDER BY f."offset" LIMIT w.most
) AS e
ORDER BY w.topic, w.partition, e."offset"
"""
WINDOW: Final = 1_000
"""Offsets of a partition that are looked through at a time."""
ROUNDS: Final = 5
"""Windows a page: where others tell much and a tenant nothing, a page ends empty and says so."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event as outsiders read it; `data` is its JSON text."""

    topic: str
    partition: int
    offset: int
    id: UUID
    key: str
    name: str
    version: int
    data: str
    occurred_at: datetime
    recorded_at: datetime

    def content(self) -> dict[str, object]:
        """What is told of it; `data` is JSON already."""
        return {
            "id": self.id,
            "type": self.name,
            "version": self.version,
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "key": self.key,
            "occurred_at": self.occurred_at,
            "recorded_at": self.recorded_at,
            "data": msgspec.Raw(self.data.encode()),
        }

    def body(self) -> bytes:
        """The JSON in which it is told."""
        return msgspec.json.encode(self.content())


def heads(topics: Collection[str]) -> Offsets:
    """Where every partition of these topics ends now."""
    with connection.cursor() as cursor:
        cursor.execute(HEADS, [list(topics)])
        return {(topic, number): offset for topic, number, offset in cursor.fetchall()}


def read_on(
    tenant: int, after: Mapping[tuple[str, int], int], *, each: int
) -> tuple[list[Told], Offsets]:
    """A tenant's next events, at most `each` a partition, and the places that moved."""
    places = list(after)
    with connection.cursor() as cursor:
        cursor.execute(
            READ_ON,
            [
                tenant,
                tenant,
                [topic for topic, _ in places],
                [number for _, number in places],
                [after[place] for place in places],
                each,
            ],
        )
        rows = cursor.fetchall()
    moved = {(row[0], row[1]): row[2] for row in rows}
    return list(_told(rows)), moved


@dataclass(frozen=True, slots=True)
class Page:
    """A tenant's next events, in order in each partition."""

    events: list[Told]
    reached: Offsets
    """How far every partition was read: where the next page begins."""
    has_more: bool
    """Whether the log goes on beyond it."""


def next_page(tenant: int, topics: Collection[str], after: Offsets, limit: int) -> Page:
    """A tenant's events of some topics after a place, at most `limit`.

    Raises `BeyondTheLog` where the place is further than the log goes.
    """
    ends = heads(topics)
    if ahead := [place for place, offset in after.items() if offset > ends.get(place, 0)]:
        raise BeyondTheLog(places=[f"{topic}/{number}" for topic, number in sorted(ahead)])
    reached = {place: after.get(place, 0) for place in ends}
    events: list[Told] = []
    for _ in range(ROUNDS):
        shares = shared(
            {place: ends[place] - reached[place] for place in ends}, limit - len(events)
        )
        if not shares:
            break
        events += _window(tenant, reached, ends, shares)
    has_more = any(ends[place] > reached[place] for place in ends)
    return Page(sorted(events, key=_place), reached, has_more)


def shared(behind: Mapping[tuple[str, int], int], limit: int) -> dict[tuple[str, int], int]:
    """A page's rows given out fairly: who has few gets them all, the others share what is left."""
    shares: dict[tuple[str, int], int] = {}
    waiting = sorted((count, place) for place, count in behind.items() if count > 0)
    for number, (count, place) in enumerate(waiting):
        share = min(count, (limit - sum(shares.values())) // (len(waiting) - number))
        if share:
            shares[place] = share
    return shares


def _window(
    tenant: int, reached: Offsets, ends: Offsets, shares: Mapping[tuple[str, int], int]
) -> list[Told]:
    """One look into each partition; `reached` moves on."""
    until = {place: min(ends[place], reached[place] + WINDOW) for place in shares}
    with connection.cursor() as cursor:
        cursor.execute(
            NEXT,
            [
                [topic for topic, _ in shares],
                [number for _, number in shares],
                [reached[place] for place in shares],
                list(until.values()),
                list(shares.values()),
                tenant,
            ],
        )
        found = list(_told(cursor.fetchall()))
    newest = {(one.topic, one.partition): one.offset for one in found}
    count = Counter((one.topic, one.partition) for one in found)
    for place, most in shares.items():
        reached[place] = newest[place] if count[place] == most else until[place]
    return found


def _place(one: Told) -> tuple[str, int, int]:
    return one.topic, one.partition, one.offset


def events_at(tenant: int, places: Sequence[tuple[str, int, int]]) -> dict[UUID, Told]:
    """Particular events of a tenant (topic, partition, offset), by their ids; archived ones are missing."""
    topics, partitions, offsets = zip(*places, strict=True) if places else ((), (), ())
    with connection.cursor() as cursor:
        cursor.execute(AT, [list(topics), list(partitions), list(offsets), tenant])
        return {one.id: one for one in _told(cursor.fetchall())}


def _told(rows: Sequence[tuple[object, ...]]) -> Iterator[Told]:
    for topic, number, offset, is_ours, *rest in rows:
        if is_ours:
            yield Told(topic, number, offset, *rest)  # type: ignore[arg-type] # columns, as selected
