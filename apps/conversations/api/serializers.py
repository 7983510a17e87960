"""What conversations take and show over HTTP. Times ISO 8601, UTC."""

from typing import Any

from rest_framework import serializers

from apps.conversations.api.fields import (
    AgentField,
    SkillsField,
    StatesField,
    TextField,
)
from apps.conversations.lifecycle import Owner, Sender, State
from apps.conversations.models import Channel, MessageKind
from apps.conversations.selectors import (
    ConversationView,
    CustomerView,
    LastMessage,
    MessageView,
    ParticipantView,
)
from apps.conversations.services import Marked
from apps.conversations.services.desk import TAG
from apps.tenants.forms import NumberField, PageQuery, Query, StrictForm
from apps.tenants.pagination import PAGE_MAX

SEQ_MAX = 2**62
MESSAGES_DEFAULT = 200


class CustomerIn(StrictForm):
    """Who writes."""

    external_id = TextField(help_text="Your own name for them.")
    name = TextField(required=False)


class ConversationIn(StrictForm):
    """A conversation to be opened."""

    customer = CustomerIn()
    channel = TextField(help_text=", ".join(Channel.values))
    skills = SkillsField(required=False, help_text="Asking for a skill is asking for a person.")
    language = TextField(required=False, help_text="BCP 47, such as de-CH.")
    priority = serializers.IntegerField(
        required=False, help_text="0 to 100; higher is served first."
    )
    owner = TextField(required=False, help_text="Who answers first: bot or queue.")


class MessageIn(StrictForm):
    """A message to be sent."""

    client_id = TextField(help_text="Yours; the same one again is the same message.")
    body = TextField()
    sender = TextField(
        required=False,
        help_text="customer, agent, bot or system; agents and supervisors write as agent, others as customer.",
    )


class ReceiptIn(StrictForm):
    """How far a participant got."""

    delivered_seq = serializers.IntegerField(required=False, min_value=0, max_value=SEQ_MAX)
    read_seq = serializers.IntegerField(required=False, min_value=0, max_value=SEQ_MAX)
    sender = serializers.ChoiceField(
        [Sender.CUSTOMER.value, Sender.AGENT.value],
        required=False,
        help_text="Whose receipt it is; as with messages.",
    )


class ClosureIn(StrictForm):
    """An end."""

    reason = TextField(required=False, help_text="A code, such as solved.")
    wrap_up = serializers.BooleanField(
        required=False, help_text="The agent keeps it to write down what is left."
    )


class TransferIn(StrictForm):
    """To whom it goes."""

    agent = serializers.UUIDField(required=False)
    team = TextField(required=False, help_text="A team's name.")
    skills = SkillsField(required=False)
    fallback_seconds = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=86_400,
        help_text="How long it waits for that agent or team before anybody with the skills may take "
        "it; and where only skills are named, before anybody may.",
    )
    reason = TextField(required=False, help_text="A code.")


class HoldIn(StrictForm):
    """A hold."""

    reason = TextField(required=False, help_text="A code.")
    on = serializers.BooleanField(required=False, help_text="False: go on. True unless said.")


class ReasonIn(StrictForm):
    """Why."""

    reason = TextField(required=False, help_text="A code.")


class ConversationsQuery(PageQuery):
    """Which conversations."""

    state = StatesField(
        required=False, help_text=f"`open`, or states with commas: {', '.join(State)}."
    )
    agent = AgentField(required=False, help_text="An agent's id, or `me`.")
    customer = serializers.UUIDField(required=False)
    channel = serializers.ChoiceField(Channel.choices, required=False)
    tag = serializers.RegexField(TAG, required=False)


class MessagesQuery(Query):
    """Which messages."""

    after_seq = NumberField(required=False, min_value=0, max_value=SEQ_MAX)
    before_seq = NumberField(required=False, min_value=1, max_value=SEQ_MAX)
    limit = NumberField(
        default=MESSAGES_DEFAULT, min_value=1, max_value=PAGE_MAX, help_text="How many at most."
    )


class CustomerOut(serializers.Serializer[Any]):
    """A customer."""

    id = serializers.UUIDField()
    external_id = serializers.CharField()
    name = serializers.CharField()


class LastMessageOut(serializers.Serializer[Any]):
    """The newest message, for lists."""

    seq = serializers.IntegerField()
    sender = serializers.ChoiceField([one.value for one in Sender])
    kind = serializers.ChoiceField(MessageKind.choices)
    body = serializers.CharField()
    sent_at = serializers.DateTimeField()


class PlaceOut(serializers.Serializer[Any]):
    """A place in the line."""

    position = serializers.IntegerField(allow_null=True, help_text="1: the next.")
    estimate_seconds = serializers.IntegerField(
        allow_null=True, help_text="How long it may take; null: nobody can say."
    )
    is_open = serializers.BooleanField(help_text="Whether anybody is to be there now.")
    opens_at = serializers.DateTimeField(
        allow_null=True, help_text="Out of hours: when somebody is there again, if one can say."
    )


