"""Send messages: many at a time, of many conversations, in one call that gives each its place."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.utils import timezone

from apps.conversations import broadcasts
from apps.conversations.events import MessageSent
from apps.conversations.exceptions import (
    ConversationClosed,
    MessageRefused,
    OwnerChanged,
    UnknownConversation,
)
from apps.conversations.lifecycle import MAY_WRITE, Sender
from apps.conversations.models import MessageKind
from apps.conversations.selectors import MessageView, view_of_row
from apps.conversations.services import checks
from apps.core.exceptions import DomainError, fault
from apps.core.ids import uuid7
from apps.core.problems import dumps
from apps.events.services import UnitOfWork, unit_of_work

SEND: Final = """
SELECT "position", outcome, id, conversation_id, seq, client_id, sender, sender_id, kind, body, data,
       sent_at, state, owner, fence, epoch
FROM conversations_send(%s, %s::json)
"""
_STATES: Final = {sender: sorted(states) for sender, states in MAY_WRITE.items()}


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that somebody wants to send."""

    conversation: UUID
    sender: str
    client_id: str
    body: str
    sender_id: str = ""
    kind: str = MessageKind.TEXT.value
    fence: int | None = None
    """The ownership that it was written under; refused if that has changed. None: whoever has it."""
    sent_at: datetime | None = None
    data: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a draft: a message, or a refusal."""

    message: MessageView | None
    is_new: bool = False
    refusal: DomainError | None = None
    epoch: int = 0
    owner: str = ""
    fence: int = 0

    @property
    def the_message(self) -> MessageView:
        """The message. Raises the refusal."""
        if self.message is None:
            raise self.refusal or RuntimeError("a draft became neither message nor refusal")
        return self.message


def send_message(  # noqa: PLR0913 - a draft, spelled out
    tenant: int,
    conversation: UUID,
    *,
    sender: str,
    client_id: str,
    body: str,
    sender_id: str = "",
    kind: str = MessageKind.TEXT.value,
    fence: int | None = None,
    data: dict[str, Any] | None = None,
) -> Sent:
    """Send one message; the same `client_id` again gives the same message again.

    Raises `MessageRefused`, `UnknownConversation`, `ConversationClosed`, `OwnerChanged`.
    """
    draft = Draft(
        conversation, sender, client_id, body, sender_id, kind=kind, fence=fence, data=data
    )
    (sent,) = send_messages(tenant, [draft])
    if sent.refusal is not None:
        raise sent.refusal
    return sent


def send_messages(tenant: int, drafts: Sequence[Draft]) -> list[Sent]:
    """Give each draft the next place of its conversation; the outcomes in the order of the drafts.

    Two round trips however many there are: one locks, numbers and writes, one appends the facts to the log.
    A draft that is refused says so in its outcome and hinders no other.
    """
    now = timezone.now()
    outcomes: list[Sent | None] = [_refusal(draft) for draft in drafts]
    good = [index for index, outcome in enumerate(outcomes) if outcome is None]
    if good:
        with unit_of_work() as work:
            written = _write(tenant, [drafts[index] for index in good], now)
            for index, sent in zip(good, written, strict=True):
                outcomes[index] = sent
            _tell(work, tenant, [sent for sent in written if sent.is_new])
    return [outcome for outcome in outcomes if outcome is not None]


def _refusal(draft: Draft) -> Sent | None:
    """What is wrong with a draft, whatever the conversation says of it."""
    faults = list(checks.body_faults(draft.body, empty=draft.kind != MessageKind.TEXT))
    faults += checks.name_faults("client_id", draft.client_id, checks.CLIENT_ID_MAX)
    if draft.sender not in set(Sender):
        faults.append(fault("sender", "unknown_sender", f"One of {', '.join(Sender)}."))
    if draft.kind not in MessageKind.values:
        detail = f"One of {', '.join(MessageKind.values)}."
        faults.append(fault("kind", "unknown_kind", detail))
    return Sent(None, refusal=MessageRefused(errors=faults)) if faults else None


def _write(tenant: int, drafts: Sequence[Draft], now: datetime) -> list[Sent]:
    rows = [
        {
            "id": uuid7(),
            "conversation": draft.conversation,
            "sender": draft.sender,
            "sender_id": draft.sender_id,
            "client_id": draft.client_id,
            "kind": draft.kind,
            "body": draft.body,
            "data": draft.data,
            "sent_at": draft.sent_at or now,
            "fence": draft.fence,
            "states": _STATES[Sender(draft.sender)],
        }
        for draft in drafts
    ]
    with connection.cursor() as cursor:
        cursor.execute(SEND, [tenant, dumps(rows).decode()])
        return [_outcome(row) for row in cursor.fetchall()]


def _outcome(row: tuple[Any, ...]) -> Sent:
    _, outcome, *columns, state, owner, fence, epoch = row
    conversation = columns[1]
    match outcome:
        case "missing":
            refusal: DomainError = UnknownConversation(conversation=str(conversation))
        case "closed":
            refusal = ConversationClosed(conversation=str(conversation), state=state)
        case "fenced":
            refusal = OwnerChanged(conversation=str(conversation), owner=owner, fence=fence)
        case _:
            message = view_of_row(tuple(columns))
            return Sent(message, outcome == "sent", epoch=epoch, owner=owner, fence=fence)
    return Sent(None, refusal=refusal, epoch=epoch or 0, owner=owner or "", fence=fence or 0)


@dataclass(slots=True)
class _News:
    """Messages of one unit of work that screens are to hear of, in the order of sending."""

    tenant: int
    messages: list[tuple[MessageView, int]] = field(default_factory=list)

    def tell(self) -> None:
        broadcasts.messages_sent(self.tenant, self.messages)


def _tell(work: UnitOfWork, tenant: int, sent: Sequence[Sent]) -> None:
    news = _News(tenant)
    for one in sent:
        message = one.the_message
        news.messages.append((message, one.epoch))
        work.publish(
            _fact(message, one), tenant=tenant, key=str(message.conversation),
            occurred_at=message.sent_at,
        )  # fmt: skip
    if news.messages:
        work.after_commit(news.tell)


def _fact(message: MessageView, sent: Sent) -> MessageSent:
    return MessageSent(
        conversation_id=message.conversation,
        message_id=message.id,
        seq=message.seq,
        kind=message.kind,
        sender=message.sender,
        sender_id=message.sender_id,
        owner=sent.owner,
        fence=sent.fence,
        epoch=sent.epoch,
        length=len(message.body),
        sent_at=message.sent_at,
    )
