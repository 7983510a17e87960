"""Messages that wait for a customer: noted from the log, and told to the outside when nobody comes for them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from django.db import connection

from apps.conversations.events import MessageSent, MessagesUndelivered
from apps.conversations.lifecycle import Sender
from apps.core.problems import dumps
from apps.events.registry import Recorded
from apps.events.services import UnitOfWork, unit_of_work

CHUNK: Final = 500

# Those that were retired meanwhile are passed over: a join, since the key would refuse them all.
NOTE: Final = """
INSERT INTO conversations_undelivered AS u (conversation_id, tenant_id, seq, since)
SELECT n.conversation, c.tenant_id, n.seq, n.since
FROM json_to_recordset(%s::json) AS n (conversation uuid, seq bigint, since timestamptz)
JOIN conversations_conversation c ON c.id = n.conversation
ORDER BY n.conversation
ON CONFLICT (conversation_id) DO UPDATE
SET seq = greatest(u.seq, excluded.seq), since = least(u.since, excluded.since)
"""
# One statement takes a chunk of those that waited long enough and says what became of each. Whoever is
# connected gets their messages by their socket, and is looked at again a little later.
TAKE: Final = f"""
WITH due AS (
    SELECT u.conversation_id, u.tenant_id, u.seq, u.since,
           coalesce(p.undelivered_seconds, 30) AS patience
    FROM conversations_undelivered u
    LEFT JOIN conversations_policy p ON p.tenant_id = u.tenant_id
    WHERE u.since < %(now)s - make_interval(secs => coalesce(p.undelivered_seconds, 30))
    ORDER BY u.since LIMIT {CHUNK} FOR UPDATE OF u SKIP LOCKED
), looked AS (
    SELECT d.*, c.customer_id, c.channel, c.language,
           coalesce(m.delivered_seq, 0) AS delivered,
           EXISTS (SELECT FROM conversations_session s
                   WHERE s.conversation_id = d.conversation_id AND s.sender = '{Sender.CUSTOMER}'
                     AND s.ended_at IS NULL) AS is_here
    FROM due d
    JOIN conversations_conversation c ON c.id = d.conversation_id
    LEFT JOIN conversations_participant m
           ON m.conversation_id = c.id AND m.sender = '{Sender.CUSTOMER}'
          AND m.sender_id = c.customer_id::text
), waiting AS (
    UPDATE conversations_undelivered u SET since = %(now)s FROM looked l
    WHERE u.conversation_id = l.conversation_id AND l.is_here AND l.delivered < l.seq
), gone AS (
    DELETE FROM conversations_undelivered u USING looked l
    WHERE u.conversation_id = l.conversation_id AND NOT (l.is_here AND l.delivered < l.seq)
)
SELECT l.tenant_id, l.conversation_id, l.customer_id, l.channel, l.language, l.since,
       m.first, m.last, m.number, NOT l.is_here AND l.patience > 0 AND m.number > 0
FROM looked l
CROSS JOIN LATERAL (
    SELECT min(m.seq) AS first, max(m.seq) AS last, count(*) AS number
    FROM conversations_message m
    WHERE m.conversation_id = l.conversation_id AND m.seq > l.delivered AND m.seq <= l.seq
      AND m.sender <> '{Sender.CUSTOMER}') AS m
"""


def note_undelivered(events: Sequence[Recorded]) -> None:
    """Note what was sent to customers: from now on it waits for their receipt."""
    waiting: dict[Any, dict[str, Any]] = {}
    for recorded in events:
        fact = recorded.event
        if not isinstance(fact, MessageSent) or fact.sender == Sender.CUSTOMER:
            continue
        known = waiting.get(fact.conversation_id)
        since = known["since"] if known else fact.sent_at
        waiting[fact.conversation_id] = {
            "conversation": fact.conversation_id,
            "seq": fact.seq,
            "since": since,
        }
    if waiting:
        with unit_of_work(), connection.cursor() as cursor:
            cursor.execute(NOTE, [dumps(list(waiting.values())).decode()])


def tell_undelivered(now: datetime) -> int:
    """Tell of messages that waited longer than their tenant's patience for a customer who is away.

    Each is told once; a later message of the same conversation is told again. How many were told.
    """
    told = 0
    while True:
        with unit_of_work() as work:
            with connection.cursor() as cursor:
                cursor.execute(TAKE, {"now": now})
                rows = cursor.fetchall()
            for row in rows:
                told += _tell(work, row, now)
        if len(rows) < CHUNK:
            return told


def _tell(work: UnitOfWork, row: tuple[Any, ...], now: datetime) -> bool:
    tenant, conversation, customer, channel, language, since, first, last, count, is_due = row
    if is_due:
        fact = MessagesUndelivered(
            conversation_id=conversation,
            customer_id=customer,
            channel=channel,
            language=language,
            from_seq=first,
            to_seq=last,
            count=count,
            waiting_since=since,
            at=now,
        )
        work.publish(fact, tenant=tenant, key=str(conversation), occurred_at=now)
    return bool(is_due)
