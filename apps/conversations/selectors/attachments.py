"""Files that were sent."""

from datetime import datetime
from uuid import UUID

import msgspec

from apps.conversations.exceptions import UnknownAttachment
from apps.conversations.models import Attachment


class AttachmentView(msgspec.Struct, frozen=True, gc=False):
    """A file, and where the storage has it."""

    id: UUID
    conversation_id: UUID
    name: str
    content_type: str
    size: int
    path: str
    stored_at: datetime


def attachment_of(tenant: int, conversation: UUID, attachment: UUID) -> AttachmentView:
    """The file of this id in this conversation, unless it was erased. Raises `UnknownAttachment`."""
    row = (
        Attachment.objects.for_tenant(tenant)
        .filter(pk=attachment, conversation_id=conversation, erased_at=None)
        .values_list(*AttachmentView.__struct_fields__)
        .first()
    )
    if row is None:
        raise UnknownAttachment(attachment=str(attachment))
    return AttachmentView(*row)
