"""The back office of the bot: what it says, a chat to try it, and its flows with a preview."""

from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.html import format_html, format_html_join
from unfold.admin import ModelAdmin
from unfold.decorators import action

from apps.conversations.admin.fields import SkillsField, SlotsField, SlotsWidget, TextsField
from apps.conversations.dialogue import (
    ANY,
    Ask,
    Close,
    HandOver,
    Memory,
    Script,
    next_turn,
    said_in,
)
from apps.conversations.models import Bot, BotFlow
from apps.conversations.selectors.bot import (
    bot_of,
    flow_faults,
    flow_of,
    is_unknown,
    script_of,
    slot_kinds,
)
from apps.conversations.services.trying import try_out
from apps.core.exceptions import DomainError
from apps.nlu.interpretation import Entity, Interpretation

STEPS_MAX = 12
LINES_MAX: Final = 30
"""Turns of a test chat that are shown: they live in the session."""
SAID_ALWAYS: Final = ("ask_again", "handing_over", "out_of_hours", "cancelled")


class BotForm(forms.ModelForm):  # type: ignore[type-arg] # not subscriptable when it runs
    """What a bot says of itself."""

    greeting = TextsField(
        required=False, help_text="Said when a conversation begins; nothing: the customer begins."
    )
    ask_again = TextsField(help_text="Said once to what it does not understand.")
    handing_over = TextsField(help_text="Said before a person takes over.")
    out_of_hours = TextsField(help_text="Said in its place while nobody is there.")
    cancelled = TextsField(help_text="Said after a no to a confirmation.")

    class Meta:
        model = Bot
        fields = ("tenant", "enabled", "language", "greeting", *SAID_ALWAYS)

    def clean(self) -> dict[str, Any]:
        """Each phrase is there in the bot's own language."""
        found: dict[str, Any] = super().clean() or {}
        language = found.get("language", "")
        for name in SAID_ALWAYS:
            if found.get(name) and not said_in(found[name], language):
                self.add_error(
                    name, f"There is no text in the bot's own language, {language or '?'}."
                )
        return found


@admin.register(Bot)
class BotAdmin(ModelAdmin):
    """A tenant's bot."""

    form = BotForm
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


class FlowForm(forms.ModelForm):  # type: ignore[type-arg] # as above
    """A flow, refused while a customer would get stuck in it."""

    replies = TextsField(
        required=False, label="What it says in the end", help_text="{name} is the slot's value."
    )
    slots = SlotsField(
        required=False,
        label="What it asks for",
        help_text=f"One after another; what the customer named is not asked for. The kind {ANY} takes "
        "whatever is said. Empty a row to take it away.",
    )
    confirmation = TextsField(
        required=False, label="What it has confirmed", help_text="A question, answered yes or no."
    )
    skills = SkillsField(
        required=False, label="Skills of who takes over", help_text="For instance: cards 2, billing"
    )

    class Meta:
        model = BotFlow
        fields = (
            "tenant",
            "intent",
            "enabled",
            "replies",
            "slots",
            "confirmation",
            "then",
            "skills",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """The kinds that can be asked for are the tenant's."""
        super().__init__(*args, **kwargs)
        tenant = self.data.get("tenant") or self.instance.tenant_id
        widget = self.fields["slots"].widget
        if isinstance(widget, SlotsWidget):
            widget.kinds = slot_kinds(int(tenant) if str(tenant or "").isdigit() else 0)

    def clean(self) -> dict[str, Any]:
        """All that is wrong with the flow, at the fields where it can be put right."""
        found: dict[str, Any] = super().clean() or {}
        if self.errors:
            return found
        flow = flow_of(BotFlow(**found))
        for name, text in flow_faults(found["tenant"].pk, flow):
            self.add_error(name, text)
        return found


@admin.register(BotFlow)
class BotFlowAdmin(ModelAdmin):
    """What the bot does about each intent."""

    form = FlowForm
    list_display = ("intent", "tenant", "then", "enabled")
    list_filter = ("tenant", "then", "enabled")
    list_select_related = ("tenant",)
    search_fields = ("intent",)
    fields = ("tenant", "intent", "enabled", "slots", "confirmation", "replies", "then", "skills",
              "preview")  # fmt: skip
    readonly_fields = ("preview",)

    @admin.display(description="How it goes")
    def preview(self, row: BotFlow) -> str:
        """The flow played once, with a customer who answers every question."""
        if row.pk is None:
            return format_html("{}", "Save it to see how it goes.")
        bot = bot_of(row.tenant_id) or Bot(tenant_id=row.tenant_id)
        lines = list(_play(script_of(bot), row, bot.language))
        return format_html_join("", "<p><b>{}</b> {}</p>", lines)

    def save_model(self, request: HttpRequest, obj: BotFlow, form: Any, change: Any) -> None:
        """Save it; an intent that only a provider may know is worth a word."""
        super().save_model(request, obj, form, change)
        if is_unknown(obj.tenant_id, obj.intent):
            text = (
                f"No example stands for {obj.intent}: only a provider that knows it leads here, and "
                "while none answers nobody gets here."
            )
            self.message_user(request, text, messages.WARNING)


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
        "degraded": tried.found.degraded,
        "entities": [f"{one.kind} {one.value}" for one in tried.found.entities],
    }
    return {"memory": tried.memory, "lines": [*chat["lines"], line][-LINES_MAX:]}


def _play(script: Script, row: BotFlow, language: str) -> list[tuple[str, str]]:
    flow = flow_of(row)
    script = Script({**script.flows, flow.intent: flow}, script.phrases)
    kinds = {slot.name: slot.kind for slot in flow.slots}
    memory, text = Memory(), f"({flow.intent})"
    found = Interpretation(flow.intent, 1.0)
    lines: list[tuple[str, str]] = []
    for _ in range(STEPS_MAX):
        lines.append(("Customer:", text))
        turn, memory = next_turn(script, memory, found, text, language)
        ends = {HandOver: " → to a person", Close: " → the end"}
        lines.append(("Bot:", turn.text + ends.get(type(turn), "")))
        if not isinstance(turn, Ask):
            break
        name = memory.asking
        text = f"({name})" if name in kinds else "yes"
        named = (Entity(kinds[name], text, text),) if name in kinds else ()
        found = Interpretation("oos", 0.0, entities=named)
    return lines
