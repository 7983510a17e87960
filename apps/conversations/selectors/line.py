"""Where a conversation is in the line of agents, and whether anybody is to be there."""

from datetime import datetime

import msgspec
from django.utils import timezone

from apps.agents import selectors as lines
from apps.agents.exceptions import UnknownWork
from apps.conversations.lifecycle import State
from apps.conversations.selectors.conversations import ConversationView
from apps.conversations.selectors.desk import policy_of


class Place(msgspec.Struct, frozen=True, gc=False):
    """A place in the line, and how long it may take; nobody can say where no agent is online."""

    position: int | None
    estimate_seconds: int | None
    is_open: bool
    opens_at: datetime | None
    """Out of hours: when somebody is to be there again, as far as one can see."""


class Hours(msgspec.Struct, frozen=True, gc=False):
    """What a customer is told of a tenant's hours."""

    is_open: bool
    opens_at: datetime | None
    asks_contact: bool
    """Out of hours: whether they are asked how they can be reached."""


def place_of(view: ConversationView) -> Place | None:
    """The place of a conversation that waits; none where it does not."""
    if view.state not in (State.QUEUED, State.OFFERED):
        return None
    try:
        found = lines.work_of(view.tenant_id, view.id)
    except UnknownWork:
        return None
    opening = lines.opening_at(view.tenant_id, timezone.now())
    return Place(found.position, found.estimate_seconds, opening.is_open, opening.opens_at)


def hours_now(tenant: int) -> Hours:
    """Whether anybody is to be there now; computed, never kept."""
    opening = lines.opening_at(tenant, timezone.now())
    asks = not opening.is_open and policy_of(tenant).closed_asks_contact
    return Hours(opening.is_open, opening.opens_at, asks)
