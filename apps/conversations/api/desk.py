"""What the desk has beside the transcript, over HTTP."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.conversations import selectors, services
from apps.conversations.api import serializers as wire
from apps.conversations.api.fields import TextField
from apps.tenants.authentication import caller_of, tenant_of
from apps.tenants.forms import NameField, Query, StrictForm, read_form
from apps.tenants.permissions import ConversationsWrite, RepliesWrite
from apps.tenants.views import ApiView


class NoteIn(StrictForm):
    """A note to be written."""

    body = TextField()


class NoteOut(serializers.Serializer[Any]):
    """An internal note."""

    id = serializers.UUIDField()
    author = serializers.CharField()
    body = serializers.CharField()
    written_at = serializers.DateTimeField()


class NotesOut(serializers.Serializer[Any]):
    """Notes, the oldest first."""

    results = NoteOut(many=True)


class TagsIn(StrictForm):
    """A conversation's tags."""

    tags = serializers.ListField(child=TextField(), max_length=100)


class RatingIn(StrictForm):
    """What a customer thought."""

    score = serializers.IntegerField(
        help_text="1 (bad) to 5 (good)", min_value=-1_000, max_value=1_000
    )
    comment = TextField(required=False)


class RatingOut(serializers.Serializer[Any]):
    """A rating of one closing."""

    closing = serializers.IntegerField()
    score = serializers.IntegerField()
    comment = serializers.CharField()
    rated_at = serializers.DateTimeField()


class ReplyIn(StrictForm):
    """A reply to be kept ready."""

    shortcut = TextField(help_text="What is typed behind a slash.")
    title = TextField()
    body = TextField()
    language = TextField(required=False, help_text="BCP 47; empty: any.")


class ReplyOut(serializers.Serializer[Any]):
    """A reply that is kept ready."""

    id = serializers.UUIDField()
    shortcut = serializers.CharField()
    title = serializers.CharField()
    body = serializers.CharField()
    language = serializers.CharField()


class RepliesOut(serializers.Serializer[Any]):
    """Replies, by their shortcuts."""

    results = ReplyOut(many=True)


class RepliesQuery(Query):
    """Which replies."""

    language = NameField(required=False, help_text="BCP 47; replies of any language, too.")


class NotesView(ApiView):
    """Internal notes; a customer never sees them."""

    permission_classes = (ConversationsWrite,)

    @extend_schema(responses=NotesOut, summary="The internal notes of a conversation")
    def get(self, request: Request, conversation: UUID) -> Response:
        """The oldest first."""
        tenant = tenant_of(request).pk
        selectors.position_of(tenant, conversation)
        return Response({"results": selectors.notes_of(tenant, conversation)})

    @extend_schema(request=NoteIn, responses={201: NoteOut}, summary="Write an internal note")
    def post(self, request: Request, conversation: UUID) -> Response:
        """201 with the note."""
        terms, caller = read_form(NoteIn, request.data), caller_of(request)
        note = services.add_note(caller.tenant.pk, conversation, by=caller.client, **terms)
        return Response(note, status=201)


class TagsView(ApiView):
    """Tags."""

    permission_classes = (ConversationsWrite,)

    @extend_schema(
        request=TagsIn, responses=wire.ConversationOut, summary="Set a conversation's tags"
    )
    def put(self, request: Request, conversation: UUID) -> Response:
        """The conversation; these tags and no others."""
        terms, caller = read_form(TagsIn, request.data), caller_of(request)
        view = services.set_tags(caller.tenant.pk, conversation, by=caller.client, **terms)
        return Response(wire.conversation_out(view))


class RatingView(ApiView):
    """The customer's rating of the newest closing."""

    permission_classes = (ConversationsWrite,)

    @extend_schema(
        request=RatingIn, responses={201: RatingOut}, summary="Rate a closed conversation, once"
    )
    def post(self, request: Request, conversation: UUID) -> Response:
        """201; 409 where this closing was rated before, or it is open."""
        terms = read_form(RatingIn, request.data)
        return Response(services.rate(tenant_of(request).pk, conversation, **terms), status=201)

    @extend_schema(responses=RatingOut(many=True), summary="The ratings of a conversation")
    def get(self, request: Request, conversation: UUID) -> Response:
        """One for each closing at most."""
        tenant = tenant_of(request).pk
        selectors.position_of(tenant, conversation)
        return Response(selectors.ratings_of(tenant, conversation))


class CannedRepliesView(ApiView):
    """Replies that are kept ready."""

    permission_classes = (RepliesWrite,)
    query = RepliesQuery

    @extend_schema(responses=RepliesOut, summary="Replies that are kept ready")
    def get(self, request: Request) -> Response:
        """By their shortcuts."""
        found = selectors.canned_replies(tenant_of(request).pk, **self.asked)
        return Response({"results": found})

    @extend_schema(request=ReplyIn, responses={201: ReplyOut}, summary="Keep a reply ready")
    def post(self, request: Request) -> Response:
        """201 with the reply."""
        terms = services.ReplyTerms(**read_form(ReplyIn, request.data))
        row = services.save_canned_reply(tenant_of(request).pk, terms)
        return Response(ReplyOut(row).data, status=201)


class CannedReplyView(ApiView):
    """One reply that is kept ready."""

    permission_classes = (RepliesWrite,)

    @extend_schema(request=ReplyIn, responses=ReplyOut, summary="Change a canned reply")
    def put(self, request: Request, reply: UUID) -> Response:
        """The reply as it is now."""
        terms = services.ReplyTerms(**read_form(ReplyIn, request.data))
        row = services.save_canned_reply(tenant_of(request).pk, terms, reply=reply)
        return Response(ReplyOut(row).data)

    @extend_schema(responses={204: None}, summary="Forget a canned reply")
    def delete(self, request: Request, reply: UUID) -> Response:
        """204."""
        services.delete_canned_reply(tenant_of(request).pk, reply)
        return Response(status=204)
