"""What is kept about conversations: what waits for a customer, what was imported, who was forgotten."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.conversations.models.conversations import Conversation
from apps.core.ids import uuid7
from apps.tenants.models import Tenant, TenantQuerySet


class Undelivered(models.Model):
    """A conversation with messages that its customer's device has not confirmed yet."""

    conversation = models.OneToOneField(
        Conversation, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    seq = models.BigIntegerField(help_text="The newest message that waits.")
    since = models.DateTimeField(help_text="Since when the oldest of them waits.")

    objects = TenantQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "undelivered"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["since"], name="undelivered_by_age"),
        ]

    def __str__(self) -> str:
        return f"up to {self.seq}"


class ImportedDialogue(models.Model):
    """A dialogue of the past that was taken over from a file; once for each source and name."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    source = models.TextField(db_collation="C", help_text="Whose names these are.")
    external_id = models.TextField(db_collation="C", help_text="The dialogue's name there.")
    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, db_index=False, related_name="+"
    )
    imported_at = models.DateTimeField(db_default=Now())

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["tenant", "source", "external_id"], name="dialogue_is_imported_once"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["conversation"], name="imports_of_a_conversation"),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.external_id}"


class Erasure(models.Model):
    """The receipt of a customer's erasure: what was blanked where, and what a look afterwards found.

    It says nothing about the person but their id, which leads nowhere any more.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, db_index=False, related_name="+")
    customer_id = models.UUIDField()
    by = models.TextField(help_text="Who had it done.")
    counts = models.JSONField(default=dict, help_text="What was blanked or removed, by kind.")
    checks = models.JSONField(default=list, help_text="[{place, ok, found}]: looked at afterwards.")
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=~Q(by=""), name="erasure_was_asked_for"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tenant", "customer_id"], name="erasures_of_a_customer"),
        ]

    def __str__(self) -> str:
        return f"erasure of {self.customer_id}"
