"""Where a conversation is in the line of agents."""

import msgspec

from apps.agents import selectors as lines
from apps.agents.exceptions import UnknownWork
from apps.conversations.lifecycle import State
from apps.conversations.selectors.conversations import ConversationView


class Place(msgspec.Struct, frozen=True, gc=False):
    """A place in the line, and how long it may take; nobody can say where no agent is online."""

    position: int | None
    estimate_seconds: int | None


def place_of(view: ConversationView) -> Place | None:
    """The place of a conversation that waits; none where it does not."""
    if view.state not in (State.QUEUED, State.OFFERED):
        return None
    try:
        found = lines.work_of(view.tenant_id, view.id)
    except UnknownWork:
        return None
    return Place(found.position, found.estimate_seconds)
