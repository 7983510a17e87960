"""Conversations over HTTP: parse, one call, render."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.conversations import selectors, services
from apps.conversations.api import serializers as wire
from apps.conversations.api.callers import own_agent, sender_of
from apps.tenants.authentication import caller_of, tenant_of
from apps.tenants.forms import StrictForm, read_form
from apps.tenants.pagination import page, page_asked
from apps.tenants.permissions import ConversationsWrite
from apps.tenants.views import ApiView


def _moved(
    request: Request, conversation: UUID, form: type[StrictForm], move: Callable[..., Any]
) -> Response:
    """The conversation after a move that the caller had done, on the terms of the form."""
    terms, caller = read_form(form, request.data), caller_of(request)
    view = move(caller.tenant.pk, conversation, by=caller.client, **terms)
    return Response(wire.conversation_out(view))


def _hold(
    tenant: int, conversation: UUID, *, by: str, on: bool = True, **terms: str
) -> selectors.ConversationView:
    if on:
        return services.hold(tenant, conversation, by=by, **terms)
    return services.resume(tenant, conversation, by=by)


class ConversationsView(ApiView):
    """Conversations of the tenant."""

    permission_classes = (ConversationsWrite,)
    query = wire.ConversationsQuery

    @extend_schema(
        responses=wire.ConversationPageOut,
        operation_id="conversations_list",
        summary="Conversations by state, agent, customer, channel or tag; the newest first",
    )
    def get(self, request: Request) -> Response:
        """A page; each with its newest message."""
        ask, filters = page_asked(self.asked)
        if filters.get("agent") == "me":
            filters["agent"] = own_agent(request)
        found = selectors.inbox(
            tenant_of(request).pk,
            selectors.Filters(states=filters.pop("state", ()), **filters),
            after=ask.after,
            limit=ask.limit + 1,
        )
        return Response(page(found, ask, cursor=lambda one: str(one[0].id), render=wire.listed_out))

    @extend_schema(
        request=wire.ConversationIn,
        responses={201: wire.ConversationOut, 200: wire.ConversationOut},
        summary="Open a conversation; the customer's open one on the channel, if there is one",
    )
    def post(self, request: Request) -> Response:
        """201 if it was opened, 200 if it was open."""
        terms = read_form(wire.ConversationIn, request.data)
        customer = terms.pop("customer")
        opened = services.open_conversation(tenant_of(request).pk, **customer, **terms)
        view = opened.conversation
        shown = wire.conversation_out(view) | {"queue": selectors.place_of(view)}
        return Response(shown, status=201 if opened.is_new else 200)


class ConversationView(ApiView):
    """One conversation."""

    @extend_schema(responses=wire.ConversationOut, summary="One conversation")
    def get(self, request: Request, conversation: UUID) -> Response:
        """404 where this tenant has none of this id."""
        tenant = tenant_of(request).pk
        view = selectors.conversation_of(tenant, conversation)
        members = selectors.participants_of(tenant, conversation)
        shown = wire.conversation_out(view) | {"queue": selectors.place_of(view)}
        return Response(shown | {"participants": [wire.participant_out(one) for one in members]})


class MessagesView(ApiView):
    """The messages of a conversation."""

    permission_classes = (ConversationsWrite,)
    query = wire.MessagesQuery

    @extend_schema(
        responses=wire.MessagePageOut,
        operation_id="conversations_messages_list",
        summary="Messages after a seq in their order, or the last ones before a seq",
    )
    def get(self, request: Request, conversation: UUID) -> Response:
        """A page, and where the stream stands; read first, so that a page may only be newer."""
        which, tenant, limit = self.asked, tenant_of(request).pk, self.asked["limit"]
        epoch, last_seq = selectors.position_of(tenant, conversation)
        if (before := which.get("before_seq")) is not None:
            found = selectors.messages_before(tenant, conversation, before, limit)
        else:
            after = which.get("after_seq", 0)
            found = selectors.recent_messages(
                tenant, conversation, after, limit, epoch=epoch, last_seq=last_seq
            )
        return Response(wire.messages_out(found, epoch=epoch, last_seq=last_seq))

    @extend_schema(
        request=wire.MessageIn,
        responses={201: wire.MessageOut, 200: wire.MessageOut},
        summary="Send a message; the same client_id again gives the same message again",
    )
    def post(self, request: Request, conversation: UUID) -> Response:
        """201 if it was sent, 200 if it had been sent before."""
        terms = read_form(wire.MessageIn, request.data)
        sender, sender_id = sender_of(request, terms.pop("sender", None))
        sent = services.send_message(
            tenant_of(request).pk, conversation, sender=sender, sender_id=sender_id, **terms
        )
        headers = {} if sent.is_new else {"Idempotency-Replayed": "true"}
        status = 201 if sent.is_new else 200
        return Response(wire.message_out(sent.the_message), status=status, headers=headers)


class ReceiptsView(ApiView):
    """Receipts."""

    permission_classes = (ConversationsWrite,)

    @extend_schema(
        request=wire.ReceiptIn,
        responses=wire.ParticipantOut(many=True),
        summary="Say how far a participant got; marks only grow",
    )
    def post(self, request: Request, conversation: UUID) -> Response:
        """Every participant's marks as they stand after it."""
        terms, tenant = read_form(wire.ReceiptIn, request.data), tenant_of(request).pk
        sender, sender_id = sender_of(request, terms.pop("sender", None))
        view = selectors.conversation_of(tenant, conversation)
        if sender == "customer":
            sender_id = str(view.customer_id)
        services.mark_receipts(tenant, [services.Receipt(conversation, sender, sender_id, **terms)])
        found = selectors.participants_of(tenant, conversation)
        return Response([wire.participant_out(one) for one in found])


class ClosureView(ApiView):
    """The end of a conversation."""

    permission_classes = (ConversationsWrite,)

    @extend_schema(
        request=wire.ClosureIn, responses=wire.ConversationOut, summary="Close a conversation"
    )
    def post(self, request: Request, conversation: UUID) -> Response:
        """The conversation; what is closed already stays as it is."""
        return _moved(request, conversation, wire.ClosureIn, services.close)


class TransferView(ApiView):
    """A conversation goes to another agent or skill."""

    permission_classes = (ConversationsWrite,)

    @extend_schema(
        request=wire.TransferIn,
        responses=wire.ConversationOut,
        summary="Transfer a conversation to an agent, a team or a skill",
    )
    def post(self, request: Request, conversation: UUID) -> Response:
        """The conversation, which waits in the line."""
        return _moved(request, conversation, wire.TransferIn, services.transfer)


class HoldView(ApiView):
    """The agent waits for something else."""

    permission_classes = (ConversationsWrite,)

    @extend_schema(
        request=wire.HoldIn,
        responses=wire.ConversationOut,
        summary="Put a conversation on hold, or go on with it",
    )
    def post(self, request: Request, conversation: UUID) -> Response:
        """The conversation."""
        return _moved(request, conversation, wire.HoldIn, _hold)


class ReopeningView(ApiView):
    """A closed conversation goes on."""

    permission_classes = (ConversationsWrite,)

    @extend_schema(
        request=wire.ReasonIn,
        responses=wire.ConversationOut,
        summary="Reopen a conversation, if the customer has no other open on the channel",
    )
    def post(self, request: Request, conversation: UUID) -> Response:
        """The conversation, which waits in the line."""
        return _moved(request, conversation, wire.ReasonIn, services.reopen)
