"""What agents need to know of messages: whose turn it is, and how long somebody waited for a word."""

from collections.abc import Sequence

from apps.agents import services as agents
from apps.conversations.events import MessageSent
from apps.conversations.lifecycle import Sender
from apps.events.registry import Recorded
from apps.events.services import unit_of_work


def note_activity(events: Sequence[Recorded]) -> None:
    """Tell agents of a batch of messages, one call a tenant."""
    heard: dict[int, list[agents.Activity]] = {}
    for recorded in events:
        fact = recorded.event
        if isinstance(fact, MessageSent) and fact.sender != Sender.SYSTEM:
            found = agents.Activity(fact.conversation_id, fact.sender, fact.sent_at)
            heard.setdefault(recorded.tenant_id, []).append(found)
    with unit_of_work():
        for tenant in sorted(heard):
            agents.note_messages(tenant, heard[tenant])
