"""Receipts: how far each participant got. Marks only grow, so late and doubled receipts are harmless."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.utils import timezone

from apps.conversations import broadcasts
from apps.conversations.events import ReceiptAdvanced
from apps.core.ids import uuid7
from apps.core.problems import dumps
from apps.events.services import unit_of_work

MARK: Final = """
SELECT participant_id, conversation_id, sender, sender_id, delivered_seq, read_seq, epoch
FROM conversations_mark(%s, %s::json)
"""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a participant says that they got. What is read was delivered, too."""

    conversation: UUID
    sender: str
    sender_id: str = ""
    delivered_seq: int | None = None
    read_seq: int | None = None


@dataclass(frozen=True, slots=True)
class Marked:
    """A participant whose marks moved."""

    participant: UUID
    conversation: UUID
    sender: str
    sender_id: str
    delivered_seq: int
    read_seq: int
    epoch: int


def mark_receipts(tenant: int, receipts: Sequence[Receipt]) -> list[Marked]:
    """Move marks forward, to the newest message at most; those that moved, in no order.

    Whoever sends a receipt takes part from then on; a conversation that the tenant does not have is
    passed over: a receipt is a courtesy. One call for many.
    """
    rows = [
        {
            "id": uuid7(),
            "conversation": one.conversation,
            "sender": one.sender,
            "sender_id": one.sender_id,
            "delivered_seq": one.delivered_seq or 0,
            "read_seq": one.read_seq or 0,
        }
        for one in receipts
        if one.delivered_seq or one.read_seq
    ]
    if not rows:
        return []
    now = timezone.now()
    with unit_of_work() as work:
        with connection.cursor() as cursor:
            cursor.execute(MARK, [tenant, dumps(rows).decode()])
            moved = [Marked(*row) for row in cursor.fetchall()]
        for one in moved:
            fact = ReceiptAdvanced(
                conversation_id=one.conversation,
                participant_id=one.participant,
                sender=one.sender,
                sender_id=one.sender_id,
                delivered_seq=one.delivered_seq,
                read_seq=one.read_seq,
                at=now,
            )
            work.publish(fact, tenant=tenant, key=str(one.conversation), occurred_at=now)
        if moved:
            work.after_commit(lambda: broadcasts.receipts_moved(tenant, map(_frame, moved)))
    return moved


def _frame(one: Marked) -> dict[str, Any]:
    return {
        "conversation": one.conversation,
        "epoch": one.epoch,
        "participant": one.participant,
        "sender": one.sender,
        "sender_id": one.sender_id,
        "delivered_seq": one.delivered_seq,
        "read_seq": one.read_seq,
    }
