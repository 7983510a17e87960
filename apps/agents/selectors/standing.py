"""How each tenant's line and agents stand, for whoever watches all of them: one question at any size."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.db import connection

STANDINGS: Final = """
SELECT t.slug, coalesce(w.waiting, 0), coalesce(w.longest, 0), coalesce(a.online, 0)
FROM tenants_tenant t
LEFT JOIN (
    SELECT tenant_id, count(*) AS waiting,
           greatest(max(extract(epoch FROM now() - queued_at)), 0) AS longest
    FROM agents_work WHERE state = 'waiting' GROUP BY tenant_id
) AS w ON w.tenant_id = t.id
LEFT JOIN (
    SELECT tenant_id, count(*) FILTER (WHERE status = 'online') AS online
    FROM agents_agent GROUP BY tenant_id
) AS a ON a.tenant_id = t.id
WHERE w.tenant_id IS NOT NULL OR a.tenant_id IS NOT NULL ORDER BY t.slug
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """A tenant's line and agents at present."""

    tenant: str
    waiting: int
    longest_wait_seconds: float
    online: int


def standings() -> Sequence[Standing]:
    """Of each tenant that has agents or anybody waiting."""
    with connection.cursor() as cursor:
        cursor.execute(STANDINGS)
        return [
            Standing(slug, waiting, float(longest), online)
            for slug, waiting, longest, online in cursor.fetchall()
        ]
