"""Open a conversation: one customer has one open at a time on a channel, however many ask at once."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from django.db import connection
from django.utils import timezone

from apps.conversations import broadcasts, selectors
from apps.conversations.events import ConversationOpened
from apps.conversations.exceptions import ConversationRefused
from apps.conversations.lifecycle import OPEN, Owner, Sender, State
from apps.conversations.models import Channel, Policy
from apps.conversations.models.conversations import PRIORITY_MAX
from apps.conversations.selectors import ConversationView
from apps.conversations.selectors.bot import has_bot
from apps.conversations.services import checks, routing
from apps.conversations.services.checks import Skills
from apps.core.exceptions import Fault, fault
from apps.core.ids import uuid7
from apps.events.services import unit_of_work

# The customer's row is written, and so locked, whether it is new or not: of many calls at once for one
# customer each waits for the one before, and finds what that one opened.
KNOW: Final = """
INSERT INTO conversations_customer AS c (id, tenant_id, external_id, name, language)
VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (tenant_id, external_id) DO UPDATE
SET name = CASE WHEN excluded.name = '' THEN c.name ELSE excluded.name END,
    language = CASE WHEN excluded.language = '' THEN c.language ELSE excluded.language END
RETURNING c.id
"""
OPEN_ONE: Final = f"""
WITH made AS (
    INSERT INTO conversations_conversation (
        id, tenant_id, customer_id, channel, state, owner, epoch, fence, last_seq, version,
        priority, skills, language, tags, closings, closing_reason, assignment_fence, opened_at,
        queued_at)
    VALUES (%s, %s, %s, %s, %s, %s, 1, 1, 0, 1, %s, %s::jsonb, %s, '{{}}', 0, '', 0, %s, %s)
    ON CONFLICT (customer_id, channel)
        WHERE state IN ({", ".join(f"'{state}'" for state in sorted(OPEN))}) DO NOTHING
    RETURNING id
), joined AS (
    INSERT INTO conversations_participant (
        id, tenant_id, conversation_id, sender, sender_id, delivered_seq, read_seq)
    SELECT %s, %s, made.id, '{Sender.CUSTOMER}', %s, 0, 0 FROM made
)
SELECT id FROM made
"""


@dataclass(frozen=True, slots=True)
class Opened:
    """The customer's open conversation, and whether this call opened it."""

    conversation: ConversationView
    is_new: bool


def open_conversation(  # noqa: PLR0913 - the terms of a conversation
    tenant: int,
    *,
    external_id: str,
    name: str = "",
    channel: str = Channel.API.value,
    skills: Skills = (),
    language: str = "",
    priority: int = 0,
    owner: str | None = None,
) -> Opened:
    """The customer's open conversation on the channel; a new one only if there is none.

    Whoever asks for a skill asks for a person, and waits in the line; everybody else meets the bot, where
    the tenant has one, unless its policy or `owner` says otherwise. Raises `ConversationRefused` with every reason.
    """
    faults = list(_faults(external_id, name, channel, skills, language, priority, owner))
    if faults:
        raise ConversationRefused(errors=faults)
    first = Owner(owner) if owner else _first(tenant, skills)
    now = timezone.now()
    terms = (priority, checks.levels_of(skills), language)
    with unit_of_work() as work:
        customer = _know(tenant, external_id, name, language)
        made = _insert(tenant, customer, channel, first, terms, now)
        found = selectors.open_conversation_of(tenant, customer, channel)
        if found is None:  # cannot be: the customer's row is locked and a move would need it, too
            raise RuntimeError(f"customer {customer} has no open conversation after opening one")
        if made is not None:
            if first is Owner.QUEUE:
                routing.queue(found)
            work.publish(_opened(found), tenant=tenant, key=str(found.id), occurred_at=now)
            work.after_commit(lambda: broadcasts.conversation_changed(found))
    return Opened(found, is_new=made is not None)


def _faults(
    external_id: str,
    name: str,
    channel: str,
    skills: Skills,
    language: str,
    priority: int,
    owner: str | None,
) -> Iterator[Fault]:
    yield from checks.name_faults("customer.external_id", external_id, checks.EXTERNAL_ID_MAX)
    yield from checks.name_faults("customer.name", name, checks.NAME_MAX, empty=True)
    if channel not in Channel.values:
        yield fault("channel", "unknown_channel", f"One of {', '.join(Channel.values)}.")
    yield from checks.skill_faults(skills)
    yield from checks.language_faults(language)
    if not 0 <= priority <= PRIORITY_MAX:
        yield fault("priority", "out_of_range", f"Between 0 and {PRIORITY_MAX}.")
    if owner is not None and owner not in (Owner.BOT, Owner.QUEUE):
        yield fault("owner", "unknown_owner", "A conversation begins with the bot or the queue.")


def _first(tenant: int, skills: Skills) -> Owner:
    """Who answers first, as the tenant decided."""
    match selectors.policy_of(tenant).starts_with:
        case Policy.Start.QUEUE:
            return Owner.QUEUE
        case Policy.Start.BOT:
            return Owner.BOT
        case _:
            return Owner.BOT if not skills and has_bot(tenant) else Owner.QUEUE


def _know(tenant: int, external_id: str, name: str, language: str) -> UUID:
    with connection.cursor() as cursor:
        cursor.execute(KNOW, [uuid7(), tenant, external_id, name, language])
        found: UUID = cursor.fetchone()[0]
    return found


def _insert(
    tenant: int,
    customer: UUID,
    channel: str,
    owner: Owner,
    terms: tuple[int, dict[str, int], str],
    now: datetime,
) -> UUID | None:
    priority, skills, language = terms
    state = State.BOT if owner is Owner.BOT else State.QUEUED
    queued_at = now if state is State.QUEUED else None
    row: list[Any] = [uuid7(), tenant, customer, channel, state.value, owner.value, priority]
    row += [msgspec.json.encode(skills).decode(), language, now, queued_at]
    with connection.cursor() as cursor:
        cursor.execute(OPEN_ONE, [*row, uuid7(), tenant, str(customer)])
        made = cursor.fetchone()
    return made[0] if made else None


def _opened(view: ConversationView) -> ConversationOpened:
    return ConversationOpened(
        conversation_id=view.id,
        customer_id=view.customer_id,
        channel=view.channel,
        state=view.state,
        owner=view.owner,
        epoch=view.epoch,
        fence=view.fence,
        priority=view.priority,
        skills=view.skills,
        language=view.language,
        opened_at=view.opened_at,
    )
