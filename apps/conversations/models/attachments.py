"""Files that were sent. The bytes lie in the file storage, under a name that nobody chose."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.conversations.models.conversations import Conversation
from apps.core.ids import uuid7
from apps.tenants.models import Tenant, TenantQuerySet


class Attachment(models.Model):
    """A file of a conversation."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )
    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, db_index=False, related_name="attachments"
    )
    name = models.TextField(help_text="As the sender called it; shown, never a path.")
    content_type = models.CharField(max_length=100, help_text="As its bytes say.")
    size = models.BigIntegerField(help_text="Bytes.")
    digest = models.BinaryField(max_length=32, help_text="SHA-256 of the bytes.")
    path = models.TextField(help_text="Where the storage has it.", editable=False)
    stored_at = models.DateTimeField(db_default=Now())
    erased_at = models.DateTimeField(null=True, blank=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(size__gte=0), name="attachment_size_is_sane"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["conversation", "id"], name="attachments_of_a_conversation"),
        ]

    def __str__(self) -> str:
        return self.name
