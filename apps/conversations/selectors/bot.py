"""Questions about the bot: what it does, and what it remembers."""

from typing import Final
from uuid import UUID

import msgspec

from apps.conversations.dialogue import ANY, Flow, Memory, Phrases, Script, Slot, faults_of
from apps.conversations.models import Bot, BotFlow, BotMemory, Conversation
from apps.nlu import selectors as nlu
from apps.nlu.interpretation import OUT_OF_SCOPE

LANGUAGE: Final = "en"
"""Of a bot that does not say its own."""


def has_bot(tenant: int) -> bool:
    """Whether a bot answers for this tenant."""
    return Bot.objects.for_tenant(tenant).filter(enabled=True).exists()


def bot_of(tenant: int) -> Bot | None:
    """The tenant's bot, if it answers."""
    return Bot.objects.for_tenant(tenant).filter(enabled=True).first()


def bots_of(tenants: set[int]) -> dict[int, Bot]:
    """The bots that answer, by tenant."""
    found = Bot.objects.filter(tenant_id__in=tenants, enabled=True)
    return {one.tenant_id: one for one in found}


def silent_among(conversations: set[UUID]) -> set[UUID]:
    """Those of some conversations in which nothing has been said."""
    rows = Conversation.objects.filter(pk__in=conversations, last_seq=0)
    return set(rows.values_list("pk", flat=True))


def script_of(bot: Bot) -> Script:
    """A bot's flows and phrases, as the dialogue reads them."""
    rows = BotFlow.objects.for_tenant(bot.tenant_id).filter(enabled=True)
    flows = {row.intent: flow_of(row) for row in rows}
    return Script(flows, Phrases(bot.ask_again, bot.handing_over, bot.cancelled))


def flow_of(row: BotFlow) -> Flow:
    """A flow, as the dialogue reads it."""
    return Flow(
        intent=row.intent,
        replies=row.replies,
        slots=tuple(Slot(one["name"], one["kind"], one["question"]) for one in row.slots),
        confirmation=row.confirmation,
        then=row.then,
        skills=row.skills,
    )


def flow_faults(tenant: int, flow: Flow) -> list[tuple[str, str]]:
    """What would go wrong with a flow, as (field, sentence): in itself, and with what is understood."""
    bot = Bot.objects.for_tenant(tenant).first()
    language = bot.language if bot is not None else LANGUAGE
    found = faults_of(flow, language, nlu.entity_kinds(tenant))
    if not found and is_unknown(tenant, flow.intent) and not nlu.has_providers(tenant):
        known = ", ".join(sorted(nlu.known_intents(tenant) - {OUT_OF_SCOPE})) or "none yet"
        found.append(
            ("intent", f"No example stands for it, so no text leads here. Known are: {known}.")
        )
    return found


def slot_kinds(tenant: int) -> list[str]:
    """What a slot may be filled with: whatever is said, or what is found in texts."""
    return [ANY, *sorted(nlu.entity_kinds(tenant))]


def is_unknown(tenant: int, intent: str) -> bool:
    """Whether our own classifier never finds an intent; a provider may."""
    return intent not in nlu.known_intents(tenant)


def memory_of(row: BotMemory | None) -> Memory:
    """What the bot remembers; nothing before its first answer."""
    return msgspec.convert(row.state, Memory) if row is not None and row.state else Memory()


def summary_of_bot(tenant: int, conversation: UUID) -> tuple[str, str]:
    """Intent and summary that the bot left for who takes over."""
    row = BotMemory.objects.for_tenant(tenant).filter(conversation=conversation).first()
    return (row.intent, row.summary) if row is not None else ("", "")
