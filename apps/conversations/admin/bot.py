"""The back office of the bot: what it says, and its flows with a preview of how they go."""

from django.contrib import admin
from django.utils.html import format_html, format_html_join
from unfold.admin import ModelAdmin

from apps.conversations.dialogue import Ask, Close, HandOver, Memory, Script, next_turn
from apps.conversations.models import Bot, BotFlow
from apps.conversations.selectors.bot import bot_of, flow_of, script_of
from apps.nlu.interpretation import Entity, Interpretation

STEPS_MAX = 12


@admin.register(Bot)
class BotAdmin(ModelAdmin):
    """A tenant's bot."""

    list_display = ("tenant", "enabled", "language")
    list_select_related = ("tenant",)


@admin.register(BotFlow)
class BotFlowAdmin(ModelAdmin):
    """What the bot does about each intent."""

    list_display = ("intent", "tenant", "then", "enabled")
    list_filter = ("tenant", "then", "enabled")
    list_select_related = ("tenant",)
    search_fields = ("intent",)
    fields = ("tenant", "intent", "enabled", "replies", "slots", "confirmation", "then", "skills",
              "preview")  # fmt: skip
    readonly_fields = ("preview",)

    @admin.display(description="How it goes")
    def preview(self, row: BotFlow) -> str:
        """The flow played once, with a customer who answers every question."""
        if row.pk is None:
            return format_html("{}", "Save it to see how it goes.")
        bot = bot_of(row.tenant_id) or Bot(tenant_id=row.tenant_id)
        lines = list(_play(script_of(bot), row))
        return format_html_join("", "<p><b>{}</b> {}</p>", lines)


def _play(script: Script, row: BotFlow) -> list[tuple[str, str]]:
    flow = flow_of(row)
    script = Script({**script.flows, flow.intent: flow}, script.phrases)
    kinds = {slot.name: slot.kind for slot in flow.slots}
    memory, text = Memory(), f"({flow.intent})"
    found = Interpretation(flow.intent, 1.0)
    lines: list[tuple[str, str]] = []
    for _ in range(STEPS_MAX):
        lines.append(("Customer:", text))
        turn, memory = next_turn(script, memory, found, text, "en")
        ends = {HandOver: " → to a person", Close: " → the end"}
        lines.append(("Bot:", turn.text + ends.get(type(turn), "")))
        if not isinstance(turn, Ask):
            break
        name = memory.asking
        text = f"({name})" if name in kinds else "yes"
        named = (Entity(kinds[name], text, text),) if name in kinds else ()
        found = Interpretation("oos", 0.0, entities=named)
    return lines
