"""Out of hours: what whoever waits for a person is told, and how they can be reached.

When somebody is to be there is the agents' affair (their schedules); they tell of whoever waits out of hours,
once. What is said to the customer then is the tenant's policy.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from apps.agents.events import WorkOverflowed
from apps.conversations import selectors
from apps.conversations.exceptions import ConversationClosed, NoteRefused
from apps.conversations.lifecycle import OPEN, Owner, Sender
from apps.conversations.models import Customer, MessageKind
from apps.conversations.services import checks
from apps.conversations.services.desk import add_note
from apps.conversations.services.locking import lock
from apps.conversations.services.sending import Draft, send_messages
from apps.events.registry import Recorded
from apps.events.services import unit_of_work

RULE: Final = "out_of_hours"
CONTACT_MAX: Final = 200


def tell_closed(events: Sequence[Recorded]) -> None:
    """Say to whoever waits out of hours what their tenants have to say; of a fact that comes twice, once."""
    waiting: dict[int, dict[UUID, UUID]] = defaultdict(dict)
    for recorded in events:
        fact = recorded.event
        if isinstance(fact, WorkOverflowed) and fact.rule == RULE:
            waiting[recorded.tenant_id][fact.work_id] = recorded.id
    for tenant, facts in waiting.items():
        if text := selectors.policy_of(tenant).closed_text:
            _tell(tenant, text, facts)


def _tell(tenant: int, text: str, facts: dict[UUID, UUID]) -> None:
    hours = selectors.hours_now(tenant)
    data = {"name": RULE, "opens_at": hours.opens_at, "asks_contact": hours.asks_contact}
    views = selectors.conversations_by_id(tenant, list(facts))
    drafts = [
        Draft(
            view.id, Sender.SYSTEM.value, f"{RULE}:{facts[view.id]}", text,
            kind=MessageKind.EVENT.value, data=data,
        )
        for view in views.values()
        if view.owner == Owner.QUEUE  # an agent may be quicker than the log
    ]  # fmt: skip
    send_messages(tenant, drafts)


def leave_contact(tenant: int, conversation: UUID, *, contact: str, name: str = "") -> None:
    """How the customer can be reached: a note for whoever answers, and their name if none was known.

    Raises `UnknownConversation`, `ConversationClosed`, `NoteRefused`.
    """
    faults = [
        *checks.name_faults("contact", contact, CONTACT_MAX),
        *checks.name_faults("name", name, checks.NAME_MAX, empty=True),
    ]
    if faults:
        raise NoteRefused(errors=faults)
    with unit_of_work():
        row = lock(tenant, conversation)
        if row.state not in OPEN:
            raise ConversationClosed(conversation=str(row.pk), state=row.state)
        if name:
            customers = Customer.objects.for_tenant(tenant).filter(pk=row.customer_id, name="")
            customers.update(name=name)
        add_note(tenant, conversation, body=f"Can be reached: {contact}", by=Sender.CUSTOMER.value)
