"""Devices that are, or were, connected."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.conversations.lifecycle import Sender
from apps.conversations.models.conversations import Conversation
from apps.core.ids import uuid7
from apps.tenants.models import Tenant, TenantQuerySet


class Session(models.Model):
    """One connected device of a customer or an agent, from its first hello to its end."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, null=True, db_index=False, related_name="sessions"
    )
    sender = models.CharField(max_length=8, choices=[(one.value, one.value) for one in Sender])
    sender_id = models.TextField(db_collation="C", blank=True)
    client = models.TextField(help_text="Whom its ticket named: `user:<id>`, `key:<id>`, …")
    resume_digest = models.BinaryField(max_length=32, editable=False)
    started_at = models.DateTimeField(db_default=Now())
    last_seen_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["resume_digest"], name="session_has_its_own_token"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["conversation", "sender"],
                condition=Q(ended_at__isnull=True),
                name="sessions_that_are_connected",
            ),
            models.Index(
                fields=["last_seen_at"],
                condition=Q(ended_at__isnull=True),
                name="sessions_by_last_sign",
            ),
            models.Index(fields=["tenant", "id"], name="sessions_of_a_tenant"),
        ]

    def __str__(self) -> str:
        return f"{self.sender} {self.id}"
