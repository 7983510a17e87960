"""The lock that gives a conversation's changes their order."""

from uuid import UUID

from apps.conversations.exceptions import UnknownConversation
from apps.conversations.models import Conversation


def lock(tenant: int, conversation: UUID) -> Conversation:
    """The row, with its customer, until the end of the transaction. Raises `UnknownConversation`."""
    rows = Conversation.objects.for_tenant(tenant).select_related("customer")
    row = rows.select_for_update(of=("self",), no_key=True).filter(pk=conversation).first()
    if row is None:
        raise UnknownConversation(conversation=str(conversation))
    return row
