"""The back office of the bot: what it says, a chat to try it, and its flows with a preview."""

from typing import Any, Final

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.html import format_html, format_html_join
from unfold.admin import ModelAdmin
from unfold.decorators import action

from apps.conversations.dialogue import Ask, Close, HandOver, Memory, Script, next_turn
from apps.conversations.models import Bot, BotFlow
from apps.conversations.selectors.bot import bot_of, flow_of, script_of
from apps.conversations.services.trying import try_out
from apps.core.exceptions import DomainError
from apps.nlu.interpretation import Entity, Interpretation

STEPS_MAX = 12
LINES_MAX: Final = 30
"""Turns of a test chat that are shown: they live in the session."""


@admin.register(Bot)
class BotAdmin(ModelAdmin):
    """A tenant's bot."""

    list_display = ("tenant", "enabled", "language")
    list_select_related = ("tenant",)
    actions_detail = ("test_chat",)

    @action(description="Test chat", url_path="test-chat", permissions=["change"])
    def test_chat(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Talk to the bot as a customer would; the talk is this session's and nobody else's."""
        bot = self.get_object(request, object_id)
        if bot is None:
            return redirect("admin:conversations_bot_changelist")
        name = f"test-chat-{bot.pk}"
        chat = request.session.get(name) or {"memory": {}, "lines": []}
        refused = ""
        if request.method == "POST":
            try:
                chat = _talked(bot, chat, request)
            except DomainError as error:
                refused = str(error)
            request.session[name] = chat
        context = self.admin_site.each_context(request) | {
            "title": f"Test chat with the bot of {bot.tenant}",
            "lines": chat["lines"],
            "refused": refused,
        }
        return render(request, "conversations/test_chat.html", context)


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


def _talked(bot: Bot, chat: dict[str, Any], request: HttpRequest) -> dict[str, Any]:
    """The chat with one more turn, or begun again."""
    if request.POST.get("again"):
        return {"memory": {}, "lines": []}
    text = request.POST.get("text", "")
    tried = try_out(bot, text, chat["memory"])
    line = {
        "text": text[:200],
        "answer": tried.text,
        "end": tried.end,
        "intent": tried.found.intent,
        "confidence": round(tried.found.confidence, 2),
        "provider": tried.found.provider,
        "entities": [f"{one.kind} {one.value}" for one in tried.found.entities],
    }
    return {"memory": tried.memory, "lines": [*chat["lines"], line][-LINES_MAX:]}


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
