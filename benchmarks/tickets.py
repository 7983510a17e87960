"""Tickets for the crowd; imported where Django is set up."""

from apps.sockets.tickets import CHAT, Claim, issue


def ticket(tenant: str, conversation: str, customer: str) -> str:
    """The address of a socket for a conversation's customer."""
    facts = {"conversation": conversation, "customer": customer}
    return issue(Claim(CHAT, int(tenant), f"visitor:{customer}", facts)).url
