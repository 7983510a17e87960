"""What was written."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from apps.conversations.lifecycle import Sender
from apps.conversations.models.conversations import Conversation
from apps.tenants.models import Tenant, TenantQuerySet


class MessageKind(models.TextChoices):
    """What a message is."""

    TEXT = "text"
    ATTACHMENT = "attachment"
    EVENT = "event"


class Message(models.Model):
    """A message of a conversation. Append-only; only an erasure may blank what it says.

    No foreign keys, which would lock conversation and tenant again for every message: the one
    function that writes here (`migrations/sql/send.sql`) holds the conversation's lock.
    """

    id = models.UUIDField(primary_key=True)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    conversation = models.ForeignKey(
        Conversation,
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="messages",
    )
    seq = models.BigIntegerField(help_text="1, 2, 3 … in the conversation, without a gap.")
    client_id = models.TextField(
        db_collation="C", help_text="What the sender calls it; a resend is the same message."
    )
    sender = models.CharField(max_length=8, choices=[(one.value, one.value) for one in Sender])
    sender_id = models.TextField(db_collation="C", blank=True)
    kind = models.CharField(max_length=10, choices=MessageKind)
    body = models.TextField(blank=True)
    data = models.JSONField(null=True, blank=True, help_text="Of an attachment or an event.")
    sent_at = models.DateTimeField()
    erased_at = models.DateTimeField(null=True, blank=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["conversation", "seq"], name="message_seq_is_given_once"
            ),
            models.UniqueConstraint(
                fields=["conversation", "sender", "sender_id", "client_id"],
                name="message_is_sent_once",
            ),
            models.CheckConstraint(condition=Q(seq__gte=1), name="message_seq_counts_from_one"),
            models.CheckConstraint(
                condition=Q(kind__in=MessageKind.values), name="message_kind_is_known"
            ),
            models.CheckConstraint(
                condition=Q(sender__in=[one.value for one in Sender]),
                name="message_sender_is_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.conversation_id} #{self.seq}"
