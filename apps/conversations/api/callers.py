"""For whom a request speaks."""

from uuid import UUID

from rest_framework.request import Request

from apps.conversations.lifecycle import Sender
from apps.core.exceptions import Forbidden
from apps.core.problems import Malformed
from apps.tenants.authentication import caller_of
from apps.tenants.models import Role

PEOPLE = frozenset({Role.AGENT, Role.SUPERVISOR})
"""Roles of people who answer customers; what they send comes from an agent."""


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
        return Sender.AGENT.value, caller.client
    return asked or Sender.CUSTOMER.value, ""


def agent_asked(request: Request) -> UUID | None:
    """The agent of the query: an id, or `me`. Raises `Malformed`."""
    return uuid_asked(request, "agent")


def uuid_asked(request: Request, name: str) -> UUID | None:
    """The id that a parameter of the query holds. Raises `Malformed`."""
    text = request.query_params.get(name)
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError:
        detail = "This is no id."
        raise Malformed(errors=[{"field": name, "code": "invalid", "detail": detail}]) from None
