"""The bot at work: it greets, understands, answers and hands over; and it never talks over a human.

What it says is sent under the ownership (fence) that the message came under: has a person taken over
meanwhile, it is refused, and the bot is silent. An answer is sent and remembered in one transaction,
so a message that is told again is answered once.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import msgspec
import structlog
from asgiref.sync import sync_to_async
from django.utils import timezone

from apps.agents.selectors import is_open
from apps.conversations import selectors
from apps.conversations.dialogue import (
    Close,
    HandOver,
    Turn,
    next_turn,
    said,
    summary_of,
)
from apps.conversations.events import ConversationOpened, MessageSent
from apps.conversations.exceptions import ConversationClosed, IllegalMove, OwnerChanged
from apps.conversations.lifecycle import Owner, Sender
from apps.conversations.models import Bot, BotMemory
from apps.conversations.selectors import ConversationView
from apps.conversations.selectors.bot import bot_of, bots_of, memory_of, script_of, silent_among
from apps.conversations.services import checks
from apps.conversations.services.desk import add_note
from apps.conversations.services.moving import close, hand_over
from apps.conversations.services.sending import Draft, send_message, send_messages
from apps.events.registry import Recorded
from apps.events.services import unit_of_work
from apps.nlu.interpretation import TEXT_MAX, Interpretation
from apps.nlu.services import understand

log = structlog.get_logger(__name__)
BY = Owner.BOT.value
_NO_CODE: Final = re.compile(r"[^a-z0-9_.-]+")
TAG_MAX: Final = 12  # characters of a language


@dataclass(frozen=True, slots=True)
class _Heard:
    """A customer's message that is the bot's to answer."""

    tenant: int
    bot: Bot
    view: ConversationView
    event: MessageSent
    body: str

    @property
    def language(self) -> str:
        return _short(self.view.language) or self.bot.language


def greet(events: Sequence[Recorded]) -> None:
    """Say hello in conversations that begin with the bot, in one call a tenant.

    Where the customer was faster, their question is answered instead: a hello would come between.
    """
    opened = [
        (one.tenant_id, one.event)
        for one in events
        if isinstance(one.event, ConversationOpened) and one.event.owner == Owner.BOT
    ]
    silent = silent_among({fact.conversation_id for _, fact in opened})
    opened = [one for one in opened if one[1].conversation_id in silent]
    bots = bots_of({tenant for tenant, _ in opened})
    for tenant, bot in bots.items():
        drafts = [
            Draft(
                fact.conversation_id,
                Sender.BOT,
                f"bot:greeting:{fact.fence}",
                text,
                fence=fact.fence,
            )
            for owner, fact in opened
            if owner == tenant and (text := said(bot.greeting, fact.language or bot.language))
        ]
        send_messages(tenant, drafts)


async def converse(recorded: Recorded) -> None:
    """Answer a customer's message, if it is the bot's to answer."""
    heard = await sync_to_async(_hear)(recorded)
    if heard is None:
        return
    found = await understand(
        heard.tenant,
        heard.body,
        language=heard.language,
        conversation=heard.view.id,
        turn=str(heard.event.message_id),
    )
    await sync_to_async(answer)(heard, found)


def _hear(recorded: Recorded) -> _Heard | None:
    event = recorded.event
    assert isinstance(event, MessageSent)
    if event.sender != Sender.CUSTOMER or event.owner != Owner.BOT or event.kind != "text":
        return None
    bot = bot_of(recorded.tenant_id)
    place = (event.conversation_id, event.seq)
    message = selectors.messages_by_seq(recorded.tenant_id, [place]).get(place)
    if bot is None or message is None or not message.body.strip():
        return None
    view = selectors.conversation_of(recorded.tenant_id, event.conversation_id)
    if view.owner != Owner.BOT or view.fence != event.fence:
        return None
    return _Heard(recorded.tenant_id, bot, view, event, message.body.strip()[:TEXT_MAX])


def _short(tag: str) -> str:
    """A language as short as understanding takes it: its last parts are left off (RFC 4647, 3.4)."""
    while len(tag) > TAG_MAX:
        tag = tag.rpartition("-")[0]
    return tag


def answer(heard: _Heard, found: Interpretation) -> None:
    """Do what the dialogue says, and remember it; nothing where somebody else has it by now."""
    try:
        with unit_of_work():
            row, _ = BotMemory.objects.select_for_update().get_or_create(
                conversation_id=heard.view.id, defaults={"tenant_id": heard.tenant}
            )
            if row.answered_seq >= heard.event.seq:
                return
            turn, memory = next_turn(
                script_of(heard.bot), memory_of(row), found, heard.body, heard.language
            )
            row.state = msgspec.to_builtins(memory)
            row.answered_seq = heard.event.seq
            row.intent = memory.intent
            if isinstance(turn, HandOver):
                row.summary = summary_of(memory, turn.reason)
            row.save()
            _act(heard, turn, row.summary)
    except (OwnerChanged, ConversationClosed, IllegalMove) as silent:
        # A person took over, or the customer left, while the bot was thinking.
        log.info("the bot is silent", conversation=str(heard.view.id), reason=silent.code)


def _is_bots_to_say(tenant: int) -> bool:
    """Whether nobody is there, and the tenant's policy has no words for it that follow (`closed`)."""
    return not is_open(tenant, timezone.now()) and not selectors.policy_of(tenant).closed_text


def _act(heard: _Heard, turn: Turn, summary: str) -> None:
    conversation: UUID = heard.view.id
    fence = heard.event.fence
    text = turn.text
    if isinstance(turn, HandOver) and _is_bots_to_say(heard.tenant):
        text = said(heard.bot.out_of_hours, heard.language) or text
    if text:
        name = f"bot:{heard.event.message_id}"
        send_message(
            heard.tenant, conversation, sender=Sender.BOT, client_id=name, body=text, fence=fence
        )
    if isinstance(turn, HandOver):
        add_note(heard.tenant, conversation, body=summary, by=BY)
        reason, skills = code_of(turn.reason), _told_skills(turn.skills)
        hand_over(heard.tenant, conversation, reason=reason, skills=skills, fence=fence)
    elif isinstance(turn, Close):
        close(heard.tenant, conversation, reason="answered", by=BY)


def code_of(reason: str) -> str:
    """A reason as the log takes it: intents have names of all kinds, "Lost card!" for one."""
    return _NO_CODE.sub("_", reason.casefold()).strip("_.-")[: checks.REASON_MAX] or BY


def _told_skills(skills: Mapping[str, int]) -> dict[str, int] | None:
    """The skills that are asked for; none where they are none, so that people get it in any case."""
    return dict(skills) if skills and not any(checks.skill_faults(skills)) else None
