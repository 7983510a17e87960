"""What people at the desk write beside a conversation; its customer sees none of it."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now

from apps.conversations.models.conversations import Conversation
from apps.core.ids import uuid7
from apps.tenants.models import Tenant, TenantQuerySet

SCORE_MAX = 5


class Note(models.Model):
    """An internal note; it has no seq, so that the customer's transcript shows no gap."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, db_index=False, related_name="notes"
    )
    author = models.TextField(help_text="Who wrote it: `user:<id>`, `key:<id>`.")
    body = models.TextField()
    written_at = models.DateTimeField(db_default=Now())
    erased_at = models.DateTimeField(null=True, blank=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["conversation", "id"], name="notes_of_a_conversation"),
        ]

    def __str__(self) -> str:
        return f"note of {self.author}"


class CannedReply(models.Model):
    """A text that is kept ready, by a short name."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, db_index=False, related_name="+")
    shortcut = models.CharField(max_length=40, help_text="What is typed behind a slash.")
    title = models.CharField(max_length=120)
    body = models.TextField()
    language = models.CharField(max_length=35, blank=True, help_text="BCP 47; empty: any.")
    is_active = models.BooleanField(default=True)
    changed_at = models.DateTimeField(auto_now=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "canned replies"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                "tenant", Lower("shortcut"), "language", name="canned_reply_has_its_own_shortcut"
            ),
            models.CheckConstraint(condition=~Q(body=""), name="canned_reply_says_something"),
        ]

    def __str__(self) -> str:
        return f"/{self.shortcut}"


class Rating(models.Model):
    """What a customer thought of a conversation: once for each time that it was closed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, db_index=False, related_name="ratings"
    )
    closing = models.IntegerField(help_text="Which of its closings it is about, from 1.")
    score = models.SmallIntegerField(help_text="1 (bad) to 5 (good).")
    comment = models.TextField(blank=True, default="")
    agent_id = models.UUIDField(null=True, blank=True, help_text="Who had it last.")
    rated_at = models.DateTimeField(db_default=Now())
    erased_at = models.DateTimeField(null=True, blank=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["conversation", "closing"], name="closing_is_rated_once"
            ),
            models.CheckConstraint(
                condition=Q(score__range=(1, SCORE_MAX), closing__gte=1), name="rating_is_sane"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.score} of {SCORE_MAX}"
