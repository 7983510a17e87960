"""Read on in the log, for every endpoint, and note what has to be delivered.

Note [Each its own cursor]. Deliveries and the cursor that passed their events are committed
together, so each event is noted once for each endpoint that wants it, whoever is killed. An
endpoint that takes nothing falls behind by itself: after `PENDING_MAX` its cursor stands still, and
the log keeps what it has not read.
"""

import re
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from apps.core.ids import uuid7
from apps.events.selectors import Offsets, Told, read_on
from apps.webhooks.models import Cursor, Delivery, Endpoint

PENDING_MAX: Final = 10_000
EACH: Final = 100  # events of a partition at a time
MOVE: Final = """
UPDATE webhooks_cursor c SET "offset" = u.o
FROM unnest(%s::text[], %s::smallint[], %s::bigint[]) AS u (t, p, o)
WHERE c.endpoint_id = %s AND c.topic = u.t AND c.partition = u.p
"""


def collect() -> int:
    """Note what every active endpoint has to be told; how many deliveries that makes."""
    active = Endpoint.objects.filter(state=Endpoint.State.ACTIVE).values_list("pk", flat=True)
    return sum(_collect_for(uid) for uid in active)


def _collect_for(uid: UUID) -> int:
    noted = 0
    while (found := _step(uid)) is not None:
        noted += found
    return noted


def _step(uid: UUID) -> int | None:
    """One read, in one transaction; nothing where there was nothing to read."""
    with transaction.atomic():
        endpoint = (
            Endpoint.objects.select_for_update(skip_locked=True)
            .filter(pk=uid, state=Endpoint.State.ACTIVE)
            .first()
        )
        if endpoint is None or _is_full(uid):
            return None
        rows = Cursor.objects.filter(endpoint_id=uid).values_list("topic", "partition", "offset")
        after: Offsets = {(topic, number): offset for topic, number, offset in rows}
        events, moved = read_on(endpoint.tenant_id, after, each=EACH)
        if not moved:
            return None
        wanted = matching(endpoint.patterns, events)
        _note(endpoint, wanted)
        _move(uid, moved)
        return len(wanted)


def matching(patterns: Sequence[str], events: Sequence[Told]) -> list[Told]:
    """The events whose names fit one of the patterns."""
    fits = re.compile(
        "|".join(
            ".*" if one == "*" else re.escape(one[:-1]) + ".*" if one.endswith(".*") else re.escape(one)
            for one in patterns
        )
    )  # fmt: skip
    return [one for one in events if fits.fullmatch(one.name)]


def _is_full(uid: UUID) -> bool:
    waiting = Delivery.objects.filter(endpoint_id=uid, state=Delivery.State.PENDING)
    return waiting[:PENDING_MAX].count() >= PENDING_MAX


def _note(endpoint: Endpoint, events: Sequence[Told]) -> None:
    Delivery.objects.bulk_create(
        [
            Delivery(
                id=uuid7(),
                tenant_id=endpoint.tenant_id,
                endpoint=endpoint,
                event=one.id,
                topic=one.topic,
                partition=one.partition,
                offset=one.offset,
                name=one.name,
            )
            for one in events
        ],
        ignore_conflicts=True,  # an endpoint that began anew may read an event a second time
    )


def _move(uid: UUID, moved: Offsets) -> None:
    places = list(moved)
    with connection.cursor() as cursor:
        cursor.execute(
            MOVE,
            [
                [topic for topic, _ in places],
                [number for _, number in places],
                [moved[place] for place in places],
                uid,
            ],
        )
