"""What supervisors do with conversations: take over, give, put first, whisper."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.conversations import services
from apps.conversations.api import serializers as wire
from apps.conversations.api.callers import own_agent, sender_of
from apps.conversations.api.fields import TextField
from apps.tenants.authentication import caller_of
from apps.tenants.forms import StrictForm, read_form
from apps.tenants.permissions import ConversationsWrite, RepliesWrite
from apps.tenants.views import POST, ApiView


class AssignmentIn(StrictForm):
    """To whom it goes."""

    agent = serializers.UUIDField()


class PriorityIn(StrictForm):
    """How early it is served."""

    priority = serializers.IntegerField(help_text="0 to 100; higher is served first.")


class WhisperIn(StrictForm):
    """A word to a colleague."""

    body = TextField()


class TakeoverView(ApiView):
    """The caller, who is an agent, takes a conversation themselves."""

    permission_classes = (ConversationsWrite,)
    bodiless = POST

    @extend_schema(
        request=None, responses=wire.ConversationOut, summary="Take a conversation over yourself"
    )
    def post(self, request: Request, conversation: UUID) -> Response:
        """The conversation, which is the caller's now. 422 where they have no room or are away."""
        caller = caller_of(request)
        view = services.give(
            caller.tenant.pk, conversation, agent=own_agent(request), by=caller.client,
            take_over=True,
        )  # fmt: skip
        return Response(wire.conversation_out(view))


class AssignmentView(ApiView):
    """A supervisor gives a conversation to an agent."""

    permission_classes = (RepliesWrite,)

    @extend_schema(
        request=AssignmentIn, responses=wire.ConversationOut, summary="Give it to an agent at once"
    )
    def post(self, request: Request, conversation: UUID) -> Response:
        """The conversation. 422 where the agent has no room or is away."""
        terms, caller = read_form(AssignmentIn, request.data), caller_of(request)
        view = services.give(caller.tenant.pk, conversation, by=caller.client, **terms)
        return Response(wire.conversation_out(view))


class PriorityView(ApiView):
    """A supervisor moves a conversation in the line."""

    permission_classes = (RepliesWrite,)

    @extend_schema(
        request=PriorityIn, responses=wire.ConversationOut, summary="Change its priority"
    )
    def put(self, request: Request, conversation: UUID) -> Response:
        """The conversation."""
        terms, caller = read_form(PriorityIn, request.data), caller_of(request)
        view = services.set_priority(caller.tenant.pk, conversation, by=caller.client, **terms)
        return Response(wire.conversation_out(view))


class WhispersView(ApiView):
    """A word to the agent who has it; its customer hears nothing of it, and nothing is kept."""

    permission_classes = (RepliesWrite,)

    @extend_schema(request=WhisperIn, responses={204: None}, summary="Whisper to its agent")
    def post(self, request: Request, conversation: UUID) -> Response:
        """204."""
        terms, caller = read_form(WhisperIn, request.data), caller_of(request)
        _, name = sender_of(request, None)
        services.whisper(caller.tenant.pk, conversation, by=name or caller.client, **terms)
        return Response(status=204)
