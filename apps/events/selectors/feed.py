"""Reading the log as an outsider: one tenant's events of some topics, on from a cursor."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec
from django.db import connection

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

    def body(self) -> bytes:
        """The JSON in which it is told."""
        return msgspec.json.encode(
            {
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
        )


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
