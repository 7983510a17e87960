"""Tickets for the sockets of conversations."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.agents import selectors as agents
from apps.conversations import selectors
from apps.conversations.api.callers import PEOPLE, NotYourVoice
from apps.core.exceptions import Forbidden
from apps.sockets import tickets
from apps.sockets.tickets import CHAT, DESK, Claim
from apps.tenants.authentication import caller_of, tenant_of
from apps.tenants.forms import StrictForm, read_form
from apps.tenants.permissions import ConversationsWrite
from apps.tenants.views import POST, ApiView


class NotYourDesk(Forbidden):
    """A person sits at their own desk."""


class SocketTicketOut(serializers.Serializer[Any]):
    """A ticket for a socket."""

    ticket = serializers.CharField()
    url = serializers.CharField(help_text="Complete address of the socket, ticket included.")
    expires_at = serializers.DateTimeField()


class ChatTicketView(ApiView):
    """A ticket opens the socket of a conversation's customer once, within 30 seconds."""

    permission_classes = (ConversationsWrite,)
    bodiless = POST

    @extend_schema(
        request=None,
        responses={201: SocketTicketOut},
        summary="A ticket for the customer's socket",
    )
    def post(self, request: Request, conversation: UUID) -> Response:
        """Whoever holds the socket writes as the customer; 503 while Redis does not answer."""
        caller = caller_of(request)
        if caller.role in PEOPLE:
            raise NotYourVoice  # people answer from a desk, as themselves
        view = selectors.conversation_of(caller.tenant.pk, conversation)
        facts = {"conversation": str(view.id), "customer": str(view.customer_id)}
        claim = Claim(CHAT, caller.tenant.pk, caller.client, facts)
        return Response(SocketTicketOut(tickets.issue(claim)).data, status=201)


class DeskTicketIn(StrictForm):
    """Which agent's desk, if a program asks; a person is their own agent."""

    agent = serializers.CharField(
        required=False, max_length=150, help_text="Id or username of the agent."
    )


class DeskTicketView(ApiView):
    """A ticket opens a desk's socket once, within 30 seconds."""

    permission_classes = (ConversationsWrite,)

    @extend_schema(
        request=DeskTicketIn,
        responses={201: SocketTicketOut},
        summary="A ticket for the desk's socket",
    )
    def post(self, request: Request) -> Response:
        """Whoever holds the socket answers customers; 503 while Redis does not answer.

        Who is no agent may look, and lead if their role allows.
        """
        caller, tenant = caller_of(request), tenant_of(request).pk
        asked = read_form(DeskTicketIn, request.data)
        agent = agents.agent_of(tenant, caller.client)
        if (name := asked.get("agent")) is not None:
            found = agents.find_agent(tenant, name)
            if caller.client.startswith("user:") and found != agent:
                raise NotYourDesk
            agent = found
        facts = {"agent": str(agent.pk) if agent else "", "role": caller.role}
        claim = Claim(DESK, tenant, caller.client, facts)
        return Response(SocketTicketOut(tickets.issue(claim)).data, status=201)
