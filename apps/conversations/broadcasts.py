"""Telling connected screens, after the commit, at best effort.

Nothing rests on a frame: a message carries epoch and seq, and whoever sees a gap pulls it from the store.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from apps.conversations.selectors import ConversationView, MessageView
from apps.core.problems import dumps
from apps.sockets.broadcasts import Broadcast, group, publish_many

CONVERSATION: Final = "conversation"  # everybody in it, the customer, too
STAFF: Final = "conversation-desk"  # those of the tenant who watch it
AGENT: Final = "agent"  # one agent's screens
DESK: Final = "desk"  # every desk of the tenant


def message_frame(message: MessageView, *, epoch: int) -> dict[str, Any]:
    """A message as screens get it."""
    frame = {
        "type": "message",
        "conversation": message.conversation,
        "epoch": epoch,
        "id": message.id,
        "seq": message.seq,
        "client_id": message.client_id,
        "sender": message.sender,
        "sender_id": message.sender_id,
        "kind": message.kind,
        "body": message.body,
        "sent_at": message.sent_at,
    }
    if message.data is not None:
        frame[message.kind] = message.data
    return frame


def conversation_frame(view: ConversationView) -> dict[str, Any]:
    """Where a conversation stands, as its participants see it."""
    return {
        "type": "conversation",
        "conversation": view.id,
        "epoch": view.epoch,
        "version": view.version,
        "state": view.state,
        "owner": view.owner,
        "agent": view.agent_id,
        "last_seq": view.last_seq,
    }


def summary_frame(view: ConversationView) -> dict[str, Any]:
    """Where a conversation stands, as desks list it."""
    return conversation_frame(view) | {
        "customer": {
            "id": view.customer_id,
            "external_id": view.customer_external_id,
            "name": view.customer_name,
        },
        "channel": view.channel,
        "priority": view.priority,
        "skills": sorted(view.skills),
        "language": view.language,
        "tags": view.tags,
        "opened_at": view.opened_at,
        "queued_at": view.queued_at,
        "closed_at": view.closed_at,
    }


def messages_sent(tenant: int, messages: Iterable[tuple[MessageView, int]]) -> None:
    """Tell new messages, each with its conversation's epoch, in one round trip."""
    publish_many(
        Broadcast(
            group(tenant, CONVERSATION, message.conversation),
            dumps(message_frame(message, epoch=epoch)),
            (epoch, message.seq),
        )
        for message, epoch in messages
    )


def receipts_moved(tenant: int, receipts: Iterable[Mapping[str, Any]]) -> None:
    """Tell how far participants got."""
    publish_many(
        Broadcast(
            group(tenant, CONVERSATION, receipt["conversation"]),
            dumps({"type": "receipt", **receipt}),
        )
        for receipt in receipts
    )


def conversation_changed(view: ConversationView, *, is_end: bool = False) -> None:
    """Tell where a conversation stands: to those in it, and to every desk of the tenant."""
    inside = group(view.tenant_id, CONVERSATION, view.id)
    told = [
        Broadcast(inside, dumps(conversation_frame(view))),
        Broadcast(group(view.tenant_id, DESK), dumps(summary_frame(view))),
    ]
    if is_end:
        frame = {"type": "closed", "conversation": view.id, "reason": view.closing_reason}
        told.append(Broadcast(inside, dumps(frame)))
    publish_many(told)


def stream_rewritten(tenant: int, conversation: UUID, epoch: int) -> None:
    """Tell those in it that what they hold of it counts no more."""
    frame = {"type": "resync", "conversation": conversation, "epoch": epoch}
    publish_many([Broadcast(group(tenant, CONVERSATION, conversation), dumps(frame))])


def staff_told(tenant: int, conversation: UUID, frame: Mapping[str, Any]) -> None:
    """Tell those of the tenant who watch a conversation what its customer does not see."""
    publish_many([Broadcast(group(tenant, STAFF, conversation), dumps(frame))])


def whispered(view: ConversationView, frame: Mapping[str, Any]) -> None:
    """Tell the agent who has a conversation, and the colleagues who watch it, and not its customer."""
    told = [Broadcast(group(view.tenant_id, STAFF, view.id), dumps(frame))]
    if view.agent_id is not None:
        told.append(Broadcast(group(view.tenant_id, AGENT, view.agent_id), dumps(frame)))
    publish_many(told)
