"""Questions about the bot: what it does, and what it remembers."""

from uuid import UUID

import msgspec

from apps.conversations.dialogue import Flow, Memory, Phrases, Script, Slot
from apps.conversations.models import Bot, BotFlow, BotMemory


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


def memory_of(row: BotMemory | None) -> Memory:
    """What the bot remembers; nothing before its first answer."""
    return msgspec.convert(row.state, Memory) if row is not None and row.state else Memory()


def summary_of_bot(tenant: int, conversation: UUID) -> tuple[str, str]:
    """Intent and summary that the bot left for who takes over."""
    row = BotMemory.objects.for_tenant(tenant).filter(conversation=conversation).first()
    return (row.intent, row.summary) if row is not None else ("", "")
