"""What a site's page sends and gets."""

from typing import Any

from rest_framework import serializers

from apps.conversations.api.fields import SkillsField, TextField
from apps.conversations.api.serializers import SEQ_MAX
from apps.conversations.models import WidgetSide, WidgetTheme
from apps.conversations.selectors import ConversationView, Hours, WidgetView
from apps.conversations.services import Visit
from apps.tenants.forms import NumberField, Query, StrictForm

PAGE_MAX = 200


class WidgetIn(StrictForm):
    """A widget to be made."""

    name = TextField()
    origins = serializers.ListField(child=TextField(), required=False)
    title = TextField(required=False)
    greeting = TextField(required=False)
    skills = SkillsField(required=False, help_text="Empty: the bot answers first.")
    language = TextField(required=False)
    accent = TextField(required=False, help_text="A colour such as #0b7565.")
    theme = TextField(required=False, help_text="auto, light or dark")
    side = TextField(required=False, help_text="right or left")
    is_active = serializers.BooleanField(required=False)


class WidgetOut(serializers.Serializer[Any]):
    """A widget."""

    id = serializers.UUIDField()
    key = serializers.CharField(help_text="Public; for the script tag.")
    name = serializers.CharField()
    origins = serializers.ListField(child=serializers.CharField())
    title = serializers.CharField()
    greeting = serializers.CharField()
    skills = serializers.ListField(child=serializers.CharField())
    language = serializers.CharField()
    accent = serializers.CharField()
    theme = serializers.ChoiceField(WidgetTheme.choices)
    side = serializers.ChoiceField(WidgetSide.choices)
    is_active = serializers.BooleanField()


class HoursOut(serializers.Serializer[Any]):
    """Whether anybody is to be there."""

    is_open = serializers.BooleanField()
    opens_at = serializers.DateTimeField(allow_null=True)
    asks_contact = serializers.BooleanField(
        help_text="Out of hours: ask the visitor how they can be reached (`widget/contact`)."
    )


class LookQuery(Query):
    """Which widget."""

    key = TextField(help_text="Its public key.")


class LookOut(serializers.Serializer[Any]):
    """What a page shows before anybody speaks."""

    title = serializers.CharField()
    greeting = serializers.CharField()
    accent = serializers.CharField()
    theme = serializers.ChoiceField(WidgetTheme.choices)
    side = serializers.ChoiceField(WidgetSide.choices)
    hours = HoursOut()


class SessionIn(StrictForm):
    """A visitor comes."""

    key = TextField(help_text="The widget's public key.")
    token = TextField(required=False, help_text="What an earlier session gave; the same visitor.")


class VisitorConversationOut(serializers.Serializer[Any]):
    """As much of a conversation as its visitor sees."""

    id = serializers.UUIDField()
    state = serializers.CharField()
    owner = serializers.CharField()
    epoch = serializers.IntegerField()
    last_seq = serializers.IntegerField()
    opened_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)


class VisitorTicketOut(serializers.Serializer[Any]):
    """A ticket for the chat socket."""

    ticket = serializers.CharField()
    url = serializers.CharField(help_text="Complete address of the socket, ticket included.")
    expires_at = serializers.DateTimeField()


class SessionOut(serializers.Serializer[Any]):
    """What a page needs to begin."""

    token = serializers.CharField(help_text="The visitor's own, for every further call.")
    expires_at = serializers.DateTimeField()
    title = serializers.CharField()
    greeting = serializers.CharField()
    conversation = VisitorConversationOut(allow_null=True)


class BeginIn(StrictForm):
    """A conversation begins."""

    language = TextField(required=False)


class ConversationAsked(StrictForm):
    """Which of the visitor's conversations."""

    conversation = serializers.UUIDField()


class VisitorMessagesQuery(Query):
    """Which messages."""

    conversation = serializers.UUIDField()
    after_seq = NumberField(default=0, min_value=0, max_value=SEQ_MAX)
    limit = NumberField(default=PAGE_MAX, min_value=1, max_value=PAGE_MAX)


class VisitorMessageIn(ConversationAsked):
    """A message, for a page that holds no socket."""

    client_id = TextField(help_text="The same one again is the same message.")
    body = TextField()


class VisitorContactIn(ConversationAsked):
    """How the visitor can be reached."""

    contact = TextField(help_text="A mail address, a telephone number.")
    name = TextField(required=False)


class VisitorRatingIn(ConversationAsked):
    """What the visitor thought."""

    score = serializers.IntegerField(help_text="1 (bad) to 5 (good)", min_value=1, max_value=5)
    comment = TextField(required=False)


class VisitorAttachmentIn(ConversationAsked):
    """A file to be sent."""

    file = serializers.FileField(max_length=1_000, allow_empty_file=True)
    client_id = TextField(help_text="The same one again is the same message.")


def widget_out(view: WidgetView) -> dict[str, Any]:
    """A widget."""
    shown = {str(name): getattr(view, str(name)) for name in WidgetOut().fields}
    return shown | {"skills": sorted(view.skills)}


def look_out(view: WidgetView, hours: Hours) -> dict[str, Any]:
    """What a page shows before anybody speaks."""
    looks = ("title", "greeting", "accent", "theme", "side")
    return {**{name: getattr(view, name) for name in looks}, "hours": hours}


def visitors_out(view: ConversationView) -> dict[str, Any]:
    """A conversation as its visitor sees it: nothing of agents, priorities or tags."""
    return {str(name): getattr(view, str(name)) for name in VisitorConversationOut().fields}


def session_out(visit: Visit) -> dict[str, Any]:
    """What a page needs to begin."""
    widget = visit.visitor.widget
    return {
        "token": visit.token,
        "expires_at": visit.expires_at,
        "title": widget.title,
        "greeting": widget.greeting,
        "conversation": visitors_out(visit.conversation) if visit.conversation else None,
    }
