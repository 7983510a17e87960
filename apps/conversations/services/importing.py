"""Take dialogues of the past over: closed, with all their messages, once for each source and name."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.utils import timezone

from apps.conversations.dialogues import Dialogue
from apps.conversations.events import ConversationImported
from apps.conversations.lifecycle import Owner, Sender, State
from apps.conversations.models import (
    Conversation,
    Customer,
    ImportedDialogue,
    Message,
    MessageKind,
    Participant,
)
from apps.core.ids import uuid7
from apps.events.services import unit_of_work


@dataclass(slots=True)
class Imported:
    """What became of a file's dialogues."""

    accepted: int = 0
    known: int = 0
    messages: int = 0
    ids: list[UUID] = field(default_factory=list)


def import_dialogues(tenant: int, source: str, dialogues: Sequence[Dialogue]) -> Imported:
    """Take dialogues over in one transaction of few statements; those that are known change nothing.

    Nobody is told of their messages one by one: no bot answers what was said long ago.
    """
    named = {one.name: one for one in dialogues}
    with unit_of_work() as work:
        known = _known(tenant, source, list(named))
        new = [one for name, one in named.items() if name not in known]
        customers = _customers(tenant, new)
        rows = [(uuid7(), one, customers[one.customer]) for one in new]
        Conversation.objects.bulk_create(_conversation(tenant, *row) for row in rows)
        # Whoever imports the same file at the same time waits here, and is refused as a whole.
        ImportedDialogue.objects.bulk_create(
            ImportedDialogue(
                tenant_id=tenant, source=source, external_id=one.name, conversation_id=uid
            )
            for uid, one, _ in rows
        )
        Participant.objects.bulk_create(
            Participant(
                id=uuid7(), tenant_id=tenant, conversation_id=uid, sender=Sender.CUSTOMER.value,
                sender_id=str(customer), delivered_seq=len(one.messages), read_seq=len(one.messages),
            )
            for uid, one, customer in rows
        )  # fmt: skip
        messages = [message for row in rows for message in _messages(tenant, *row)]
        Message.objects.bulk_create(messages, batch_size=5_000)
        now = timezone.now()
        for uid, one, customer in rows:
            fact = ConversationImported(
                conversation_id=uid,
                customer_id=customer,
                channel=one.channel,
                messages=len(one.messages),
                opened_at=one.opened_at,
                closed_at=one.closed_at,
                at=now,
            )
            work.publish(fact, tenant=tenant, key=str(uid), occurred_at=now)
    ids = [uid for uid, _, _ in rows]
    return Imported(len(rows), len(dialogues) - len(rows), len(messages), ids)


def _known(tenant: int, source: str, names: list[str]) -> set[str]:
    rows = ImportedDialogue.objects.for_tenant(tenant).filter(source=source, external_id__in=names)
    return set(rows.values_list("external_id", flat=True))


def _customers(tenant: int, dialogues: Sequence[Dialogue]) -> dict[str, UUID]:
    named = {one.customer: one for one in dialogues}
    Customer.objects.bulk_create(
        [
            Customer(
                id=uuid7(), tenant_id=tenant, external_id=name, name=one.customer_name,
                language=one.language,
            )
            for name, one in sorted(named.items())
        ],
        ignore_conflicts=True,
    )  # fmt: skip
    rows = Customer.objects.for_tenant(tenant).filter(external_id__in=list(named))
    return dict(rows.values_list("external_id", "pk"))


def _conversation(tenant: int, uid: UUID, one: Dialogue, customer: UUID) -> Conversation:
    return Conversation(
        id=uid,
        tenant_id=tenant,
        customer_id=customer,
        channel=one.channel,
        state=State.CLOSED.value,
        owner=Owner.NOBODY.value,
        last_seq=len(one.messages),
        language=one.language,
        tags=list(one.tags),
        closings=1,
        closing_reason="imported",
        opened_at=one.opened_at,
        last_message_at=one.messages[-1].sent_at,
        closed_at=one.closed_at,
    )


def _messages(tenant: int, uid: UUID, one: Dialogue, customer: UUID) -> list[Message]:
    common: dict[str, Any] = {"tenant_id": tenant, "conversation_id": uid}
    return [
        Message(
            id=uuid7(),
            seq=seq,
            client_id=f"import:{seq}",
            sender=line.sender,
            sender_id=str(customer) if line.sender == Sender.CUSTOMER else "",
            kind=MessageKind.TEXT.value,
            body=line.body,
            sent_at=line.sent_at,
            **common,
        )
        for seq, line in enumerate(one.messages, 1)
    ]