class ConversationOut(serializers.Serializer[Any]):
    """A conversation."""

    id = serializers.UUIDField()
    customer = CustomerOut()
    channel = serializers.ChoiceField(Channel.choices)
    state = serializers.ChoiceField([one.value for one in State])
    owner = serializers.ChoiceField([one.value for one in Owner])
    agent = serializers.UUIDField(allow_null=True)
    epoch = serializers.IntegerField(help_text="Names the message stream.")
    fence = serializers.IntegerField(help_text="How often the ownership changed.")
    last_seq = serializers.IntegerField()
    version = serializers.IntegerField()
    priority = serializers.IntegerField()
    skills = serializers.ListField(child=serializers.CharField())
    skill_levels = serializers.DictField(child=serializers.IntegerField())
    language = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())
    closing_reason = serializers.CharField()
    opened_at = serializers.DateTimeField()
    queued_at = serializers.DateTimeField(allow_null=True)
    assigned_at = serializers.DateTimeField(allow_null=True)
    last_message_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)
    last_message = LastMessageOut(required=False, allow_null=True)
    queue = PlaceOut(required=False, allow_null=True, help_text="Of one that waits.")


class ConversationPageOut(serializers.Serializer[Any]):
    """A page of conversations, the newest first."""

    results = ConversationOut(many=True)
    next = serializers.CharField(allow_null=True)


class MessageOut(serializers.Serializer[Any]):
    """A message in its place."""

    id = serializers.UUIDField()
    conversation = serializers.UUIDField()
    seq = serializers.IntegerField()
    client_id = serializers.CharField()
    sender = serializers.ChoiceField([one.value for one in Sender])
    sender_id = serializers.CharField()
    kind = serializers.ChoiceField(MessageKind.choices)
    body = serializers.CharField()
    attachment = serializers.DictField(required=False, help_text="Of an attachment.")
    event = serializers.DictField(required=False, help_text="Of an event.")
    sent_at = serializers.DateTimeField()


class MessagePageOut(serializers.Serializer[Any]):
    """A page of messages in their order, and where the stream stands."""

    results = MessageOut(many=True)
    next = serializers.IntegerField(allow_null=True, help_text="`after_seq` of the next page.")
    epoch = serializers.IntegerField()
    last_seq = serializers.IntegerField()


class ParticipantOut(serializers.Serializer[Any]):
    """A participant and how far they got."""

    id = serializers.UUIDField()
    sender = serializers.ChoiceField([one.value for one in Sender])
    sender_id = serializers.CharField()
    delivered_seq = serializers.IntegerField()
    read_seq = serializers.IntegerField()


def customer_out(view: CustomerView) -> dict[str, Any]:
    """A customer."""
    return {"id": view.id, "external_id": view.external_id, "name": view.name}


def conversation_out(view: ConversationView) -> dict[str, Any]:
    """A conversation."""
    return {
        "id": view.id,
        "customer": {
            "id": view.customer_id,
            "external_id": view.customer_external_id,
            "name": view.customer_name,
        },
        "channel": view.channel,
        "state": view.state,
        "owner": view.owner,
        "agent": view.agent_id,
        "epoch": view.epoch,
        "fence": view.fence,
        "last_seq": view.last_seq,
        "version": view.version,
        "priority": view.priority,
        "skills": sorted(view.skills),
        "skill_levels": view.skills,
        "language": view.language,
        "tags": view.tags,
        "closing_reason": view.closing_reason,
        "opened_at": view.opened_at,
        "queued_at": view.queued_at,
        "assigned_at": view.assigned_at,
        "last_message_at": view.last_message_at,
        "closed_at": view.closed_at,
    }


def listed_out(found: tuple[ConversationView, LastMessage | None]) -> dict[str, Any]:
    """A conversation of a list, with its newest message."""
    view, last = found
    return {**conversation_out(view), "last_message": last}


def message_out(view: MessageView) -> dict[str, Any]:
    """A message."""
    shown = {name: getattr(view, name) for name in MessageView.__struct_fields__}
    details = shown.pop("data")
    return shown if details is None else {**shown, view.kind: details}


def messages_out(views: list[MessageView], *, epoch: int, last_seq: int) -> dict[str, Any]:
    """A page of messages; there are more as long as it does not reach the newest."""
    reached = views[-1].seq if views else last_seq
    return {
        "results": [message_out(view) for view in views],
        "next": reached if reached < last_seq else None,
        "epoch": epoch,
        "last_seq": last_seq,
    }


def participant_out(view: ParticipantView | Marked) -> dict[str, Any]:
    """A participant."""
    return {
        "id": view.participant if isinstance(view, Marked) else view.id,
        "sender": view.sender,
        "sender_id": view.sender_id,
        "delivered_seq": view.delivered_seq,
        "read_seq": view.read_seq,
    }
