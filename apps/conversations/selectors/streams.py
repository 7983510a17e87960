"""Message streams for screens: many in one question, as a process with many sockets asks them."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection

from apps.conversations.selectors.messages import MessageView, view_of_row

POSITIONS: Final = """
SELECT asked.tenant, asked.id, c.epoch, c.last_seq
FROM unnest(%s::bigint[], %s::uuid[]) AS asked (tenant, id)
JOIN conversations_conversation c ON c.id = asked.id AND c.tenant_id = asked.tenant
"""
AFTER: Final = """
SELECT asked.number, m.id, m.conversation_id, m.seq, m.client_id, m.sender, m.sender_id, m.kind,
       m.body, m.data, m.sent_at
FROM unnest(%s::int[], %s::bigint[], %s::uuid[], %s::bigint[], %s::int[])
     AS asked (number, tenant, id, after, most)
CROSS JOIN LATERAL (
    SELECT * FROM conversations_message
    WHERE conversation_id = asked.id AND tenant_id = asked.tenant AND seq > asked.after
    ORDER BY seq LIMIT asked.most
) m
ORDER BY asked.number, m.seq
"""
MEMBERS: Final = """
SELECT asked.tenant, asked.id, p.id, p.sender, p.sender_id, p.delivered_seq, p.read_seq
FROM unnest(%s::bigint[], %s::uuid[]) AS asked (tenant, id)
JOIN conversations_participant p
  ON p.conversation_id = asked.id AND p.tenant_id = asked.tenant AND p.left_at IS NULL
ORDER BY p.id
"""

Key = tuple[int, UUID]
"""Tenant and conversation."""


class After(NamedTuple):
    """The messages of a conversation after a seq; `limit` at most."""

    key: Key
    seq: int
    limit: int


def positions_of(keys: Sequence[Key]) -> dict[Key, tuple[int, int]]:
    """Epoch and newest seq of each conversation that its tenant has; one query."""
    return {
        (tenant, one): (epoch, seq) for tenant, one, epoch, seq in _ask(POSITIONS, *_split(keys))
    }


def messages_after_many(wanted: Sequence[After]) -> list[list[MessageView]]:
    """The messages that are asked for, in the order of the questions; one query."""
    found: list[list[MessageView]] = [[] for _ in wanted]
    tenants, ids = _split([one.key for one in wanted])
    places = [one.seq for one in wanted]
    limits = [one.limit for one in wanted]
    for number, *row in _ask(AFTER, list(range(len(wanted))), tenants, ids, places, limits):
        found[number].append(view_of_row(tuple(row)))
    return found


def members_of(keys: Sequence[Key]) -> dict[Key, list[dict[str, Any]]]:
    """Who takes part in each conversation and how far they got, as screens get it; one query."""
    found: dict[Key, list[dict[str, Any]]] = {key: [] for key in keys}
    for tenant, conversation, member, sender, sender_id, delivered, read in _ask(
        MEMBERS, *_split(keys)
    ):
        found[tenant, conversation].append(
            {
                "id": member,
                "kind": sender,
                "sender": sender,
                "sender_id": sender_id,
                "delivered_seq": delivered,
                "read_seq": read,
            }
        )
    return found


def _split(keys: Sequence[Key]) -> tuple[list[int], list[UUID]]:
    return [tenant for tenant, _ in keys], [one for _, one in keys]


def _ask(query: str, *columns: list[Any]) -> list[tuple[Any, ...]]:
    if not columns[0]:
        return []
    with connection.cursor() as cursor:
        cursor.execute(query, list(columns))
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
