"""What the bot does, as a tenant edits it; and what it remembers."""

from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from apps.conversations.models.conversations import Conversation
from apps.tenants.models import Tenant, TenantQuerySet

GREETING = {"en": "Hello! How can I help?", "de": "Hallo! Wie kann ich helfen?"}
ASK_AGAIN = {
    "en": "I did not get that. Could you say it in other words?",
    "de": "Das habe ich nicht verstanden. Können Sie es anders sagen?",
}
HANDING_OVER = {
    "en": "I will pass you on to a person.",
    "de": "Ich verbinde Sie mit einem Menschen.",
}
OUT_OF_HOURS = {
    "en": "Nobody is here right now. Your message waits for us, and we will answer it.",
    "de": "Gerade ist niemand da. Ihre Nachricht wartet auf uns, und wir antworten darauf.",
}
CANCELLED = {"en": "All right, I leave it as it is.", "de": "Gut, dann lasse ich es."}


def greeting_texts() -> dict[str, str]:
    """What it says before a tenant says otherwise."""
    return dict(GREETING)


def ask_again_texts() -> dict[str, str]:
    """What it says before a tenant says otherwise."""
    return dict(ASK_AGAIN)


def handing_over_texts() -> dict[str, str]:
    """What it says before a tenant says otherwise."""
    return dict(HANDING_OVER)


def out_of_hours_texts() -> dict[str, str]:
    """What it says before a tenant says otherwise."""
    return dict(OUT_OF_HOURS)


def cancelled_texts() -> dict[str, str]:
    """What it says before a tenant says otherwise."""
    return dict(CANCELLED)


def texts(value: Any) -> None:
    """Texts by language. Raises ValidationError."""
    if not isinstance(value, dict) or not all(
        isinstance(name, str) and isinstance(text, str) for name, text in value.items()
    ):
        raise ValidationError('Texts by language are needed: {"en": "…", "de": "…"}')


def slots(value: Any) -> None:
    """Slots of a flow. Raises ValidationError."""
    if not isinstance(value, list):
        raise ValidationError('A list is needed: [{"name": …, "kind": …, "question": {…}}]')
    for one in value:
        if not isinstance(one, dict) or not all(
            isinstance(one.get(name), str) and one[name] for name in ("name", "kind")
        ):
            raise ValidationError("Each slot needs a name and a kind.")
        texts(one.get("question"))


def levels(value: Any) -> None:
    """Skills with levels 1 to 5. Raises ValidationError."""
    if not isinstance(value, dict) or not all(
        isinstance(one, int) and 1 <= one <= 5  # noqa: PLR2004 - the scale of proficiency
        for one in value.values()
    ):
        raise ValidationError('Skills with the level that is needed, 1 to 5: {"cards": 2}')


class Bot(models.Model):
    """A tenant's bot: whether it answers, and what it says of itself."""

    tenant = models.OneToOneField(
        Tenant, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    enabled = models.BooleanField(default=True)
    language = models.CharField(max_length=12, default="en", help_text="Where none is known.")
    greeting = models.JSONField(default=greeting_texts, blank=True, validators=[texts])
    ask_again = models.JSONField(default=ask_again_texts, validators=[texts])
    handing_over = models.JSONField(default=handing_over_texts, validators=[texts])
    out_of_hours = models.JSONField(default=out_of_hours_texts, validators=[texts])
    cancelled = models.JSONField(default=cancelled_texts, validators=[texts])

    objects = TenantQuerySet.as_manager()

    def __str__(self) -> str:
        return f"bot of {self.tenant_id}"


class BotFlow(models.Model):
    """What the bot does about an intent."""

    class Then(models.TextChoices):
        """How it ends."""

        REPLY = "reply", "with the reply"
        HAND_OVER = "hand_over", "with a person"
        CLOSE = "close", "with the conversation's end"

    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    intent = models.CharField(max_length=100)
    enabled = models.BooleanField(default=True)
    replies = models.JSONField(
        default=dict, validators=[texts], help_text='{"en": "… {slot} …"}: {slot} is filled in.'
    )
    slots = models.JSONField(
        default=list, blank=True, validators=[slots],
        help_text='[{"name": "card", "kind": "account_number", "question": {"en": "Which card?"}}]; '
        "the kind text takes whatever is said.",
    )  # fmt: skip
    confirmation = models.JSONField(
        default=dict, blank=True, validators=[texts], help_text="A question, answered yes or no."
    )
    then = models.CharField(max_length=9, choices=Then, default=Then.REPLY)
    skills = models.JSONField(default=dict, blank=True, validators=[levels])

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["tenant", "intent"], name="an_intent_has_one_flow"),
            models.CheckConstraint(condition=~Q(intent=""), name="a_flow_has_an_intent"),
        ]

    def __str__(self) -> str:
        return self.intent


class BotMemory(models.Model):
    """What the bot remembers of a conversation, and how far it has answered."""

    conversation = models.OneToOneField(
        Conversation, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    state = models.JSONField(default=dict)
    answered_seq = models.BigIntegerField(default=0)
    intent = models.CharField(max_length=100, blank=True, default="")
    summary = models.TextField(blank=True, default="", help_text="For who takes over.")

    objects = TenantQuerySet.as_manager()

    def __str__(self) -> str:
        return f"memory of {self.conversation_id}"
