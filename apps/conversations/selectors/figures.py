"""Figures for boards: how much is said, and where conversations stand."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from django.db import connection

from apps.conversations.lifecycle import OPEN

# Ids are made in the order of time, so the primary key finds the last seconds. A message whose id was
# made before the first of them may have been sent after it: hence the margin.
BY_SECOND: Final = """
SELECT floor(extract(epoch FROM sent_at))::bigint AS second, count(*)
FROM conversations_message WHERE tenant_id = %s AND id >= %s AND sent_at >= %s GROUP BY 1
"""
MARGIN: Final = timedelta(seconds=10)
STANDING: Final = """
SELECT state, count(*), min(queued_at) FILTER (WHERE state IN ('queued', 'offered'))
FROM conversations_conversation WHERE tenant_id = %s AND state = ANY(%s) GROUP BY state
"""


class Standing(msgspec.Struct, frozen=True, gc=False):
    """How many conversations of a tenant are in each open state, and since when the first one waits."""

    states: dict[str, int]
    waiting_since: datetime | None

    @property
    def open(self) -> int:
        """All of them."""
        return sum(self.states.values())

    def of(self, *states: str) -> int:
        """Those in one of the states."""
        return sum(self.states.get(state, 0) for state in states)


def messages_by_second(tenant: int, since: datetime) -> dict[int, int]:
    """How many messages were sent in each Unix second, from `since` on."""
    first = UUID(int=int((since - MARGIN).timestamp() * 1_000) << 80 | 0x7 << 76 | 0x2 << 62)
    with connection.cursor() as cursor:
        cursor.execute(BY_SECOND, [tenant, first, since])
        return dict(cursor.fetchall())


def standing(tenant: int) -> Standing:
    """Where the open conversations stand."""
    with connection.cursor() as cursor:
        cursor.execute(STANDING, [tenant, sorted(OPEN)])
        rows = cursor.fetchall()
    waits = [since for _, _, since in rows if since is not None]
    return Standing({state: count for state, count, _ in rows}, min(waits, default=None))
