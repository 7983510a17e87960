"""For whom a request speaks."""

from uuid import UUID

from rest_framework.request import Request

from apps.agents import selectors as agents
from apps.conversations.lifecycle import Sender
from apps.core.exceptions import Forbidden
from apps.tenants.authentication import Caller, caller_of
from apps.tenants.models import Role

PEOPLE = frozenset({Role.AGENT, Role.SUPERVISOR})
"""Roles of people who answer customers; what they send comes from an agent."""


class NoAgent(Forbidden):
    """You are signed in, but no agent of this tenant."""


class NotYourVoice(Forbidden):
    """People write as agents; only a program's key writes as somebody else."""


def sender_of(request: Request, asked: str | None) -> tuple[str, str]:
    """Sender and sender's id of what a request sends.

    A program (owner, admin, service) may say for whom it speaks, the customer unless it does; people
    speak for themselves. Raises `NotYourVoice`.
    """
    caller = caller_of(request)
    if caller.role in PEOPLE:
        if asked not in (None, Sender.AGENT):
            raise NotYourVoice(sender=asked)
        return Sender.AGENT.value, _name_of(caller)
    if asked == Sender.AGENT:  # an owner at the desk is an agent like the others
        return Sender.AGENT.value, _name_of(caller)
    return asked or Sender.CUSTOMER.value, ""


def _name_of(caller: Caller) -> str:
    """The agent's id where the caller is one, else the name of their sign-in."""
    agent = agents.agent_of(caller.tenant.pk, caller.client)
    return caller.client if agent is None else str(agent.pk)


def own_agent(request: Request) -> UUID:
    """The agent that the caller is. Raises `NoAgent`."""
    caller = caller_of(request)
    agent = agents.agent_of(caller.tenant.pk, caller.client)
    if agent is None:
        raise NoAgent(client=caller.client)
    return agent.pk
