"""Tickets for the crowd, and what is said in its rooms from outside; imported where Django is set up."""

from collections.abc import Sequence
from uuid import UUID

from apps.conversations.services import Draft, send_messages
from apps.sockets.tickets import CHAT, Claim, issue


def ticket(tenant: str, conversation: str, customer: str) -> str:
    """The address of a socket for a conversation's customer."""
    facts = {"conversation": conversation, "customer": customer}
    return issue(Claim(CHAT, int(tenant), f"visitor:{customer}", facts)).url


def say(rooms: Sequence[Sequence[str]], body: str) -> None:
    """One message in each room (tenant, conversation, customer) of one tenant."""
    drafts = [
        Draft(UUID(conversation), "system", f"0|0|{conversation}", body)
        for _, conversation, _ in rooms
    ]
    for at in range(0, len(drafts), 100):
        send_messages(int(rooms[0][0]), drafts[at : at + 100])
